// Frames of a camera as they come.

import { Grabber } from "./clip.js";

export class Camera {
  /** Asks for the camera and calls see(ImageData) for each frame until stop, or until signal is aborted. ended(error or event) is called
   * when see fails or the camera goes away by itself. */
  static async open(video, see, ended, signal) {
    if (!navigator.mediaDevices?.getUserMedia) throw new Error("this browser gives a page no camera, or only over https");
    let stream;
    try {
      stream = await navigator.mediaDevices.getUserMedia({ video: { width: { ideal: 640 }, height: { ideal: 480 } }, audio: false });
    } catch (e) {
      throw new Error(e.name === "NotAllowedError" ? "the camera was not allowed" : e.name === "NotFoundError" ? "there is no camera" : `the camera does not start: ${e.message}`);
    }
    const camera = new Camera(video, stream, see, ended);
    signal.addEventListener("abort", () => camera.stop(), { once: true });
    if (signal.aborted) camera.stop(); // while it was asked for; the <video> is another's now
    signal.throwIfAborted();
    for (const track of stream.getTracks()) track.addEventListener("ended", ended, { once: true, signal });
    video.onerror = null;
    video.removeAttribute("src");
    video.srcObject = stream;
    await video.play();
    signal.throwIfAborted();
    camera.next();
  }

  constructor(video, stream, see, ended) {
    this.video = video;
    this.stream = stream;
    this.see = see;
    this.ended = ended;
    this.grabber = new Grabber(video);
    this.on = true;
  }

  next() {
    const frame = () => {
      if (!this.on) return;
      try {
        this.see(this.grabber.grab());
      } catch (e) {
        return this.ended(e);
      }
      this.next();
    };
    if (this.video.requestVideoFrameCallback) this.video.requestVideoFrameCallback(frame);
    else requestAnimationFrame(frame);
  }

  /** Gives the camera back, and the <video> unless something else uses it by now. */
  stop() {
    this.on = false;
    for (const track of this.stream.getTracks()) track.stop();
    if (this.video.srcObject === this.stream) this.video.srcObject = null;
  }
}
