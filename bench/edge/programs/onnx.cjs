// Runs an exported model, step by step, over the clips of a file; what is printed is said in ours.go: node onnx.cjs FOLDER_OF_NODE_MODULES FILE.onnx CLIPS
const { createRequire } = require("module");
const fs = require("fs");
const path = require("path");

const [modules, file, clips] = process.argv.slice(2);
const ort = createRequire(path.resolve(modules, "package.json"))("onnxruntime-node");

async function main() {
  const session = await ort.InferenceSession.create(file, { executionProviders: ["cpu"], intraOpNumThreads: 1, interOpNumThreads: 1 });
  const shape = Object.fromEntries(session.inputMetadata.map((m) => [m.name, [1, ...m.shape.slice(1)]]));
  const older = session.inputNames.filter((name) => name.startsWith("earlier")); // one for each lag, in their order
  const f = fs.openSync(clips, "r");
  const read = (n) => {
    const b = Buffer.alloc(n);
    if (fs.readSync(f, b, 0, n, null) !== n) throw new Error(`${clips} is cut short`);
    return b;
  };
  const head = read(12);
  const [count, steps, size] = [0, 4, 8].map((at) => head.readInt32LE(at));
  const took = [];
  for (let clip = 0; clip < count; clip++) {
    let state = new ort.Tensor("float32", new Float32Array(shape.state[1]), shape.state);
    let out;
    for (let step = 0; step < steps; step++) {
      const feeds = { frame: new ort.Tensor("uint8", read(size), shape.frame), state };
      for (const name of older) feeds[name] = new ort.Tensor("uint8", read(size), shape.frame);
      const start = process.hrtime.bigint();
      out = await session.run(feeds);
      took.push(Number(process.hrtime.bigint() - start) / 1e6);
      state = out.next_state;
    }
    fs.writeSync(1, Buffer.from(out.logits.data.buffer, out.logits.data.byteOffset, out.logits.data.byteLength));
  }
  const kB = /VmHWM:\s+(\d+)/.exec(fs.readFileSync("/proc/self/status", "utf8"))[1];
  took.sort((a, b) => a - b);
  console.error(JSON.stringify({ ms: took[took.length >> 1], memory: 1024 * kB }));
}

main().catch((e) => {
  console.error(String(e));
  process.exit(1);
});
