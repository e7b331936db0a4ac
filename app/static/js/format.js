/** The same forms as app/routes/formats.py. */

export function size(bytes) {
  let value = bytes || 0;
  for (const unit of ["B", "kB", "MB", "GB"]) {
    if (value < 999.5) return unit === "B" || value >= 99.95 ? `${value.toFixed(0)} ${unit}` : `${value.toFixed(1)} ${unit}`;
    value /= 1000;
  }
  return `${value.toFixed(1)} TB`;
}

export function duration(seconds) {
  if (seconds < 59.95) return `${seconds.toFixed(1).replace(/\.0$/, "")} s`;
  const whole = Math.round(seconds);
  if (whole < 3600) return whole % 60 ? `${Math.floor(whole / 60)} min ${whole % 60} s` : `${whole / 60} min`;
  const minutes = Math.round(seconds / 60);
  return minutes % 60 ? `${Math.floor(minutes / 60)} h ${minutes % 60} min` : `${minutes / 60} h`;
}

export function plural(count, one, many = `${one}s`) {
  return `${count.toLocaleString("en")} ${count === 1 ? one : many}`;
}

const STEPS = {
  waiting: "Waiting for a worker",
  downloading: "Downloading",
  fetching: "Fetching the networks",
  looking: "Looking for faces",
  linking: "Following faces",
  grouping: "Grouping people",
  writing: "Writing the file",
  done: "Done",
};

const LOADING = ["downloading", "fetching"]; // counted in bytes
const COUNTED = { looking: "frame", writing: "face" };
const LOOKING = ["fetch_video", "process_video", "segment"]; // find faces
const STATES = { succeeded: "Done", failed: "Failed", cancelled: "Cancelled", paused: "Paused", queued: STEPS.waiting };

/** What a job is doing, in one line. */
export function jobLine(job) {
  if (job.status !== "running") return standingLine(job);
  const parts = [STEPS[job.step] ?? job.step];
  if (LOADING.includes(job.step) && job.done) parts.push(job.total ? `${size(job.done)} of ${size(job.total)}` : size(job.done));
  else if (job.step in COUNTED && job.total) parts.push(counted(job));
  if (LOOKING.includes(job.kind) && !LOADING.includes(job.step)) parts.push(plural(job.faces_found, "face"));
  if (job.seconds_left >= 1) parts.push(`about ${duration(Math.round(job.seconds_left))} left`);
  return parts.join(" · ");
}

function standingLine(job) {
  if (job.status === "queued" && job.error) return "Waiting for the next try";
  const isOpen = job.status === "queued" || job.status === "paused";
  const begun = isOpen && job.step in COUNTED && job.total && job.done;
  return STATES[job.status] + (begun ? ` · ${counted(job)} done` : "");
}

function counted(job) {
  return `${Math.floor(job.done).toLocaleString("en")} of ${plural(Math.round(job.total), COUNTED[job.step])}`;
}
