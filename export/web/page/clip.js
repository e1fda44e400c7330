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
    const opened = this.shown(() => true);
    video.srcObject = null;
    video.src = this.url = URL.createObjectURL(file);
    await this.wait("loadeddata");
    await opened; // so that what is on the screen from now on is what was asked for
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

  /** Seconds from a frame to the next: two neighbours say it roughly, frames farther and farther apart say it well, as their times are rounded. */
  async measure() {
    const { duration } = this.video;
    const guess = Math.min(1 / 30, duration);
    const first = await this.seek(duration > 2 ? duration / 3 : duration / 1000);
    if (first === undefined) return guess;
    let tick;
    for (let d = 1 / 240; !tick && first + d < duration; d *= 1.5) {
      const next = await this.seek(first + d);
      if (next > first) tick = next - first;
    }
    if (!tick) return duration;
    for (let far = 8; ; far *= 8) {
      const n = Math.min(far, Math.floor((duration - first) / tick) - 1);
      const then = n > 1 && (await this.seek(first + (n + 0.5) * tick));
      if (then > first) tick = (then - first) / Math.round((then - first) / tick);
      if (n < far) return tick;
    }
  }

  /** Goes to time t and waits until its frame is on the screen, which may be later than the browser says that it is there. Returns when that frame
   * begins; undefined where the browser does not say. */
  async seek(t) {
    if (t === this.at) return this.begin; // to go where it is shows nothing new
    const shown = this.shown((time) => time < t + 1e-4 && time > t - 1.5 * (this.tick ?? Infinity));
    this.video.currentTime = this.at = t;
    await this.wait("seeked");
    return (this.begin = await shown);
  }

  /** The time of the next frame on the screen that fits; undefined where the browser does not say, or after a second. */
  shown(fits) {
    const { video } = this;
    if (!video.requestVideoFrameCallback) return undefined;
    return new Promise((resolve) => {
      let request = 0;
      const late = setTimeout(() => {
        video.cancelVideoFrameCallback(request);
        resolve(undefined);
      }, 1000);
      const see = (_, { mediaTime }) => {
        if (fits(mediaTime)) {
          clearTimeout(late);
          resolve(mediaTime);
        } else {
          request = video.requestVideoFrameCallback(see);
        }
      };
      request = video.requestVideoFrameCallback(see);
    });
  }

  /** The picture of frame i. */
  async picture(i) {
    this.signal.throwIfAborted();
    await this.seek(Math.min((i + 0.5) * this.tick, this.video.duration - this.tick / 4));
    this.signal.throwIfAborted(); // the <video> shows another's frames now
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
