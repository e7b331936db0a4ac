/** A click on a face or a bar plays from that moment; the time line follows the player. */

export function startMedia() {
  document.addEventListener("click", onClick);
  document.addEventListener("keydown", onKey);
  const player = document.querySelector("[data-player]");
  if (player) followPlayer(player);
}

function onClick(event) {
  if (event.defaultPrevented || event.button || event.metaKey || event.ctrlKey || event.shiftKey) return;
  const group = event.target.closest("[data-player-group]");
  if (!group) return;
  const link = event.target.closest("[data-seek]");
  const track = event.target.closest(".lane-track");
  if (!link && !track) return;
  const player = playerOf(group, event.target);
  if (!player) return;
  if (link) {
    event.preventDefault();
    play(player, Number(link.dataset.seek));
    markMoment(group, link);
  } else {
    const box = track.getBoundingClientRect();
    play(player, ((event.clientX - box.left) / box.width) * lengthOf(group, player));
  }
}

/** The video of the group; on a person's page it takes the place of the picture. */
function playerOf(group) {
  const there = group.querySelector("video");
  if (there) return there;
  const stage = group.querySelector("[data-stage]");
  if (!stage?.dataset.src) return null;
  const video = document.createElement("video");
  video.controls = true;
  video.playsInline = true;
  video.src = stage.dataset.src;
  video.setAttribute("aria-label", stage.dataset.title);
  stage.replaceChildren(video);
  return video;
}

function play(video, moment) {
  const start = () => {
    video.currentTime = moment;
    video.play().catch(() => {}); // a browser may insist on a press of its own button
  };
  if (video.readyState >= HTMLMediaElement.HAVE_METADATA) start();
  else video.addEventListener("loadedmetadata", start, { once: true });
  const box = video.getBoundingClientRect();
  const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
  if (box.bottom < box.height * 0.6 || box.top > innerHeight * 0.6) {
    video.scrollIntoView({ block: "center", behavior: calm ? "auto" : "smooth" });
  }
}

function markMoment(group, link) {
  for (const old of group.querySelectorAll(".moment[aria-current]")) old.removeAttribute("aria-current");
  if (link.matches(".moment")) link.setAttribute("aria-current", "true");
}

function lengthOf(group, player) {
  return Number(group.querySelector("[data-timeline]")?.dataset.duration) || player.duration || 0;
}

function followPlayer(player) {
  const show = () => {
    const timeline = document.querySelector("[data-timeline]");
    const track = timeline?.querySelector(".lane-track");
    const head = timeline?.querySelector("[data-playhead]");
    const length = Number(timeline?.dataset.duration) || player.duration;
    if (!track || !length) return;
    const box = track.getBoundingClientRect();
    const offset = box.left - timeline.getBoundingClientRect().left;
    head.hidden = !player.currentTime && player.paused;
    head.style.left = `${offset + (Math.min(player.currentTime, length) / length) * box.width}px`;
  };
  let frame = 0;
  const loop = () => {
    show();
    frame = player.paused ? 0 : requestAnimationFrame(loop);
  };
  player.addEventListener("play", () => (frame ||= requestAnimationFrame(loop)));
  player.addEventListener("seeked", show);
  player.addEventListener("loadedmetadata", show);
  player.addEventListener("error", () => {
    document.querySelector("[data-player-error]").hidden = false;
    player.hidden = true;
  });
  window.addEventListener("resize", show);
  document.addEventListener("faces:exchanged", show);
}

function onKey(event) {
  const player = document.querySelector("[data-player]");
  const busy = event.target.closest?.("input, textarea, select, button, summary, video, a");
  if (!player || player.hidden || busy || event.metaKey || event.ctrlKey || event.altKey) return;
  const step = { ArrowLeft: -5, ArrowRight: 5, j: -10, l: 10 }[event.key];
  if (event.key === " " || event.key === "k") player.paused ? player.play().catch(() => {}) : player.pause();
  else if (step) player.currentTime = Math.max(0, player.currentTime + step);
  else return;
  event.preventDefault();
}
