// Runs the engine on pictures: node frames.mjs ENGINE.js ENGINE.wasm CASES.json. Each case names a model.bin and a file of RGBA pictures
// [n][height][width], and the pictures that each step takes beside the older ones; what is printed is a JSON list of the last logits.
import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

const [script, wasm, cases] = process.argv.slice(2);
const { Engine } = await import(pathToFileURL(script).href);
const buffer = (path) => {
  const b = readFileSync(path);
  return b.buffer.slice(b.byteOffset, b.byteOffset + b.length);
};
const module = buffer(wasm);
const out = [];
for (const c of JSON.parse(readFileSync(cases, "utf8"))) {
  const engine = await Engine.create(module, buffer(c.model));
  const size = c.height * c.width * 4;
  const pictures = buffer(c.pictures);
  const picture = (i) => ({ height: c.height, width: c.width, data: new Uint8ClampedArray(pictures.slice(i * size, (i + 1) * size)) });
  let logits;
  engine.shape(0, { height: 3, width: 200, data: new Uint8ClampedArray(2400) }); // another size before
  engine.reset();
  for (const i of c.steps) {
    if (c.lag) engine.shape(1, picture(Math.max(i - c.lag, 0)));
    engine.shape(0, picture(i));
    engine.look(0, c.lag ? 1 : 0);
    engine.put(0);
    logits = engine.step(0);
  }
  out.push(Array.from(logits));
}
console.log(JSON.stringify(out));
