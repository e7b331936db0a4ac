/** Theme, local times, forms that send themselves, pop-overs that close. */

const YEAR = 31536000;

export function startSmallThings() {
  startTheme();
  localiseTimes(document);
  for (const form of document.querySelectorAll("[data-auto-submit]")) {
    form.addEventListener("change", () => form.requestSubmit());
  }
  document.addEventListener("click", (event) => {
    for (const open of document.querySelectorAll(".popover[open]")) {
      if (!open.contains(event.target)) open.removeAttribute("open");
    }
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    for (const open of document.querySelectorAll(".popover[open]")) {
      open.removeAttribute("open");
      open.querySelector("summary").focus();
    }
  });
}

/** Writes times in the reader's own form. */
export function localiseTimes(root) {
  const format = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
  for (const element of root.querySelectorAll("time[data-time]")) {
    element.textContent = format.format(new Date(element.dateTime));
    element.removeAttribute("data-time");
  }
  const clock = new Intl.DateTimeFormat(undefined, { timeStyle: "medium" });
  for (const element of root.querySelectorAll("time[data-clock]")) {
    element.textContent = clock.format(new Date(element.dateTime));
    element.removeAttribute("data-clock");
  }
}

/** Says something for a moment. */
export function toast(text) {
  const element = document.querySelector("[data-toast]");
  if (!element) return;
  element.textContent = text;
  element.hidden = false;
  clearTimeout(toast.timer);
  toast.timer = setTimeout(() => (element.hidden = true), 4000);
}

function startTheme() {
  const root = document.documentElement;
  const button = document.querySelector("[data-theme-toggle]");
  if (!button) return;
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const isDark = () => (root.dataset.theme ? root.dataset.theme === "dark" : dark.matches);
  const show = () => {
    button.querySelector("[data-theme-label]").textContent = isDark() ? "Light theme" : "Dark theme";
    button.querySelector(".when-dark").toggleAttribute("hidden", !isDark());
    button.querySelector(".when-light").toggleAttribute("hidden", isDark());
  };
  button.hidden = false;
  button.addEventListener("click", () => {
    root.dataset.theme = isDark() ? "light" : "dark";
    // a cookie, so that the server sends the next page in the right colours at once
    document.cookie = `theme=${root.dataset.theme}; path=/; max-age=${YEAR}; SameSite=Lax`;
    show();
  });
  dark.addEventListener("change", show);
  show();
}
