// Runs the engine on rows: node run.mjs ENGINE.js ENGINE.wasm CASES.json. Each case names a model.bin and a file of float32 rows;
// what is printed is a JSON list with the logits after every row of each case.
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
  const rows = new Float32Array(buffer(c.rows));
  const logits = [];
  for (let again = 0; again < 2; again++) {
    engine.reset();
    logits.length = 0;
    for (let t = 0; t < rows.length / c.width; t++) {
      engine.floats(engine.wasm.input(), c.width).set(rows.subarray(t * c.width, (t + 1) * c.width));
      engine.put(t % c.slots);
      logits.push(Array.from(engine.step(t % c.slots)));
    }
  }
  out.push(logits);
}
console.log(JSON.stringify(out));
