/** Names in place: Enter or leaving the field saves, Escape takes the change back. */
import { refreshSoon } from "./live.js";
import { toast } from "./small.js";

export function startNames() {
  document.addEventListener("submit", (event) => {
    const form = event.target.closest("[data-name]");
    if (!form) return;
    event.preventDefault();
    save(form.elements.name);
    document.activeElement.blur();
  });
  document.addEventListener("focusout", (event) => {
    const form = event.target.closest("[data-name]");
    if (form && !form.contains(event.relatedTarget)) save(form.elements.name);
  });
  document.addEventListener("keydown", (event) => {
    const input = event.target.closest?.("[data-name] input");
    if (!input || event.key !== "Escape") return;
    input.value = input.defaultValue;
    input.blur();
  });
}

async function save(input) {
  const before = input.defaultValue;
  const name = input.value.trim().replace(/\s+/g, " ");
  input.value = name;
  if (name === before) return;
  input.defaultValue = name; // so that leaving the field does not send it a second time
  try {
    const response = await fetch(`/api/people/${input.form.dataset.name}`, {
      method: "PATCH",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ name }),
    });
    const answer = await response.json();
    if (!response.ok) throw new Error(answer.error.message);
    if (input.form.matches(".big")) {
      document.querySelector("h1").textContent = answer.person.label;
      document.title = `${answer.person.label} · FAAAAACES`;
    }
    toast(name ? `Named ${name}` : "The name is taken away");
    refreshSoon();
  } catch (error) {
    input.value = input.defaultValue = before;
    toast(error instanceof TypeError ? "The server does not answer. The name was not saved." : error.message);
  }
}
