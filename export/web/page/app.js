// The page: what is dropped, chosen or filmed goes through the network, and the answer is shown frame by frame.

import { Engine, engineFile, softmax } from "./engine.js";
import { Clip, picks } from "./clip.js";
import { Camera } from "./camera.js";
import { Chart } from "./chart.js";

const $ = (id) => document.getElementById(id);
const view = $("view"), video = $("video"), scrub = $("scrub");
const longestClip = 600; // steps of a clip for a network that takes whole clips
let engine, chart;
let filming = false; // or about to
let current = new AbortController(); // of the clip or camera that is on
let history = []; // of a clip: what each step saw and said
const times = []; // of the last frames, in milliseconds

async function begin() {
  const load = async (name) => {
    const answer = await fetch(name);
    if (!answer.ok) throw new Error(`${name} is missing from this folder`);
    return answer.arrayBuffer();
  };
  engine = await Engine.create(...(await Promise.all([load(engineFile()), load("model.bin")])));
  describe(engine.meta);
  chart = new Chart($("bars"), $("label"), engine.meta.classes);
  listen();
  say("");
  become("ready", "Nothing yet");
  navigator.serviceWorker?.register(`sw.js?engine=${engineFile()}`).catch(() => {}); // it works without, but not offline
}

function describe({ frame, bytes, dense_bytes, weights, dense_weights, cell }) {
  view.width = frame.width;
  view.height = frame.height;
  document.querySelector(".screen").style.aspectRatio = `${frame.width} / ${frame.height}`;
  const what = { rgb: "in colour", grey: "in grey", diff: "as change", "grey+diff": "grey, with change in colour" }[frame.input];
  $("caption").textContent = `The network sees ${frame.width} × ${frame.height}, ${what}`;
  $("title").textContent = document.title = `A video network in ${size(bytes)}`;
  $("bytes").textContent = size(bytes);
  $("dense").textContent = size(dense_bytes);
  $("dense-name").textContent = `the same ${cell.toUpperCase()}, dense`;
  $("ratio").textContent = `${Math.floor(dense_weights / weights).toLocaleString("en")}×`;
}

function size(bytes) {
  for (const [unit, name] of [[1e9, "GB"], [1e6, "MB"], [1e3, "KB"]]) {
    if (bytes >= unit) return `${(bytes / unit).toFixed(bytes < 10 * unit ? 1 : 0)} ${name}`;
  }
  return `${bytes} bytes`;
}

function listen() {
  for (const id of ["choose", "camera"]) $(id).disabled = false;
  $("choose").onclick = () => $("file").click();
  $("file").onchange = (e) => {
    const [file] = e.target.files;
    e.target.value = ""; // the same file may be chosen again
    if (file) watch(file);
  };
  $("camera").onclick = () => (filming ? stop() : film());
  $("span").oninput = (e) => ($("seconds").textContent = `${e.target.value} s`);
  scrub.oninput = () => recall(Number(scrub.value) - 1);
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
    if (file) watch(file);
  });
}

/** Sets the page's state, and what stands for the answer until there is one. */
function become(state, heading) {
  document.body.dataset.state = state;
  if (heading !== undefined) chart.show(null, heading);
}

function say(text) {
  $("message").textContent = text;
}

/** Ends what is on and clears the page for something new. */
function stop() {
  current.abort(new DOMException("replaced", "AbortError"));
  current = new AbortController();
  filming = false;
  $("camera").textContent = "Use the camera";
  $("window").hidden = scrub.hidden = true;
  $("progress").textContent = "";
  history = [];
  times.length = 0;
  say("");
  become("ready", "Nothing yet");
}

/** Runs work, and shows its error unless something else has begun. */
async function guard(work) {
  stop();
  const { signal } = current;
  try {
    await work(signal);
  } catch (e) {
    if (signal.aborted) return;
    stop();
    say(e.message);
    become("error");
  }
}

/** Takes the time of f, in milliseconds. */
function clock(f) {
  const start = performance.now();
  const out = f();
  return [out, performance.now() - start];
}

function took(ms) {
  times.push(ms);
  if (times.length > 30) times.shift();
  const middle = [...times].sort((a, b) => a - b)[times.length >> 1];
  $("time").textContent = `${middle.toFixed(middle < 10 ? 1 : 0)} ms`;
}

function draw(pixels) {
  $("empty").hidden = true;
  view.getContext("2d").putImageData(new ImageData(pixels, view.width, view.height), 0, 0);
}

/** Goes through a clip as fdht predict does. */
const watch = (file) =>
  guard(async (signal) => {
    become("reading", "Looking …");
    const clip = await Clip.open(video, file, signal);
    try {
      const { lags } = engine, { steps } = engine.meta;
      const at = picks(clip.length, steps, longestClip);
      engine.reset();
      for (const [k, i] of at.entries()) {
        for (const [k, lag] of [...lags.entries()].reverse()) engine.shape(1 + k, await clip.picture(Math.max(i - lag, 0))); // the oldest first: on in the clip
        const now = await clip.picture(i);
        const [[pixels, logits], ms] = clock(() => {
          engine.shape(0, now);
          const seen = engine.look(0, lags.map((_, k) => 1 + k));
          engine.put(0);
          return [seen, engine.step(0)];
        });
        history.push({ pixels, probs: softmax(logits) });
        took(ms);
        scrub.max = at.length;
        recall(k, at.length);
      }
      scrub.hidden = false;
      become("done");
      if (!steps && clip.length > at.length) say(`The answer is about the first ${at.length} of ${clip.length} frames.`);
    } finally {
      clip.close(!signal.aborted);
    }
  });

/** Shows step k of the clip. */
function recall(k, of = history.length) {
  const { pixels, probs } = history[k];
  draw(pixels);
  chart.show(probs);
  scrub.value = k + 1;
  $("progress").textContent = `${k + 1} of ${of}`;
}

/** Answers for the last seconds of a camera: as many steps as a clip has, spread over them. */
const film = () =>
  guard(async (signal) => {
    filming = true;
    $("camera").textContent = "Stop the camera";
    become("reading", "Waiting for the camera …");
    const { window } = engine.meta;
    engine.forget();
    let taken = 0, last = -Infinity;
    const see = (picture) => {
      const now = performance.now();
      const [pixels, ms] = clock(() => engine.watch(picture));
      draw(pixels);
      const wait = (1000 * $("span").value) / window;
      if (now - last < wait - 4) return; // a frame comes a little early or late
      last = now - last < 2 * wait ? last + wait : now;
      const [logits, rest] = clock(() => {
        engine.put(taken % window);
        taken++;
        engine.reset();
        let out;
        for (let k = Math.max(taken - window, 0); k < taken; k++) out = engine.step(k % window);
        return out;
      });
      took(ms + rest);
      chart.show(softmax(logits), taken < window ? "Watching …" : undefined);
      $("progress").textContent = taken < window ? `${taken} of ${window}` : "";
    };
    const ended = (e) => {
      stop();
      say(e instanceof Error ? e.message : "the camera was taken away");
      become("error");
    };
    await Camera.open(video, see, ended, signal);
    $("window").hidden = false;
    become("camera");
  });

begin().catch((e) => {
  say(e.message);
  document.body.dataset.state = "error";
});
