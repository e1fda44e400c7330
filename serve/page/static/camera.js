// The camera's frames at the model's size.

export class Camera {
  /** Asks for the camera; frames are width x height, "grey" or "rgb". */
  static async open({ width, height, format }) {
    if (!navigator.mediaDevices?.getUserMedia) throw new Error("a browser gives its camera to pages on https and on localhost only");
    let tracks;
    try {
      tracks = await navigator.mediaDevices.getUserMedia({ video: { width: { ideal: 640 }, height: { ideal: 480 } }, audio: false });
    } catch (e) {
      throw new Error({ NotAllowedError: "the camera was not allowed", NotFoundError: "there is no camera" }[e.name] ?? `the camera does not start: ${e.message}`);
    }
    const video = Object.assign(document.createElement("video"), { muted: true, playsInline: true, srcObject: tracks });
    const camera = new Camera(video, tracks, width, height, format);
    await video.play();
    return camera;
  }

  constructor(video, tracks, width, height, format) {
    this.video = video;
    this.tracks = tracks;
    this.grey = format === "grey";
    const canvas = Object.assign(document.createElement("canvas"), { width, height });
    this.context = canvas.getContext("2d", { willReadFrequently: true, alpha: false });
    this.context.imageSmoothingQuality = "high";
    this.bytes = new Uint8Array(width * height * (this.grey ? 1 : 3));
    this.on = true;
  }

  /** Calls see(bytes, picture) with frames, rate() of them a second at the most, until stop; ended is called when the camera is taken away. */
  run(rate, see, ended) {
    for (const track of this.tracks.getTracks()) track.onended = () => this.on && ended();
    let due = 0;
    const frame = () => {
      if (!this.on) return;
      const now = performance.now(), every = 1000 / rate();
      if (now >= due - 4) { // a frame comes a little early or late
        due = Math.max(due + every, now);
        see(...this.grab());
      }
      this.next(frame);
    };
    this.next(frame);
  }

  next(frame) {
    if (this.video.requestVideoFrameCallback) this.video.requestVideoFrameCallback(frame);
    else requestAnimationFrame(frame);
  }

  /** What the camera shows now: the bytes to send, and a picture of just them. */
  grab() {
    const { width, height } = this.context.canvas;
    this.context.drawImage(this.video, 0, 0, width, height);
    const picture = this.context.getImageData(0, 0, width, height);
    const { data } = picture, { bytes } = this;
    for (let i = 0, k = 0; i < data.length; i += 4) {
      if (this.grey) {
        bytes[k++] = data[i] = data[i + 1] = data[i + 2] = (299 * data[i] + 587 * data[i + 1] + 114 * data[i + 2] + 500) / 1000; // Rec. 601
      } else {
        bytes[k++] = data[i];
        bytes[k++] = data[i + 1];
        bytes[k++] = data[i + 2];
      }
    }
    return [bytes, picture];
  }

  stop() {
    this.on = false;
    for (const track of this.tracks.getTracks()) track.stop();
    this.video.srcObject = null;
  }
}
