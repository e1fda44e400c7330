// The answers as text: a list of what was said from when on, and now and then a line to be read aloud.

import { html, percent } from "./text.js";

const most = 40; // lines
const pause = 4000; // between lines that are read aloud, in milliseconds
const steady = 800; // that an answer stays before it is

export class Story {
  constructor(list, aloud) {
    this.list = list;
    this.aloud = aloud;
    this.clear();
  }

  clear() {
    this.list.replaceChildren();
    this.aloud.textContent = "";
    this.label = this.told = undefined;
    this.begun = this.since = performance.now();
    this.spoken = -Infinity;
  }

  /** Tells a whole clip: its label after each step, and a sentence. */
  clip(labels, sentence) {
    let from = 0;
    for (let k = 1; k <= labels.length; k++) {
      if (labels[k] === labels[from]) continue;
      this.add(`${from + 1 === k ? `step ${k}` : `steps ${from + 1} to ${k}`}: ${labels[from]}`);
      from = k;
    }
    this.aloud.textContent = sentence;
  }

  /** Tells the answer to a frame. */
  stream(label, probability) {
    const now = performance.now();
    if (label !== this.label) {
      this.label = label;
      this.since = now;
      this.add(`${((now - this.begun) / 1000).toFixed(1)} s: ${label}`);
    }
    if (label === this.told || now - this.since < steady || now - this.spoken < pause) return;
    this.told = label;
    this.spoken = now;
    this.aloud.textContent = `${label}, ${percent(probability)}`;
  }

  add(text) {
    if (this.list.childElementCount === most) this.list.firstElementChild.remove();
    this.list.append(html("li", {}, text));
  }
}
