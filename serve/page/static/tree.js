// A structured matrix as a picture: its factors as circles whose areas are their weights, joined by their ranks.

import { count, html, svg } from "./text.js";

const column = 88, level = 88, edge = 32; // between leaves, between levels, around all

/** A figure of a matrix of a model's card, and the same as a table. */
export function picture(matrix) {
  const drawn = matrix.tree ? tree(matrix.tree) : { tt: chain, tr: chain, bt: star }[matrix.kind]?.(matrix);
  const title = heading(matrix);
  if (!drawn) return html("figure", { class: "structure" }, html("h3", {}, title), html("figcaption", {}, `All ${count(matrix.weights)} weights are there: nothing is factored.`));
  const scroll = html("div", { class: "scroll", role: "region", tabindex: "0", "aria-label": `Drawing: ${title}` }, drawn);
  return html("figure", { class: "structure" }, html("h3", {}, title), html("figcaption", {}, legend(matrix)), html("div", { class: "parts" }, scroll, table(matrix, title)));
}

function heading({ kind, part, name, rows, columns }) {
  const what = { ht: "Hierarchical Tucker", tt: "Tensor train", tr: "Tensor ring", bt: "Block terms", dense: "Dense" }[kind] ?? kind;
  const half = { input: ", input half", hidden: ", hidden half" }[part] ?? "";
  return `${what}: ${name}${half}, ${count(rows)} × ${count(columns)}`;
}

function legend({ kind, factors }) {
  const ends = { ht: "Below a leaf: the input and output mode that it joins.", bt: `One of ${count(factors.filter(({ name }) => name.endsWith("core")).length)} blocks.` };
  return `A circle’s area is its weights; a line’s number is its rank. ${ends[kind] ?? "Below a core: the input and output mode that it joins."}`;
}

const short = 12; // factors whose table is open

function table({ factors }, title) {
  const head = html("tr", {}, ...["Factor", "Shape", "Weights"].map((text) => html("th", { scope: "col" }, text)));
  const rows = factors.map(({ name, shape, weights }) => html("tr", {}, html("th", { scope: "row" }, name), html("td", {}, shape.join(" × ")), html("td", {}, count(weights))));
  const all = html("table", {}, html("thead", {}, head), html("tbody", {}, ...rows));
  const scroll = html("div", { class: "scroll", role: "region", tabindex: "0", "aria-label": `Factors: ${title}` }, all);
  return html("details", factors.length > short ? {} : { open: "" }, html("summary", {}, "Factors"), scroll);
}

/** Draws a node of the card and all below it: leaves side by side, parents above the middle of their children. */
function tree(root) {
  const depth = (node) => 1 + Math.max(0, ...(node.children ?? []).map(depth));
  const deep = depth(root);
  const scale = scaled(flat(root));
  const edges = [], nodes = [];
  let leaves = 0;
  const place = (node, above) => {
    const children = (node.children ?? []).map((child) => place(child, above + 1));
    const leaf = children.length === 0;
    const at = leaf
      ? { x: edge + column * (leaves++ + 0.5), y: edge + level * (deep - 1) }
      : { x: (children[0].x + children.at(-1).x) / 2, y: edge + level * above };
    node.children?.forEach((child, i) => edges.push(line(at, children[i], child.rank)));
    nodes.push(circle(at, node, scale, leaf ? modes(node) : undefined));
    return at;
  };
  place(root, 0);
  return drawing(column * leaves + 2 * edge, level * (deep - 1) + 2 * edge + 44, "Dimension tree", edges, nodes);
}

/** Draws the cores of a train side by side, those of a ring with a line around. */
function chain({ kind, in: into, out, factors }) {
  const scale = scaled(factors);
  const at = factors.map((_, k) => ({ x: edge + column * (k + 0.5), y: edge + 40 }));
  const edges = factors.slice(1).map(({ shape }, k) => line(at[k], at[k + 1], shape[0]));
  if (kind === "tr" && factors.length > 1) {
    const [a, b] = [at[0], at.at(-1)];
    edges.push(svg("path", { class: "edge", d: `M${a.x} ${a.y}C${a.x} ${a.y - 70},${b.x} ${b.y - 70},${b.x} ${b.y}` }), rank({ x: (a.x + b.x) / 2, y: a.y - 52 }, factors[0].shape[0]));
  }
  const nodes = factors.map((f, k) => circle(at[k], f, scale, `${into[k]} × ${out[k]}`));
  return drawing(column * factors.length + 2 * edge, 40 + 2 * edge + 44, kind === "tr" ? "Ring of cores" : "Train of cores", edges, nodes);
}

/** Draws a block: its core above its factors. */
function star({ in: into, out, factors }) {
  const core = factors.findIndex(({ name }) => name.endsWith("core"));
  const children = factors.slice(0, core).map((f, k) => ({ ...f, in: into[k], out: out[k], rank: f.shape.at(-1) }));
  return tree({ ...factors[core], children });
}

const flat = (node) => [node, ...(node.children ?? []).flatMap(flat)];

/** The radius of a number of weights. */
function scaled(nodes) {
  const most = Math.max(...nodes.map(({ weights }) => weights));
  return (weights) => Math.max(5, 30 * Math.sqrt(weights / most));
}

const modes = (node) => `${node.in} × ${node.out}`;

function line(a, b, n) {
  const edge = svg("path", { class: "edge", d: `M${a.x} ${a.y}L${b.x} ${b.y}` });
  return svg("g", {}, edge, rank({ x: (a.x + b.x) / 2, y: (a.y + b.y) / 2 + 4 }, n));
}

const rank = ({ x, y }, n) => svg("text", { class: "rank", x, y, "text-anchor": "middle" }, String(n));

function circle({ x, y }, { name, shape, weights }, scale, below) {
  const r = scale(weights);
  const inside = r > 20;
  const node = svg("g", { class: "node" }, svg("title", {}, `${name}: ${shape.join(" × ")}, ${count(weights)} weights`), svg("circle", { cx: x, cy: y, r: r.toFixed(1) }));
  if (inside) node.append(svg("text", { class: "in", x, y: y + 4.5, "text-anchor": "middle" }, count(weights)));
  else node.append(svg("text", { class: "beside", x: x + r + 6, y: y - 6 }, count(weights)));
  if (below) node.append(svg("text", { class: "below", x, y: y + 50, "text-anchor": "middle" }, below));
  return node;
}

function drawing(width, height, what, edges, nodes) {
  const image = svg("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": `${what}, with the numbers of the table beside it` }, ...edges, ...nodes);
  image.style.minWidth = `${0.78 * width}px`; // below that it scrolls, as its text would be too small
  image.style.maxWidth = `${1.4 * width}px`;
  return image;
}
