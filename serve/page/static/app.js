// The page: what is dropped, chosen or filmed goes to the server, and its answers are shown as they come.

import { Refusal, Server } from "./api.js";
import { Camera } from "./camera.js";
import { describe, format, taken } from "./card.js";
import { examples } from "./examples.js";
import { Rows } from "./rows.js";
import { Stream } from "./stream.js";
import { Story } from "./story.js";
import { count, html, percent, size, time } from "./text.js";

const $ = (id) => document.getElementById(id);
const view = $("view"), video = $("video");
const rows = new Rows($("rows")), story = new Story($("story"), $("summary"));
const server = new Server(askToken);
let models = [], limits = {}, card;
let current = new AbortController(); // of the clip or camera that is on
let again = begin; // what the button beside an error does

async function begin() {
  await guard(async () => {
    say("Loading …");
    ({ models, limits } = await server.models());
    $("models").replaceChildren(...models.map(({ name }) => html("option", {}, name)));
    $("choice").hidden = models.length < 2;
    const asked = new URLSearchParams(location.search).get("model");
    await load((models.find(({ name }) => name === asked) ?? models.find((m) => m.default) ?? models[0]).name);
  });
}

/** Shows a model, which clips and frames go to from now on. */
async function load(name) {
  card = await server.card(name);
  $("models").value = name;
  $("title").textContent = name;
  document.title = `${name} – fdht`;
  describe(card, { lede: $("lede"), ratio: $("ratio"), numbers: $("numbers"), structure: $("structure") });
  $("examples").replaceChildren(...examples(card, models.length > 1, server.token !== ""));
  $("token-note").hidden = server.token === "";
  const { frame, steps, labels, stream } = card;
  const live = stream && frame;
  $("file").accept = frame ? "video/*,image/gif,.y4m,.avi,.mkv,.npy" : ".npy,.npz";
  $("choose").disabled = false;
  $("camera").disabled = !live;
  $("choose").textContent = frame ? "Choose a clip" : "Choose an array";
  $("settings").hidden = !live;
  $("window").replaceChildren(
    ...(steps ? [[steps, `after ${steps} frames, as in training`], [2 * steps, `after ${2 * steps} frames`], [4 * steps, `after ${4 * steps} frames`]] : []).map(([n, text]) => html("option", { value: n }, text)),
    html("option", { value: 0 }, "never"),
  );
  $("screen").style.aspectRatio = frame ? `${frame.width} / ${frame.height}` : "";
  clear();
  $("caption").textContent = `Takes ${taken(card)}${stream ? "" : "; no camera, as it reads clips from their end, too"}`;
  rows.clear(labels);
  become("ready", `Knows ${count(labels.length)} classes`, "Nothing yet");
  say("");
}

/** Sets the page's state and the lines above the chart. */
function become(state, overline, heading) {
  document.body.dataset.state = state;
  $("camera").textContent = state === "camera" ? "Stop the camera" : "Use the camera";
  if (overline !== undefined) $("said").textContent = overline;
  if (heading !== undefined) $("label").textContent = heading;
}

/** Shows an error or what is going on. retry: what a button beside it does. */
function say(text, retry) {
  $("text").textContent = text;
  $("again").hidden = !retry;
  if (retry) again = retry;
}

function facts(list) {
  $("live").replaceChildren(...list.map(([term, value]) => html("div", {}, html("dt", {}, term), html("dd", { class: "number" }, value))));
}

/** Ends what is on: the camera's tracks stop, the socket closes, a request is given up. What it showed stays. */
function stop() {
  current.abort(new DOMException("replaced", "AbortError"));
  current = new AbortController();
}

/** Empties the page for something new. */
function clear() {
  video.pause();
  if (video.src) URL.revokeObjectURL(video.src);
  video.removeAttribute("src");
  video.hidden = view.hidden = true;
  $("empty").hidden = false;
  $("empty").textContent = card?.frame ? "Drop a clip here" : "Drop an array (.npy) here";
  $("progress").textContent = "";
  rows.at(null);
  story.clear();
  facts([]);
  say("");
}

/** Runs work, and shows its error unless something else has begun. */
async function guard(work, retry = begin) {
  stop();
  const { signal } = current;
  try {
    await work(signal);
  } catch (e) {
    if (signal.aborted) return;
    stop();
    become("error", "", card ? "No answer" : undefined);
    say(e.message, !(e instanceof Refusal) || e.again || !card ? retry : undefined);
  }
}

/** Sends a clip and shows what it is after each step. */
const watch = (file) =>
  guard(async (signal) => {
    clear();
    rows.clear(card.labels);
    become("reading", file.name, "Looking …");
    $("caption").textContent = `${file.name}, ${size(file.size)}`;
    if (file.size > limits.body_bytes) throw new Refusal(`${file.name} has ${size(file.size)}: this server takes ${size(limits.body_bytes)} at most`, 413);
    show(file);
    const start = performance.now();
    const { label, probs, each, frames } = await server.predict(card.name, file, card.stream, signal);
    const steps = each ?? [probs];
    rows.show(steps);
    become("done", file.name, label);
    $("progress").textContent = `${frames} ${frames === 1 ? "step" : "steps"}`;
    facts([["in all, with the upload", time(performance.now() - start)], ["steps taken", count(frames)]]);
    story.clip(steps.map((p) => card.labels[p.indexOf(Math.max(...p))]), `${file.name}: ${label}, ${percent(Math.max(...probs))}`);
  }, () => watch(file));

/** Plays a clip where the browser can. */
function show(file) {
  $("empty").textContent = file.name;
  if (!file.type.startsWith("video/")) return;
  video.src = URL.createObjectURL(file);
  video.onloadeddata = () => {
    video.hidden = false;
    $("empty").hidden = true;
    if (!matchMedia("(prefers-reduced-motion: reduce)").matches) video.play().catch(() => {}); // its button plays it
  };
  video.onerror = () => (video.hidden = true); // the server may read what the browser does not
  video.ontimeupdate = () => rows.at(document.body.dataset.state === "done" ? video.currentTime / video.duration || 0 : null);
}

/** Sends the camera's frames and shows the answer to each. */
const film = () =>
  guard(async (signal) => {
    clear();
    rows.clear(card.labels);
    become("opening", "Camera", "Waiting for the camera …");
    const { width, height } = card.frame;
    const form = { width, height, format: format(card.frame) };
    const camera = await Camera.open(form);
    signal.addEventListener("abort", () => camera.stop());
    if (signal.aborted) return camera.stop();
    const lost = (text) => guard(() => { throw new Error(text); }, film);
    const socket = server.socket(card.name);
    signal.addEventListener("abort", () => socket.close());
    let stream, answers = [];
    const answer = (line, trip) => {
      const now = performance.now();
      answers = answers.filter((at) => now - at < 1000);
      answers.push(now);
      rows.add(line.top, line.steps === 1);
      const whole = Number($("window").value);
      if (line.steps >= whole / 2) { // one frame says little
        $("label").textContent = line.label;
        story.stream(line.label, line.top[0].probability);
      }
      $("progress").textContent = whole ? `${line.steps} of ${whole}` : `step ${count(line.steps)}`;
      facts([["answer", time(line.latency_ms)], ["round trip", time(trip)], ["frames a second", count(answers.length)], ["dropped", count(line.dropped + stream.skipped)]]);
    };
    stream = await Stream.open(socket, form, { answer, lost });
    signal.addEventListener("abort", () => stream.close());
    if (signal.aborted) return stream.close();
    become("camera", "Now", "Watching …");
    $("caption").textContent = `As sent: ${width} × ${height}, ${form.format}`;
    Object.assign(view, { width, height, hidden: false });
    $("empty").hidden = true;
    let taken = 0; // of this sequence
    const see = (bytes, picture) => {
      view.getContext("2d").putImageData(picture, 0, 0);
      const whole = Number($("window").value);
      if (whole && taken >= whole) {
        stream.reset();
        taken = 0;
      }
      if (stream.send(bytes)) taken++;
    };
    camera.run(() => Number($("rate").value), see, () => lost("the camera is gone"));
  }, film);

/** Promises a token that somebody types. */
function askToken(wrong) {
  const box = $("ask");
  $("ask-wrong").textContent = wrong ? "That was not it." : "";
  $("token").value = "";
  box.showModal();
  return new Promise((resolve, reject) => {
    $("ask-form").onsubmit = (e) => {
      e.preventDefault();
      box.onclose = null;
      box.close();
      resolve($("token").value.trim());
    };
    box.onclose = () => reject(new Refusal("this server wants a token", 0));
  });
}

function listen() {
  $("again").onclick = () => again();
  $("models").onchange = (e) => {
    const { value } = e.target;
    history.replaceState(null, "", `?${new URLSearchParams({ model: value })}`);
    guard(() => load(value), () => load(value));
  };
  $("choose").onclick = () => $("file").click();
  $("file").onchange = (e) => {
    const [file] = e.target.files;
    if (file) watch(file);
    e.target.value = ""; // the same file may be chosen again
  };
  $("camera").onclick = () => {
    if (document.body.dataset.state !== "camera") return film();
    stop();
    become("stopped", "Stopped");
  };
  let inside = 0;
  const drag = (e, by) => {
    e.preventDefault();
    inside += by;
    document.body.classList.toggle("dragging", inside > 0);
  };
  addEventListener("dragenter", (e) => drag(e, 1));
  addEventListener("dragleave", (e) => drag(e, -1));
  addEventListener("dragover", (e) => e.preventDefault());
  addEventListener("drop", (e) => {
    drag(e, -inside);
    const [file] = e.dataTransfer.files;
    if (file && card) watch(file);
  });
}

listen();
begin();
