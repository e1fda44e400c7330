// What a model is: its numbers, how much smaller than dense it is, and its structure.

import { about, count, html, size, svg } from "./text.js";
import { picture } from "./tree.js";

const cells = { lstm: "LSTM", gru: "GRU", rnn: "RNN" };
const inputs = { rgb: "in colour", grey: "in grey", diff: "as change", "grey+diff": "in grey and as change" };

/** What a model takes, in words. */
export function taken({ frame, input }) {
  return frame ? `${frame.width} × ${frame.height} frames ${inputs[frame.input] ?? ""}`.trim() : `rows of ${count(input)} numbers`;
}

/** What to send of a frame: networks of colour alone look at colour. */
export const format = ({ input }) => (input === "rgb" ? "rgb" : "grey");

/** Shows a model's card. */
export function describe(card, { lede, ratio, numbers, structure }) {
  const { cell, weights, dense_weights, labels } = card;
  const small = dense_weights > 1.05 * weights;
  const name = `${["a", "e", "f", "h", "i", "l", "m", "n", "o", "r", "s", "x"].includes(cell[0]) ? "An" : "A"} ${cells[cell] ?? cell}`;
  lede.textContent =
    `${name} of ${count(weights)} recurrent weights${small ? `; dense, it would have ${about(dense_weights)}` : ""}. ` +
    `It takes ${taken(card)} and knows ${count(labels.length)} classes.`;
  ratio.replaceChildren(...(small ? compare(card) : []));
  ratio.hidden = !small;
  numbers.replaceChildren(...facts(card).map(([term, value]) => html("div", {}, html("dt", {}, term), html("dd", { class: "number" }, value))));
  structure.replaceChildren(...card.matrices.map(picture));
}

function facts({ weights, biases, head, bytes, dense_weights, mac_per_frame, input, hidden, layers, bidirectional, steps, pooling }) {
  return [
    ["recurrent weights", count(weights)],
    ["biases and head", count(biases + head)],
    ["model file", size(bytes)],
    ["dense, as float32", size(4 * (dense_weights + biases + head))],
    ["multiply-adds a step", about(mac_per_frame)],
    ["inputs", count(input)],
    ["hidden units", `${count(hidden)}${layers > 1 ? `, ${layers} layers` : ""}${bidirectional ? ", both ways" : ""}`],
    ["steps of a clip", steps ? count(steps) : "all"],
    ["answer from", { last: "last step", mean: "mean of steps" }[pooling] ?? pooling],
  ];
}

/** As many dots as the dense network is times this one. */
function compare({ cell, weights, dense_weights, ratio }) {
  const dots = Math.floor(ratio);
  const columns = Math.max(8, Math.ceil(Math.sqrt(dots * 1.9)));
  const whole = Math.floor(dots / columns), rest = dots % columns, rows = whole + (rest > 0);
  const dot = svg("pattern", { id: "dot", width: 1, height: 1, patternUnits: "userSpaceOnUse" }, svg("circle", { class: "dense", cx: 0.5, cy: 0.5, r: 0.34 }));
  const at = { cx: Math.floor(columns / 12) + 0.5, cy: Math.floor(rows / 5) + 0.5 };
  const one = [svg("circle", { class: "one", ...at, r: Math.max(0.42, columns / 260) })];
  if (columns > 20) one.unshift(svg("circle", { class: "ring", ...at, r: columns / 60 + 0.5 })); // for the eye to find it
  const what = `${count(dots)} dots, one of which is this network; all of them are the dense one`;
  const image = svg("svg", { viewBox: `0 0 ${columns} ${rows}`, role: "img", "aria-label": what }, svg("defs", {}, dot));
  if (whole) image.append(svg("rect", { width: columns, height: whole, fill: "url(#dot)" }));
  if (rest) image.append(svg("rect", { y: whole, width: rest, height: 1, fill: "url(#dot)" }));
  image.append(...one);
  const key = (name, text) => html("p", { class: "key" }, html("span", { class: `dot ${name}`, "aria-hidden": "true" }), text);
  return [
    html("p", { class: "times number" }, `${count(dots)} ×`),
    html("p", { class: "overline" }, "fewer recurrent weights"),
    image,
    html("figcaption", {}, key("one", `this network: ${count(weights)} weights, one dot`), key("all", `the same ${cells[cell] ?? cell}, dense: ${count(dense_weights)}, all ${count(dots)} dots`)),
  ];
}
