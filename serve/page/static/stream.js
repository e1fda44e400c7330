// Frames to the server, one after another, and its answers.

/** Frames that may wait in the browser, in bytes as a multiple of one: a network slower than the camera would let them grow old. */
const waiting = 2;

export class Stream {
  /** Opens a stream of frames of width x height, "grey" or "rgb". answer(line, trip) gets what the server says of a frame and the milliseconds since it
   * was sent; lost(text) is called when the connection ends before close. */
  static open(socket, { format, width, height }, { answer, lost }) {
    return new Promise((resolve, reject) => {
      const stream = new Stream(socket, width * height * (format === "rgb" ? 3 : 1));
      let ready = false;
      socket.binaryType = "arraybuffer";
      socket.onopen = () => socket.send(JSON.stringify({ format, width, height }));
      socket.onmessage = ({ data }) => {
        const line = JSON.parse(data);
        if (line.ready) {
          ready = true;
          resolve(stream);
        } else if (line.frame !== undefined && !stream.closed) {
          answer(line, stream.trip(line.frame));
        }
      };
      socket.onclose = ({ reason }) => {
        if (stream.closed) return;
        stream.closed = true;
        const text = reason ? `the server ended the stream: ${reason}` : "the connection was lost";
        if (ready) lost(text);
        else reject(new Error(text));
      };
    });
  }

  constructor(socket, size) {
    this.socket = socket;
    this.size = size;
    this.sent = new Map(); // when, by number
    this.count = 0;
    this.skipped = 0; // frames that never left
    this.closed = false;
  }

  /** Sends a frame, or skips it while those before are still on their way out. Reports which. */
  send(bytes) {
    if (this.socket.readyState !== WebSocket.OPEN) return false; // onclose tells
    if (this.socket.bufferedAmount > waiting * this.size) {
      this.skipped++;
      return false;
    }
    this.sent.set(this.count++, performance.now());
    this.socket.send(bytes);
    return true;
  }

  /** Begins a new sequence with the next frame. */
  reset() {
    if (this.socket.readyState === WebSocket.OPEN) this.socket.send('{"reset":true}');
  }

  /** Milliseconds since a frame was sent; it and those before it are forgotten. */
  trip(frame) {
    const ms = performance.now() - this.sent.get(frame);
    for (const n of this.sent.keys()) {
      if (n > frame) break;
      this.sent.delete(n);
    }
    return ms;
  }

  close() {
    if (this.closed) return;
    this.closed = true;
    this.socket.close(1000);
  }
}
