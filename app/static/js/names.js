/** Names in place: Enter or leaving the field saves, Escape takes the change back. */
import { refreshSoon } from "./live.js";
import { toast } from "./small.js";

export function startNames() {
  document.addEventListener("submit", (event) => {
    const form = event.target.closest("[data-name]");
    if (!form) return;
    event.preventDefault();
    form.elements.name.blur(); // leaving the field saves
  });
  document.addEventListener("focusin", (event) => {
    const input = event.target.closest("[data-name] input");
    if (input && input.dataset.before === undefined) input.dataset.before = input.value;
  });
  document.addEventListener("focusout", (event) => {
    const input = event.target.closest("[data-name] input");
    if (input && event.relatedTarget?.closest("form") !== input.form) save(input);
  });
  document.addEventListener("keydown", (event) => {
    const input = event.target.closest?.("[data-name] input");
    if (!input || event.key !== "Escape") return;
    input.value = input.dataset.before ?? input.defaultValue;
    input.blur();
  });
}

async function save(input) {
  const before = input.dataset.before ?? input.defaultValue;
  delete input.dataset.before;
  const name = input.value.trim().replace(/\s+/g, " ");
  if (name === before) return;
  try {
    const response = await fetch(`/api/people/${input.form.dataset.name}`, {
      method: "PATCH",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ name }),
    });
    const answer = await response.json();
    if (!response.ok) throw new Error(answer.error.message);
    const stored = answer.person.name ?? "";
    input.value = input.defaultValue = stored;
    if (input.form.matches(".big")) {
      document.querySelector("h1").textContent = answer.person.label;
      document.title = `${answer.person.label} · FAAAAACES`;
    }
    toast(stored ? `Named ${stored}` : "The name is taken away");
    refreshSoon();
  } catch (error) {
    input.value = before;
    toast(error instanceof TypeError ? "The server does not answer. The name was not saved." : error.message);
  }
}
