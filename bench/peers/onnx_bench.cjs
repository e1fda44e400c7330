// Measures one pass of an ONNX file in ONNX Runtime, one line of JSON:
//
//   node onnx_bench.cjs FOLDER_OF_NODE_MODULES FILE.onnx THREADS SECONDS
//
// Inputs are x, h and c, outputs hn and cn; the state is carried.
const { createRequire } = require("module");
const fs = require("fs");
const path = require("path");

const [modules, file, threads, seconds] = process.argv.slice(2);
const ort = createRequire(path.resolve(modules, "package.json"))("onnxruntime-node");

const random = (dims) => {
  const data = new Float32Array(dims.reduce((a, b) => a * b, 1));
  for (let i = 0; i < data.length; i++) data[i] = 2 * Math.random() - 1;
  return new ort.Tensor("float32", data, dims);
};

const zeros = (dims) => new ort.Tensor("float32", new Float32Array(dims.reduce((a, b) => a * b, 1)), dims);

// As fdht bench does it: a warm-up, then at least three runs and so many seconds. The clock stands around run() alone.
async function main() {
  const session = await ort.InferenceSession.create(file, {
    executionProviders: ["cpu"], intraOpNumThreads: +threads, interOpNumThreads: 1, executionMode: "sequential", graphOptimizationLevel: "all",
  });
  const shapes = Object.fromEntries(session.inputMetadata.map((m) => [m.name, m.shape]));
  const feeds = { x: random(shapes.x), h: zeros(shapes.h), c: zeros(shapes.c) };
  const run = async () => {
    const start = process.hrtime.bigint();
    const out = await session.run(feeds);
    const took = Number(process.hrtime.bigint() - start) / 1e6;
    feeds.h = out.hn;
    feeds.c = out.cn;
    return took;
  };
  const since = (t) => (Date.now() - t) / 1000;
  await run();
  for (const t = Date.now(); since(t) < seconds / 10; ) await run();
  const took = [];
  for (const t = Date.now(); took.length < 3 || since(t) < seconds; ) took.push(await run());
  took.sort((a, b) => a - b);
  if (!feeds.h.data.every(Number.isFinite)) throw new Error("the state is not finite");
  const peak = /VmHWM:\s+(\d+)/.exec(fs.readFileSync("/proc/self/status", "utf8"));
  const version = createRequire(path.resolve(modules, "package.json"))("onnxruntime-node/package.json").version;
  console.log(JSON.stringify({ ms: took[took.length >> 1], rss_mib: peak[1] / 1024, version }));
}

main().catch((e) => {
  console.error(String(e));
  process.exit(1);
});
