// The engine: a WebAssembly module that runs the program in model.bin.

// A module with one vector instruction: whether it is valid says whether the browser has vectors.
const vectors = Uint8Array.of(0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 10, 1, 8, 0, 65, 0, 253, 15, 253, 98, 11);

/** The file with the engine that is right for this browser. */
export function engineFile() {
  return WebAssembly.validate(vectors) ? "engine-simd.wasm" : "engine.wasm";
}

const magic = 0x54484446; // FDHT

export class Engine {
  /** An engine of the bytes of a module and of model.bin. */
  static async create(wasm, file) {
    const head = new DataView(file);
    if (file.byteLength < 8 || head.getUint32(0, true) !== magic) throw new Error("model.bin is damaged");
    const size = head.getUint32(4, true);
    const meta = JSON.parse(new TextDecoder().decode(new Uint8Array(file, 8, size)).trimEnd());
    const { instance } = await WebAssembly.instantiate(wasm, {});
    const engine = new Engine(instance.exports, meta);
    const program = new Uint8Array(file, 8 + size);
    const at = engine.wasm.room(program.length);
    if (at) engine.bytes(at, program.length).set(program);
    if (!at || !engine.wasm.start(at)) throw new Error("the browser has too little memory for this network");
    return engine;
  }

  constructor(wasm, meta) {
    this.wasm = wasm;
    this.meta = meta;
    /** Of differences: how many frames before a frame those are that it is compared with, rising. */
    this.lags = [meta.frame.lag].flat().filter((lag) => lag > 0);
    this.forget();
  }

  /** A view of the engine's memory; it ends when the engine takes more. */
  bytes(at, n) {
    return new Uint8Array(this.wasm.memory.buffer, at, n);
  }

  floats(at, n) {
    return new Float32Array(this.wasm.memory.buffer, at, n);
  }

  /** Makes frame n of a picture of the browser, an ImageData. */
  shape(n, picture) {
    const at = this.wasm.source(picture.height, picture.width);
    if (!at) throw new Error("the browser has too little memory for a picture of this size");
    this.bytes(at, picture.data.length).set(picture.data);
    this.wasm.shape(n);
  }

  /** Takes a frame as input, beside those that differences are to, one for each lag. Returns the picture that the network sees, RGBA, to keep. */
  look(now, before) {
    const { height, width } = this.meta.frame;
    for (const [k, n] of before.entries()) this.wasm.before(k, n);
    return new Uint8ClampedArray(this.bytes(this.wasm.row(now), 4 * height * width));
  }

  /** Looks at the next picture of a video beside those that it has kept, as many as it looks back on. */
  watch(picture) {
    const ring = Math.max(0, ...this.lags) + 1;
    const now = this.seen++;
    this.shape(now % ring, picture);
    return this.look(now % ring, this.lags.map((lag) => Math.max(now - lag, 0) % ring));
  }

  /** Begins another video to watch. */
  forget() {
    this.seen = 0;
  }

  /** Keeps the input half of what was looked at in a slot. */
  put(slot) {
    this.wasm.put(slot);
  }

  /** Begins a sequence. */
  reset() {
    this.wasm.reset();
  }

  /** Goes on with the frame in a slot; returns the logits of the sequence so far. */
  step(slot) {
    this.wasm.step(slot);
    return this.floats(this.wasm.logits(), this.meta.classes.length).slice();
  }
}

/** Probabilities of logits. */
export function softmax(logits) {
  const most = Math.max(...logits);
  const e = Array.from(logits, (z) => Math.exp(z - most));
  const sum = e.reduce((a, b) => a + b, 0);
  return e.map((v) => v / sum);
}
