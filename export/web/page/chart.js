// The bar chart of classes and the line above it.

const most = 24; // classes that have a bar each; of more, the first few are shown in their order
const few = 10;

export class Chart {
  constructor(list, label, classes) {
    this.label = label;
    this.classes = classes;
    this.all = classes.length <= most;
    this.rows = Array.from({ length: this.all ? classes.length : few }, () => {
      const row = document.createElement("li");
      const [name, share, bar] = ["name", "share number", "bar"].map((className) => Object.assign(document.createElement("span"), { className }));
      row.append(name, share, bar);
      list.append(row);
      return { row, name, share };
    });
    this.show(null, "");
  }

  /** Shows probabilities under a heading, by default the most probable class; null for none yet. */
  show(probs, heading) {
    const best = probs ? probs.indexOf(Math.max(...probs)) : -1;
    let order = this.classes.map((_, k) => k);
    if (!this.all && probs) order.sort((a, b) => probs[b] - probs[a]);
    this.rows.forEach(({ row, name, share }, i) => {
      const k = order[i];
      name.textContent = name.title = this.classes[k];
      share.textContent = probs ? percent(probs[k]) : "";
      row.style.setProperty("--share", probs ? probs[k].toFixed(4) : 0);
      row.classList.toggle("first", k === best);
    });
    const text = heading ?? this.classes[best];
    if (this.label.textContent !== text) this.label.textContent = text; // said aloud when it changes
  }
}

const percent = (p) => `${p < 0.0005 ? 0 : p < 0.0995 ? (100 * p).toFixed(1) : Math.round(100 * p)} %`;
