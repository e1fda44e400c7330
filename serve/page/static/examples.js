// The API in a few lines each, to copy: with this server's address, the model's name and the size of its frames.

import { address } from "./api.js";
import { format } from "./card.js";
import { html } from "./text.js";

/** The examples for a model; token: the server wants one. */
export function examples(card, several, token) {
  const { frame, steps } = card;
  const query = several ? `?model=${encodeURIComponent(card.name)}` : "";
  const predict = address(`v1/predict${query}`), stream = address(`v1/stream${query}`, "ws");
  const file = frame ? "clip.mp4" : "features.npy";
  const list = [
    ["A clip, with curl", "curl", `curl ${token ? `-H "Authorization: Bearer $FDHT_TOKEN" ` : ""}-F clip=@${file} ${quote(predict)}`],
    ["A clip, with fdht", "fdht", `fdht predict --server ${address(".").replace(/\/$/, "")}${several ? ` --model ${quote(card.name)}` : ""} ${file}`],
  ];
  if (card.stream && frame) {
    list.push(["Frame by frame, in Python", "python", python(stream, frame, token)], ["Frame by frame, in a browser", "javascript", javascript(stream, steps, token)]);
  }
  return list.map((example) => block(...example));
}

/** A word for a shell. */
const quote = (word) => (/^[\w.,:@%+/-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`);

function python(stream, frame, token) {
  const { width, height } = frame, grey = format(frame) === "grey";
  return `import json, ${token ? "os, " : ""}subprocess
from websocket import create_connection  # pip install websocket-client

decode = "ffmpeg -v error -i clip.mp4 -vf scale=${width}:${height} -f rawvideo -pix_fmt ${grey ? "gray" : "rgb24"} -"
film = subprocess.Popen(decode.split(), stdout=subprocess.PIPE).stdout
server = create_connection("${stream}"${token ? `,
                           header=["Authorization: Bearer " + os.environ["FDHT_TOKEN"]]` : ""})
server.send('{"format":"${grey ? "grey" : "rgb"}","width":${width},"height":${height}}')
server.recv()  # it is ready
while frame := film.read(${width * height * (grey ? 1 : 3)}):  # ${width} x ${height}${grey ? "" : " x 3"}
    server.send_binary(frame)
    answer = json.loads(server.recv())
    print(answer["label"], answer["top"][0]["probability"])`;
}

function javascript(stream, steps, token) {
  return `const video = document.createElement("video");
video.srcObject = await navigator.mediaDevices.getUserMedia({ video: true });
await video.play();
const canvas = new OffscreenCanvas(video.videoWidth, video.videoHeight);

const socket = new WebSocket("${stream}", ["fdht.v1"${token ? ', "fdht.token." + token64' : ""}]);
socket.onopen = () => socket.send('{"format":"jpeg"}');
socket.onmessage = async ({ data }) => {
  const answer = JSON.parse(data); // the first says that it is ready
  if (answer.label) console.log(answer.label, answer.top[0].probability);
${steps ? `  if (answer.steps === ${steps}) socket.send('{"reset":true}'); // as long as in training\n` : ""}  canvas.getContext("2d").drawImage(video, 0, 0);
  socket.send(await canvas.convertToBlob({ type: "image/jpeg" }));
};`;
}

function block(title, id, code) {
  const copy = html("button", { type: "button", class: "copy", "aria-label": `Copy: ${title}` }, "Copy");
  copy.onclick = async () => {
    try {
      await navigator.clipboard.writeText(code);
      copy.textContent = "Copied";
    } catch { // the browser gives no clipboard to a page on http
      getSelection().selectAllChildren(text);
      copy.textContent = "Press Ctrl+C";
    }
    setTimeout(() => (copy.textContent = "Copy"), 2000);
  };
  const text = html("code", { id: `code-${id}` }, code);
  return html("section", { class: "example", "aria-label": title }, html("div", { class: "over" }, html("h3", {}, title), copy), html("pre", { tabindex: "0", class: code.includes("\n") ? "" : "wrap" }, text));
}
