/** The list of uploads: three files at a time, the sum of all, and what an earlier visit left unfinished. */
import { duration, plural, size } from "./format.js";
import { Row } from "./upload_row.js";
import { Transfer, forget, tell } from "./tus.js";

const AT_ONCE = 3;
const LOOK_AGAIN = 3000; // ms between two looks at a file that another window sends
const SPAN = 4000; // ms over which speed is measured

const items = [];
let timer = 0;

/** What recognises a file: another one of this name, size and time is hardly ever meant. */
export function fingerprint(file) {
  return `${file.name}|${file.size}|${file.lastModified}`;
}

/** True while closing the page would interrupt something. */
export function isSending() {
  return items.some(({ state }) => ["busy", "waiting", "retrying"].includes(state));
}

/** Takes up a file: goes on with it where some of it is on the server already, else puts it into the line. */
export function add(file, { endpoint, limit, wishes }) {
  const print = fingerprint(file);
  const known = items.find((item) => item.print === print && item.state !== "done");
  if (known && known.state !== "missing" && known.state !== "failed") return;
  const item = known ?? { print, row: new Row(file.name, file.size), url: null, sent: 0 };
  if (!known) append(item);
  if (!file.size) return fail(item, "This file is empty.");
  if (file.size > limit) return fail(item, `This file has ${size(file.size)}; the limit is ${size(limit)}.`);
  const metadata = { filename: file.name, fingerprint: print, ...wishes };
  item.transfer = new Transfer(file, { endpoint, metadata, url: item.url }, callbacks(item));
  line(item);
}

/** Shows what an earlier visit of a page left unfinished. */
export async function restore(endpoint) {
  let uploads = [];
  try {
    uploads = (await (await fetch(endpoint, { headers: { Accept: "application/json" } })).json()).uploads ?? [];
  } catch {
    return; // the server is away; a file that is added again finds its place all the same after a reload
  }
  for (const upload of uploads.reverse()) {
    const print = upload.metadata.fingerprint;
    if (!print || upload.size === null || items.some((item) => item.print === print && item.state !== "done")) continue;
    const item = { print, row: new Row(upload.file_name, upload.size), url: upload.upload_url, sent: upload.offset };
    append(item);
    lookAt(item, upload);
  }
}

/** Tries at once whatever waits for its next try. */
export function hurry() {
  for (const item of items) if (item.state === "retrying") item.transfer.hurry();
}

function append(item) {
  items.push(item);
  document.querySelector("[data-upload-rows]")?.append(item.row.element);
}

function callbacks(item) {
  return {
    progress: (bytes) => {
      measure(item, bytes);
      if (item.state === "retrying") sending(item);
      if (item.state === "busy") item.row.progress(bytes, item.speed);
      showTotal();
    },
    waits: (seconds, message) => {
      set(item, "retrying", "", ["Try now", () => item.transfer.hurry()], ["Pause", () => pause(item)], ["Cancel", () => cancel(item)]);
      item.row.countDown(seconds, message);
    },
    files: () => {
      item.row.fill(item.row.total);
      item.row.text.textContent = "Being filed …";
    },
  };
}

function set(item, state, text, ...actions) {
  item.state = state;
  item.row.show(state, text, ...actions);
  showTotal();
}

function line(item) {
  set(item, "waiting", `Waiting · ${size(item.row.total)}`, ["Pause", () => pause(item)], ["Cancel", () => cancel(item)]);
  next();
}

function next() {
  for (const item of items) {
    // one that waits for its next try keeps its place: it is not to be overtaken for ever
    if (items.filter(({ state }) => state === "busy" || state === "retrying").length >= AT_ONCE) return;
    if (item.state === "waiting") send(item);
  }
}

function sending(item) {
  set(item, "busy", "", ["Pause", () => pause(item)], ["Cancel", () => cancel(item)]);
  item.row.progress(item.sent, 0);
}

async function send(item) {
  item.marks = [];
  item.speed = 0;
  sending(item);
  try {
    const answer = await item.transfer.start();
    if (answer) done(item, answer);
  } catch (error) {
    const again = error.mendable ? [["Try again", () => line(item)]] : [];
    fail(item, error.message, ...again);
  }
  next();
}

function measure(item, bytes) {
  const now = performance.now();
  item.sent = bytes;
  item.marks = (item.marks ?? []).filter(({ at }) => now - at < SPAN);
  item.marks.push({ at: now, bytes });
  const [first] = item.marks;
  if (now - first.at > 500) item.speed = (Math.max(0, bytes - first.bytes) / (now - first.at)) * 1000;
}

function pause(item) {
  item.transfer.stop();
  item.speed = 0;
  const text = `Paused · ${size(item.sent)} of ${size(item.row.total)}`;
  set(item, "paused", text, ["Resume", () => line(item)], ["Cancel", () => cancel(item)]);
  next();
}

function cancel(item) {
  if (item.transfer) {
    item.transfer.cancel();
  } else {
    forget(item.url);
  }
  say(`${item.row.name}: cancelled.`);
  drop(item);
  next();
}

function drop(item) {
  clearInterval(item.row.timer);
  const neighbour = item.row.element.nextElementSibling ?? item.row.element.previousElementSibling;
  const hadFocus = item.row.element.contains(document.activeElement);
  items.splice(items.indexOf(item), 1);
  item.row.element.remove();
  if (hadFocus) neighbour?.querySelector("button, a, input")?.focus();
  showTotal();
}

function done(item, answer) {
  const text = answer.duplicate ? "This video is in the library already." : "In the library; faces are being looked for.";
  item.sent = item.row.total;
  set(item, "done", text, ["Open", answer.page_url]);
  say(`${item.row.name}: ${text}`);
}

function fail(item, message, ...actions) {
  set(item, "failed", message, ...actions, ["Remove", () => (item.transfer?.url ? cancel(item) : drop(item))]);
  say(`${item.row.name}: ${message}`);
}

/** An upload that this page holds no file of: another window sends it, it has ended, or its file has to be chosen again. */
function lookAt(item, upload) {
  item.row.fill(upload.offset);
  item.sent = upload.offset;
  if (upload.state === "filed") return done(item, upload);
  if (upload.error) return fail(item, upload.error.message);
  if (upload.busy || upload.offset === upload.size) {
    set(item, "missing", `${size(upload.offset)} of ${size(upload.size)} · another window is sending it`);
    setTimeout(() => again(item), LOOK_AGAIN);
    return;
  }
  const here = upload.offset ? `${size(upload.offset)} of ${size(upload.size)} are here.` : "Nothing of this file is here yet.";
  const text = `${here} Choose the same file again to go on.`;
  set(item, "missing", text, ["Choose file", (file) => chosen(item, file)], ["Remove", () => cancel(item)]);
}

async function again(item) {
  if (item.state !== "missing" || item.transfer) return;
  try {
    const upload = await tell(item.url);
    if (upload === null) drop(item);
    else lookAt(item, upload);
  } catch {
    setTimeout(() => again(item), LOOK_AGAIN);
  }
}

function chosen(item, file) {
  if (fingerprint(file) === item.print) {
    document.dispatchEvent(new CustomEvent("faces:files", { detail: [file] }));
    return;
  }
  const same = file.name === item.row.name && file.size === item.row.total;
  item.row.text.textContent = same
    ? "This file was changed since. Remove this upload, then add the file anew."
    : `That is another file. Choose ${item.row.name} with ${size(item.row.total)}.`;
}

/** The sum of all, where there is more than one. */
function showTotal() {
  if (timer) return;
  timer = setTimeout(() => {
    timer = 0;
    drawTotal();
  }, 100);
}

function drawTotal() {
  const box = document.querySelector("[data-upload-total]");
  if (!box) return;
  const counted = items.filter(({ state }) => state !== "failed");
  const open = counted.filter(({ state }) => state !== "done");
  const running = open.filter(({ state }) => state !== "paused" && state !== "missing");
  box.hidden = counted.length < 2 || !open.length;
  const bytes = sum(counted, ({ sent }) => sent);
  const total = sum(counted, ({ row }) => row.total);
  const speed = sum(running, (item) => item.speed ?? 0);
  const left = speed > 0 ? sum(running, (item) => item.row.total - item.sent) / speed : 0;
  const parts = [`${counted.length - open.length} of ${plural(counted.length, "file")} done`, `${size(bytes)} of ${size(total)}`];
  if (left >= 2) parts.push(`about ${duration(Math.round(left))} left`);
  box.querySelector("progress").value = total ? bytes / total : 0;
  box.querySelector("p").textContent = parts.join(" · ");
  const paused = open.filter(({ state }) => state === "paused");
  const button = box.querySelector("button");
  button.hidden = !running.length && !paused.length;
  button.textContent = running.length ? "Pause all" : "Resume all";
  button.onclick = () => (running.length ? running.forEach(pause) : paused.forEach(line));
}

function sum(list, value) {
  return list.reduce((all, item) => all + value(item), 0);
}

function say(text) {
  const element = document.querySelector("[data-upload-status]");
  if (element) element.textContent = text;
}
