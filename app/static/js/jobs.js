/** The jobs page: buttons that act without leaving it, logs that unfold, the number of jobs at once. */
import { refreshSoon } from "./live.js";
import { localiseTimes, toast } from "./small.js";

const DONE = { pause: "Paused", resume: "Goes on", retry: "Tried again", cancel: "Cancelled" };

const unfolded = new Set(); // ids of the jobs whose logs a person opened

export function startJobs() {
  document.addEventListener("submit", onSubmit);
  document.addEventListener("change", onChange);
  document.addEventListener("toggle", onToggle, true);
  // a job that has moved to another list is a new element there
  document.addEventListener("faces:exchanged", () => {
    for (const id of unfolded) logOf(id)?.setAttribute("open", "");
  });
  document.addEventListener("faces:job", ({ detail: job }) => {
    if (unfolded.has(job.job_id) && logOf(job.job_id)) readLog(logOf(job.job_id));
  });
}

function logOf(id) {
  return document.querySelector(`[data-log-of="${CSS.escape(id)}"]`);
}

function onToggle({ target }) {
  if (!target.matches?.("[data-log]") || !target.isConnected) return;
  if (target.open) {
    unfolded.add(target.dataset.logOf);
    readLog(target);
  } else {
    unfolded.delete(target.dataset.logOf);
  }
}

async function onSubmit(event) {
  const form = event.target;
  const setting = form.matches("[data-queue]");
  if (!setting && !form.matches("[data-action]")) return;
  event.preventDefault();
  if (setting) return;
  const button = form.querySelector("button");
  button.disabled = true;
  try {
    const keep = form.elements.keep?.value;
    const done = DONE[form.dataset.action.split("/").pop()];
    if (await send("POST", form.dataset.action, keep ? { keep: keep === "true" } : null)) toast(done);
    form.closest(".popover")?.removeAttribute("open");
  } finally {
    button.disabled = false;
  }
}

async function onChange(event) {
  const form = event.target.form;
  if (!form?.matches("[data-queue]") || !form.reportValidity()) return;
  const text = event.target.value.trim();
  event.target.blur(); // a field with the focus would not be brought up to date
  if (await send("PATCH", form.dataset.queue, { concurrency: text ? Number(text) : null })) {
    toast(text ? `${text} at once` : "As in the settings");
  }
}

/** True when the server did it; what it says otherwise is shown. */
async function send(method, url, body) {
  try {
    const headers = body ? { "Content-Type": "application/json" } : {};
    const response = await fetch(url, { method, headers, body: body && JSON.stringify(body) });
    if (!response.ok) toast((await response.json()).error.message);
    return response.ok;
  } catch {
    toast("The server does not answer. Try again.");
    return false;
  } finally {
    refreshSoon();
  }
}

/** Adds the lines that a log has got since it was last read. */
async function readLog(details) {
  if (details.dataset.reading) return;
  details.dataset.reading = "1";
  try {
    const lines = details.querySelector(".log-lines");
    const response = await fetch(`${details.dataset.log}?after=${lines?.dataset.last ?? 0}`);
    if (response.ok) showLog(details, lines, (await response.json()).log);
  } catch {
    // The next change of the job asks again.
  } finally {
    delete details.dataset.reading;
  }
}

function showLog(details, before, entries) {
  let lines = before;
  if (!lines) {
    lines = document.createElement("ol");
    lines.className = "log-lines";
    lines.setAttribute("role", "list");
    details.querySelector("[data-log-lines]").replaceChildren(lines);
    if (!entries.length) lines.insertAdjacentHTML("beforeend", "<li class='log-none'>Nothing has happened yet.</li>");
  }
  if (entries.length) lines.querySelector(".log-none")?.remove();
  for (const { id, at, level, message } of entries) {
    const line = document.createElement("li");
    line.className = `log-${level}`;
    const time = document.createElement("time");
    time.dateTime = at;
    time.dataset.clock = "";
    const text = document.createElement("span");
    text.textContent = message;
    line.append(time, text);
    lines.append(line);
    lines.dataset.last = id;
  }
  localiseTimes(lines);
  lines.scrollTop = lines.scrollHeight;
}
