// The chart of classes: a row each, its share as it was over time and as it is.

import { html, percent, svg } from "./text.js";

const most = 6; // rows
const span = 150; // steps of a stream that are shown
const slow = 0.85; // of the mean that says which rows stay

export class Rows {
  constructor(list) {
    this.list = list;
    this.rows = Array.from({ length: most }, () => {
      const name = html("span", { class: "name" }), share = html("span", { class: "share number" });
      const area = svg("path", { class: "area" }), line = svg("path", { class: "line" }), marks = svg("path", { class: "marks" });
      const chart = svg("svg", { preserveAspectRatio: "none", "aria-hidden": "true" }, marks, area, line);
      const row = html("li", {}, name, share, html("span", { class: "chart" }, chart));
      return { row, name, share, chart, area, line, marks };
    });
    this.clear([]);
  }

  /** Shows classes that nothing is known of yet. */
  clear(labels) {
    this.labels = labels;
    this.slots = labels.slice(0, most);
    this.past = new Map(this.slots.map((label) => [label, { values: [], mean: 0 }]));
    this.length = 0; // steps in the chart
    this.width = span;
    this.starts = []; // steps at which a sequence began
    this.at(null);
    this.draw();
  }

  /** Adds what a step of a stream says: its most probable classes. start: it is the first of a sequence. */
  add(top, start) {
    if (start) this.starts.push(this.length);
    for (const { label, probability } of top) this.of(label).values[this.length] = probability;
    this.length++;
    for (const past of this.past.values()) {
      const p = (past.values[this.length - 1] ??= 0); // what is not among the most probable counts as nothing
      past.mean = slow * past.mean + (1 - slow) * p;
    }
    if (this.length > span) {
      for (const past of this.past.values()) past.values.shift();
      this.length--;
      this.starts = this.starts.map((at) => at - 1).filter((at) => at >= 0);
    }
    for (const { label, probability } of top) this.place(label, probability);
    this.wanted ??= requestAnimationFrame(() => this.draw());
  }

  /** Shows a whole clip: the probabilities of all classes after each step. */
  show(steps) {
    const last = steps.at(-1);
    const order = this.labels.map((_, k) => k).sort((a, b) => last[b] - last[a]);
    this.slots = order.slice(0, most).map((k) => this.labels[k]);
    this.past = new Map(order.slice(0, most).map((k) => [this.labels[k], { values: steps.map((probs) => probs[k]), mean: 0 }]));
    this.length = this.width = steps.length;
    this.starts = [];
    this.draw();
  }

  /** Marks a place between the first step, 0, and the last, 1; null for none. */
  at(place) {
    this.list.classList.toggle("placed", place !== null);
    if (place !== null) this.list.style.setProperty("--at", place.toFixed(4));
  }

  of(label) {
    let past = this.past.get(label);
    if (!past) this.past.set(label, (past = { values: new Array(this.length).fill(0), mean: 0 }));
    return past;
  }

  /** Gives a class a row: a free one, or that of a class which has been less probable for a while. Rows stay where they are, so that the eye can follow them. */
  place(label, probability) {
    if (this.slots.includes(label)) return;
    if (this.slots.length < most) {
      this.slots.push(label);
      return;
    }
    const means = this.slots.map((s) => this.past.get(s).mean);
    const least = means.indexOf(Math.min(...means));
    if (probability > 1.5 * means[least]) this.slots[least] = label;
  }

  draw() {
    this.wanted = undefined;
    const now = this.slots.map((label) => this.past.get(label).values.at(-1) ?? -1);
    const best = now.indexOf(Math.max(...now));
    this.rows.forEach((r, i) => {
      const label = this.slots[i];
      if (label === undefined) return r.row.remove();
      if (!r.row.isConnected) this.list.append(r.row);
      const { values } = this.past.get(label);
      r.name.textContent = r.name.title = label;
      r.share.textContent = values.length ? percent(values.at(-1)) : "";
      r.row.classList.toggle("first", values.length > 0 && i === best);
      this.plot(r, values);
    });
  }

  plot({ chart, area, line, marks }, values) {
    const top = (p) => (100 - 96 * p).toFixed(1); // of 100, leaving room for the line
    if (this.width === 1) { // one answer and no time: a bar
      chart.setAttribute("viewBox", "0 0 1 100");
      area.setAttribute("d", values.length ? `M0 70H${values[0]}V100H0Z` : "");
      line.setAttribute("d", "");
      marks.setAttribute("d", "");
      return;
    }
    const first = this.width - values.length; // the newest is at the right
    chart.setAttribute("viewBox", `0 0 ${this.width - 1} 100`);
    const points = values.map((p, i) => `${first + i} ${top(p)}`).join("L");
    line.setAttribute("d", points && `M${points}`);
    area.setAttribute("d", points && `M${first} 100L${points}V100Z`);
    marks.setAttribute("d", this.starts.map((at) => `M${first + at} 0V100`).join(""));
  }
}
