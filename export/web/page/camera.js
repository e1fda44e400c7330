// Frames of a camera as they come.

import { Grabber } from "./clip.js";

export class Camera {
  /** Asks for the camera and calls see(ImageData) for each frame until stop. */
  static async open(video, see) {
    if (!navigator.mediaDevices?.getUserMedia) throw new Error("this browser gives a page no camera, or only over https");
    let stream;
    try {
      stream = await navigator.mediaDevices.getUserMedia({ video: { width: { ideal: 640 }, height: { ideal: 480 } }, audio: false });
    } catch (e) {
      throw new Error(e.name === "NotAllowedError" ? "the camera was not allowed" : e.name === "NotFoundError" ? "there is no camera" : `the camera does not start: ${e.message}`);
    }
    const camera = new Camera(video, stream, see);
    video.removeAttribute("src");
    video.srcObject = stream;
    await video.play();
    camera.next();
    return camera;
  }

  constructor(video, stream, see) {
    this.video = video;
    this.stream = stream;
    this.see = see;
    this.grabber = new Grabber(video);
    this.on = true;
  }

  next() {
    const frame = () => {
      if (!this.on) return;
      this.see(this.grabber.grab());
      this.next();
    };
    if (this.video.requestVideoFrameCallback) this.video.requestVideoFrameCallback(frame);
    else requestAnimationFrame(frame);
  }

  stop() {
    this.on = false;
    for (const track of this.stream.getTracks()) track.stop();
    this.video.srcObject = null;
  }
}
