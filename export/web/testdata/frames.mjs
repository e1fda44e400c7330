// Runs the engine on pictures: node frames.mjs ENGINE.js ENGINE.wasm CASES.json. Each case names a model.bin and a file of RGBA pictures
// [n][height][width], and the pictures that steps take; what is printed is a JSON list of the last logits: of steps that are given older
// pictures, then of the same steps of a video that is watched.
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
    for (const [k, lag] of engine.lags.entries()) engine.shape(1 + k, picture(Math.max(i - lag, 0)));
    engine.shape(0, picture(i));
    engine.look(0, engine.lags.map((_, k) => 1 + k));
    engine.put(0);
    logits = engine.step(0);
  }
  engine.reset();
  let watched;
  for (let i = 0; i * size < pictures.byteLength; i++) {
    engine.watch(picture(i));
    if (!c.steps.includes(i)) continue;
    engine.put(0);
    watched = engine.step(0);
  }
  out.push([Array.from(logits), Array.from(watched)]);
}
console.log(JSON.stringify(out));
