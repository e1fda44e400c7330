// Frames of a clip, by the browser's own decoder: a <video> that is sent to the middle of each frame.

/** The longest side of a picture that is read out, in pixels; larger ones are made smaller first. */
const longest = 1280;

/** What is in a <video> now, as ImageData. */
export class Grabber {
  constructor(video) {
    this.video = video;
    this.canvas = document.createElement("canvas");
    this.context = this.canvas.getContext("2d", { willReadFrequently: true, alpha: false });
  }

  grab() {
    const { videoWidth, videoHeight } = this.video;
    const scale = Math.min(1, longest / Math.max(videoWidth, videoHeight));
    const width = Math.max(1, Math.round(videoWidth * scale));
    const height = Math.max(1, Math.round(videoHeight * scale));
    if (this.canvas.width !== width || this.canvas.height !== height) {
      this.canvas.width = width;
      this.canvas.height = height;
    }
    this.context.drawImage(this.video, 0, 0, width, height);
    return this.context.getImageData(0, 0, width, height);
  }
}

const event = (target, name, signal) =>
  new Promise((resolve, reject) => {
    target.addEventListener(name, resolve, { once: true, signal });
    signal.addEventListener("abort", () => reject(signal.reason), { once: true });
  });

/** A clip that is open: how many frames it has, and each of them. */
export class Clip {
  /** Opens a file in a <video>. */
  static async open(video, file, signal) {
    const clip = new Clip(video, signal);
    try {
      await clip.load(file);
      return clip;
    } catch (e) {
      clip.close(!signal.aborted);
      throw e;
    }
  }

  async load(file) {
    const { video } = this;
    const failed = new Promise((_, reject) => {
      video.onerror = () => reject(new Error(`this browser cannot play ${file.name}: try an mp4 or webm file`));
    });
    failed.catch(() => {});
    this.failed = failed;
    video.srcObject = null;
    video.src = this.url = URL.createObjectURL(file);
    await this.wait("loadeddata");
    if (!video.videoWidth) throw new Error(`${file.name} has no picture`);
    if (!Number.isFinite(video.duration)) {
      // what a browser has recorded does not say how long it is until its end was seen
      video.currentTime = 1e9;
      await this.wait("durationchange");
    }
    this.tick = await this.measure();
    this.length = Math.max(1, Math.round(video.duration / this.tick));
  }

  constructor(video, signal) {
    this.video = video;
    this.signal = signal;
    this.grabber = new Grabber(video);
  }

  wait(name) {
    return Promise.race([event(this.video, name, this.signal), this.failed]);
  }

  /** Seconds from a frame to the next, found by playing a moment. */
  async measure() {
    const { video } = this;
    const guess = Math.min(1 / 30, video.duration);
    if (!video.requestVideoFrameCallback) return guess;
    const times = new Set();
    video.muted = true;
    video.currentTime = 0;
    await this.wait("seeked");
    await new Promise((resolve) => {
      let request = 0;
      const stop = () => {
        video.cancelVideoFrameCallback(request);
        clearTimeout(timer);
        resolve();
      };
      const see = (_, { mediaTime }) => {
        times.add(mediaTime);
        request = video.requestVideoFrameCallback(see);
      };
      const timer = setTimeout(stop, 1000);
      request = video.requestVideoFrameCallback(see);
      video.addEventListener("ended", stop, { once: true });
      video.play().catch(stop);
    });
    video.pause();
    const seen = [...times].sort((a, b) => a - b);
    const gaps = seen.slice(1).map((t, i) => t - seen[i]);
    if (gaps.length === 0) return guess;
    const least = Math.min(...gaps);
    // a frame that the screen left out makes a gap of two
    const frames = gaps.reduce((n, gap) => n + Math.round(gap / least), 0);
    return (seen[seen.length - 1] - seen[0]) / frames;
  }

  /** The picture of frame i. */
  async picture(i) {
    this.signal.throwIfAborted();
    this.video.currentTime = Math.min((i + 0.5) * this.tick, this.video.duration - this.tick / 4);
    await this.wait("seeked");
    return this.grabber.grab();
  }

  /** Gives up the file; empty: the <video> is not in use for something else already. */
  close(empty) {
    URL.revokeObjectURL(this.url);
    if (!empty) return;
    this.video.onerror = null;
    this.video.removeAttribute("src");
    this.video.load();
  }
}

/** The frames that the steps take, as fdht predict takes them: the middle one of each of so many equal parts, or all. */
export function picks(length, steps, most) {
  const n = steps || Math.min(length, most);
  return Array.from({ length: n }, (_, k) => (steps ? Math.floor(((2 * k + 1) * length) / (2 * steps)) : k));
}
