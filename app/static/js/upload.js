/** Drag and drop, and one progress bar per file. Two files are sent at a time. */
import { size } from "./format.js";

const AT_ONCE = 2;
const waiting = [];
let active = 0;

export function startUploads() {
  document.addEventListener("change", (event) => {
    const form = event.target.matches("input[type=file]") ? event.target.closest("[data-upload]") : null;
    if (!form) return;
    addFiles(form, [...event.target.files]);
    event.target.value = "";
  });
  document.addEventListener("submit", (event) => {
    if (event.target.matches("[data-upload]")) event.preventDefault();
  });
  for (const kind of ["dragenter", "dragover"]) document.addEventListener(kind, onDrag);
  document.addEventListener("dragleave", (event) => !event.relatedTarget && mark(false));
  document.addEventListener("drop", onDrop);
  window.addEventListener("beforeunload", (event) => active && event.preventDefault());
}

function onDrag(event) {
  if (!document.querySelector("[data-upload]") || !event.dataTransfer?.types.includes("Files")) return;
  event.preventDefault();
  mark(true);
}

function onDrop(event) {
  const form = document.querySelector("[data-upload]");
  if (!form || !event.dataTransfer?.types.includes("Files")) return;
  event.preventDefault();
  mark(false);
  addFiles(form, [...event.dataTransfer.files]);
}

function mark(over) {
  document.querySelector("[data-upload]")?.classList.toggle("over", over);
}

function addFiles(form, files) {
  for (const file of files) {
    const row = makeRow(file);
    document.querySelector("[data-uploads]").append(row.element);
    const limit = Number(form.dataset.limit);
    if (file.size > limit) row.fail(`This file has ${size(file.size)}; the limit is ${size(limit)}.`);
    else if (!file.size) row.fail("This file is empty.");
    else waiting.push({ file, row, url: form.dataset.endpoint, interval: form.elements.interval.value });
  }
  next();
}

function next() {
  while (active < AT_ONCE && waiting.length) send(waiting.shift());
}

function send({ file, row, url, interval }) {
  active += 1;
  row.element.classList.add("busy");
  const request = new XMLHttpRequest();
  const form = new FormData();
  if (interval) form.append("interval", interval);
  form.append("file", file);
  request.upload.addEventListener("progress", (event) => row.progress(event.loaded, event.total));
  request.addEventListener("loadend", () => {
    active -= 1;
    row.element.classList.remove("busy");
    next();
  });
  request.addEventListener("load", () => finish(request, row));
  request.addEventListener("error", () => row.fail("The connection broke. Try again.", () => requeue({ file, row, url, interval })));
  request.addEventListener("abort", () => row.fail("Cancelled."));
  request.open("POST", url);
  request.responseType = "json";
  request.send(form);
  row.onCancel(() => request.abort());
}

function requeue(item) {
  item.row.reset();
  waiting.push(item);
  next();
}

function finish(request, row) {
  const answer = request.response;
  if (request.status === 202 && answer) row.done(answer);
  else row.fail(answer?.error?.message ?? `The server refused the file (${request.status}).`);
}

function makeRow(file) {
  const element = document.createElement("li");
  element.className = "upload";
  const name = Object.assign(document.createElement("strong"), { textContent: file.name });
  const bar = Object.assign(document.createElement("progress"), { max: 1, value: 0 });
  bar.setAttribute("aria-label", `Upload of ${file.name}`);
  const text = Object.assign(document.createElement("p"), { textContent: `Waiting · ${size(file.size)}` });
  const side = Object.assign(document.createElement("div"), { className: "upload-side" });
  element.append(name, bar, text, side);
  const button = (label, action) => {
    const made = Object.assign(document.createElement("button"), { type: "button", className: "button small", textContent: label });
    made.addEventListener("click", action);
    side.replaceChildren(made);
  };
  return {
    element,
    progress(loaded, total) {
      bar.value = total ? loaded / total : 0;
      text.textContent = loaded < total ? `${size(loaded)} of ${size(total)}` : "Being filed …";
    },
    onCancel: (action) => button("Cancel", action),
    reset() {
      element.classList.remove("failed");
      bar.hidden = false;
      side.replaceChildren();
    },
    fail(message, again) {
      element.classList.add("failed");
      bar.hidden = true;
      text.textContent = message;
      if (again) button("Try again", again);
      else side.replaceChildren();
    },
    done(answer) {
      element.classList.add("done");
      bar.hidden = true;
      text.textContent = answer.duplicate ? "This video is in the library already." : "In the library; faces are being looked for.";
      const link = Object.assign(document.createElement("a"), { className: "button small", href: `/videos/${answer.video_id}`, textContent: "Open" });
      side.replaceChildren(link);
    },
  };
}
