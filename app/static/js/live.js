/**
 * Keeps the page true while things happen. The server's events say that something changed; progress bars take their
 * numbers from the event itself, and everything else is fetched as the page it is and put in place of the old part.
 * Parts that may be replaced carry `data-live` and an id.
 */
import { jobLine } from "./format.js";
import { morph } from "./morph.js";
import { localiseTimes } from "./small.js";

const MIN_PAUSE = 1200; // ms between two fetches of the page
const LATE = 1000; // ms; a change may be stored a little later than it is stamped

let source = null;
let timer = 0;
let last = 0;
let fetching = false;
let missed = false; // something changed while the page was being fetched
let mark = "";
let rendered = 0; // ms; what changed before is in the page already
const known = new Map(); // job id -> what was last seen of it

export function startLive() {
  const { events, mark: first } = document.body.dataset;
  if (!events || !window.EventSource) return;
  mark = first;
  rendered = Number(document.body.dataset.rendered);
  const connect = () => {
    if (document.hidden || source) return;
    source = new EventSource(events);
    source.addEventListener("job", (event) => onJob(JSON.parse(event.data)));
    source.addEventListener("jobs", refreshSoon); // more changed than is told one by one
    source.addEventListener("library", (event) => onLibrary(JSON.parse(event.data)));
  };
  // A browser allows few connections to one server, so pages in the background let go of theirs.
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden) {
      connect();
      refreshSoon();
      return;
    }
    source?.close();
    source = null;
  });
  window.addEventListener("pagehide", () => {
    source?.close();
    source = null;
  });
  window.addEventListener("pageshow", (event) => event.persisted && connect());
  connect();
}

function onLibrary(data) {
  if (data.mark === mark) return;
  mark = data.mark;
  refreshSoon();
}

function onJob(job) {
  const before = known.get(job.job_id);
  known.set(job.job_id, job);
  const shown = [...document.querySelectorAll(`[data-job="${CSS.escape(job.job_id)}"]`)];
  for (const element of shown) showProgress(element, job);
  const isNews = before
    ? ["status", "step", "faces_found"].some((name) => before[name] !== job[name])
    : Date.parse(job.updated_at) > rendered - LATE;
  const isTheOne = document.querySelector("[data-job-page]")?.dataset.jobPage === job.job_id; // its page shows every number
  if (isNews || isTheOne) refreshSoon();
  document.dispatchEvent(new CustomEvent("faces:job", { detail: job }));
}

function showProgress(element, job) {
  const bar = element.querySelector("progress");
  bar.hidden = job.status === "queued" && !job.done;
  if (job.progress !== null && job.status !== "succeeded") bar.value = job.progress;
  else if (job.status === "running") bar.removeAttribute("value");
  element.querySelector("[data-job-line]").textContent = jobLine(job);
}

/** Fetches the page again, soon, however often it is asked for. */
export function refreshSoon() {
  if (timer) return;
  timer = setTimeout(refresh, Math.max(50, last + MIN_PAUSE - Date.now()));
}

async function refresh() {
  timer = 0;
  if (document.hidden) return; // it is asked for again as soon as it is seen
  if (fetching) {
    missed = true;
    return;
  }
  fetching = true;
  last = Date.now();
  try {
    const response = await fetch(location.href, { headers: { Accept: "text/html" } });
    if (response.ok && !response.redirected) exchange(new DOMParser().parseFromString(await response.text(), "text/html"));
  } catch {
    // The server is away; the event source keeps trying and reports back when it is there again.
  } finally {
    fetching = false;
    if (missed) refreshSoon();
    missed = false;
  }
}

function exchange(page) {
  localiseTimes(page);
  const needed = [...page.querySelectorAll("[data-live]")];
  // The first video and the last one change the whole page, not parts of it.
  if (needed.some((part) => !document.getElementById(part.id))) {
    if (document.querySelector("[data-uploads] .upload.busy") || isTyping()) refreshSoon();
    else replaceMain(page);
    return;
  }
  for (const fresh of needed) morph(document.getElementById(fresh.id), fresh);
  document.dispatchEvent(new CustomEvent("faces:exchanged"));
}

function replaceMain(page) {
  const uploads = document.querySelector("[data-uploads]");
  const main = document.querySelector("main");
  main.replaceChildren(...page.querySelector("main").childNodes);
  main.querySelector("[data-uploads]")?.remove();
  if (uploads) main.append(uploads); // with what it shows, and what it knows of new files
  morph(document.getElementById("menu-jobs"), page.getElementById("menu-jobs"));
}

function isTyping() {
  return Boolean(document.activeElement?.matches("input, textarea, select"));
}
