// Runs ONNX files in ONNX Runtime:
//
//   node run.cjs FOLDER_OF_NODE_MODULES FOLDER
//
// FOLDER/runs.json is a list of {file, feeds: [{name: {type, dims, file}}], state}. Each entry of feeds is one run of the model; where state is
// there, its shape, the input state is zeros at first, then next_state. The logits of all runs go to file + ".logits", one after the other.
const { createRequire } = require("module");
const fs = require("fs");
const path = require("path");

const [modules, folder] = process.argv.slice(2);
const ort = createRequire(path.resolve(modules, "package.json"))("onnxruntime-node");
const arrays = { float32: Float32Array, uint8: Uint8Array, int64: BigInt64Array };

const tensor = ({ type, dims, file }) => {
  const bytes = fs.readFileSync(path.join(folder, file));
  return new ort.Tensor(type, new arrays[type](bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length)), dims);
};

async function main() {
  for (const run of JSON.parse(fs.readFileSync(path.join(folder, "runs.json")))) {
    const file = path.join(folder, run.file);
    try {
      const session = await ort.InferenceSession.create(file, { intraOpNumThreads: 1, interOpNumThreads: 1 });
      const logits = [];
      let state = run.state && new ort.Tensor("float32", new Float32Array(run.state[0] * run.state[1]), run.state);
      for (const feed of run.feeds) {
        const feeds = Object.fromEntries(Object.entries(feed).map(([name, t]) => [name, tensor(t)]));
        if (state) feeds.state = state;
        const out = await session.run(feeds);
        state = out.next_state;
        logits.push(Buffer.from(out.logits.data.slice().buffer));
      }
      fs.writeFileSync(file + ".logits", Buffer.concat(logits));
      await session.release();
    } catch (e) {
      throw new Error(run.file + ": " + e.message);
    }
  }
}

main().catch((e) => {
  console.error(String(e));
  process.exit(1);
});
