// Numbers as text, and elements.

export const count = (n) => n.toLocaleString("en");

/** 59244544 as 59.2 million. */
export function about(n) {
  for (const [unit, name] of [[1e9, "billion"], [1e6, "million"]]) {
    if (n >= unit) return `${(n / unit).toFixed(n < 100 * unit ? 1 : 0)} ${name}`;
  }
  return count(n);
}

export function size(bytes) {
  for (const [unit, name] of [[1e9, "GB"], [1e6, "MB"], [1e3, "KB"]]) {
    if (bytes >= unit) return `${(bytes / unit).toFixed(bytes < 10 * unit ? 1 : 0)} ${name}`;
  }
  return `${bytes} bytes`;
}

export const percent = (p) => `${p < 0.0005 ? 0 : p < 0.0995 ? (100 * p).toFixed(1) : Math.round(100 * p)} %`;

export const time = (ms) => (ms < 1000 ? `${ms.toFixed(ms < 10 ? 1 : 0)} ms` : `${(ms / 1000).toFixed(1)} s`);

/** An element with attributes and children, which may be text. */
export const html = (tag, attributes = {}, ...children) => fill(document.createElement(tag), attributes, children);

export const svg = (tag, attributes = {}, ...children) => fill(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}
