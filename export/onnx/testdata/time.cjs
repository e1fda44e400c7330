// Measures an ONNX file in ONNX Runtime on one thread, one line of JSON:
//
//   node time.cjs FOLDER_OF_NODE_MODULES FILE.onnx SECONDS [TIME]
//
// Batch 1, random input, TIME steps (16); a state is carried on. The clock stands around run() alone.
const { createRequire } = require("module");
const fs = require("fs");
const path = require("path");

const [modules, file, seconds, time = 16] = process.argv.slice(2);
const ort = createRequire(path.resolve(modules, "package.json"))("onnxruntime-node");

const input = ({ name, type, shape }) => {
  const dims = shape.map((n) => (n === "batch" ? 1 : n === "time" ? +time : n));
  const n = dims.reduce((a, b) => a * b, 1);
  if (type === "uint8") return new ort.Tensor(type, Uint8Array.from({ length: n }, () => 256 * Math.random()), dims);
  if (type === "int64") return new ort.Tensor(type, BigInt64Array.from({ length: n }, () => BigInt(time)), dims);
  return new ort.Tensor(type, Float32Array.from({ length: n }, () => (name === "state" ? 0 : Math.random())), dims);
};

async function main() {
  const session = await ort.InferenceSession.create(file, { executionProviders: ["cpu"], intraOpNumThreads: 1, interOpNumThreads: 1 });
  const feeds = Object.fromEntries(session.inputMetadata.map((m) => [m.name, input(m)]));
  const took = [];
  for (const t = Date.now(); took.length < 20 || Date.now() - t < 1000 * seconds; ) {
    const start = process.hrtime.bigint();
    const out = await session.run(feeds);
    took.push(Number(process.hrtime.bigint() - start) / 1e6);
    if (out.next_state) feeds.state = out.next_state;
  }
  const late = took.slice(took.length >> 3).sort((a, b) => a - b); // the first are a warm-up
  const peak = /VmHWM:\s+(\d+)/.exec(fs.readFileSync("/proc/self/status", "utf8"));
  console.log(JSON.stringify({ ms: late[late.length >> 1], fastest_ms: late[0], runs: late.length, rss_mib: peak[1] / 1024 }));
}

main().catch((e) => {
  console.error(String(e));
  process.exit(1);
});
