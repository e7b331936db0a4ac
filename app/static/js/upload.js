/** Takes files from the form, by drag and drop, and whole folders; what becomes of them is in upload_list.js. */
import { plural } from "./format.js";
import { toast } from "./small.js";
import { add, hurry, isSending, restore } from "./upload_list.js";

const MANY = 10;

export function startUploads() {
  document.addEventListener("change", (event) => {
    const form = event.target.matches("input[type=file]") ? event.target.closest("[data-upload]") : null;
    if (!form) return;
    addFiles([...event.target.files]);
    event.target.value = "";
  });
  document.addEventListener("submit", (event) => {
    if (event.target.matches("[data-upload]")) event.preventDefault();
  });
  for (const kind of ["dragenter", "dragover"]) document.addEventListener(kind, onDrag);
  document.addEventListener("dragleave", (event) => !event.relatedTarget && mark(false));
  document.addEventListener("drop", onDrop);
  document.addEventListener("faces:files", (event) => addFiles(event.detail));
  window.addEventListener("beforeunload", (event) => isSending() && event.preventDefault());
  window.addEventListener("online", hurry);
  const form = uploadForm();
  if (!form || !place()) return;
  startFolderButton(form.querySelector("[data-folder]"));
  restore(place().dataset.unfinished);
}

/** The list, which also knows where files go; it stays when the form leaves the page. */
function place() {
  return document.querySelector("[data-uploads]");
}

function uploadForm() {
  return document.querySelector("[data-upload]");
}

function onDrag(event) {
  if (!uploadForm() || !event.dataTransfer?.types.includes("Files")) return;
  event.preventDefault();
  mark(true);
}

async function onDrop(event) {
  if (!uploadForm() || !event.dataTransfer?.types.includes("Files")) return;
  event.preventDefault();
  mark(false);
  // the entries have to be taken now: after the event the browser forgets them
  const entries = [...event.dataTransfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  const folders = entries.filter((entry) => entry.isDirectory);
  if (!folders.length) {
    addFiles([...event.dataTransfer.files]);
    return;
  }
  const single = entries.filter((entry) => entry.isFile);
  const inside = (await Promise.all(folders.map(filesOf))).flat();
  addFiles([...(await Promise.all(single.map(fileOf))), ...fromFolder(inside)].filter(Boolean));
}

function mark(over) {
  uploadForm()?.classList.toggle("over", over);
}

function startFolderButton(button) {
  const input = Object.assign(document.createElement("input"), { type: "file", multiple: true });
  if (!("webkitdirectory" in input)) return;
  input.webkitdirectory = true;
  button.hidden = false;
  button.addEventListener("click", () => input.click());
  input.addEventListener("change", () => {
    addFiles(fromFolder([...input.files]));
    input.value = "";
  });
}

function addFiles(files) {
  const fields = uploadForm()?.elements;
  const wishes = { interval: fields?.interval?.value, sampling: fields?.sampling?.value };
  // Many are a batch, which lets somebody who adds one video come first.
  if (files.length >= MANY) wishes.batch = [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  const { endpoint, limit } = place().dataset;
  for (const file of files) add(file, { endpoint, limit: Number(limit), wishes });
}

/** What of a folder is worth sending. Its pictures are not: each would become a video of its own. */
function fromFolder(files) {
  const suffixes = place().dataset.suffixes.split(" ");
  const visible = files.filter((file) => !file.name.startsWith("."));
  const videos = visible.filter((file) => suffixes.some((suffix) => file.name.toLowerCase().endsWith(suffix)));
  const pictures = visible.filter((file) => !videos.includes(file) && file.type.startsWith("image/"));
  if (pictures.length) toast(`${plural(pictures.length, "picture")} left out. Put them into a ZIP file to add them as one set.`);
  else if (!videos.length) toast("There are no videos in this folder.");
  return videos;
}

/** All files under a folder that was dropped. */
async function filesOf(entry) {
  if (entry.isFile) return [await fileOf(entry)].filter(Boolean);
  const reader = entry.createReader();
  const found = [];
  for (;;) {
    // a browser hands out a hundred at a time
    const some = await new Promise((resolve) => reader.readEntries(resolve, () => resolve([])));
    if (!some.length) break;
    found.push(...some);
  }
  return (await Promise.all(found.map(filesOf))).flat();
}

function fileOf(entry) {
  return new Promise((resolve) => entry.file(resolve, () => resolve(null)));
}
