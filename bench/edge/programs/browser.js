// Runs the engine of an exported page over the clips of a file, in the page: the value is {logits, ms, memory, file}.
(async () => {
  const { Engine, engineFile } = await import("./engine.js");
  const load = async (name) => (await fetch(name)).arrayBuffer();
  const engine = await Engine.create(...(await Promise.all([load(engineFile()), load("model.bin")])));
  const { frame } = engine.meta, { lags } = engine;
  const each = 1 + lags.length; // frames of a step
  const pictureOf = (bytes) => {
    const channels = bytes.length / (frame.height * frame.width);
    const data = new Uint8ClampedArray(4 * frame.height * frame.width).fill(255);
    for (let i = 0; i < frame.height * frame.width; i++) for (let c = 0; c < 3; c++) data[4 * i + c] = bytes[channels * i + (c % channels)];
    return { height: frame.height, width: frame.width, data };
  };
  const head = new DataView(await load("clips.bin?from=0&to=12"));
  const [count, steps, size] = [0, 4, 8].map((at) => head.getInt32(at, true));
  const logits = [];
  const took = [];
  for (let clip = 0; clip < count; clip++) {
    const from = 12 + each * size * steps * clip;
    const bytes = new Uint8Array(await load(`clips.bin?from=${from}&to=${from + each * size * steps}`));
    const pictures = [];
    for (let k = 0; k < each * steps; k++) pictures.push(pictureOf(bytes.subarray(k * size, (k + 1) * size)));
    engine.reset();
    let out;
    let ms = 0;
    for (let k = 0; k < steps; k++) {
      for (let i = 1; i < each; i++) engine.shape(i, pictures[each * k + i]);
      const start = performance.now();
      engine.shape(0, pictures[each * k]);
      engine.look(0, lags.map((_, i) => 1 + i));
      engine.put(0);
      out = engine.step(0);
      ms += performance.now() - start; // a browser's clock is coarse: clips are timed, not frames
    }
    took.push(ms / steps);
    logits.push(...out);
  }
  took.sort((a, b) => a - b);
  return { logits, ms: took[took.length >> 1], memory: engine.wasm.memory.buffer.byteLength, file: engineFile() };
})()
