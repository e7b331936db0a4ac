/** One file in the list of uploads: what it shows, and its buttons. */
import { duration, size } from "./format.js";

const STATES = ["waiting", "busy", "paused", "retrying", "missing", "failed", "done"];

export class Row {
  /** @param {string} name Of the file. @param {number} total Its bytes. */
  constructor(name, total) {
    this.name = name;
    this.total = total;
    this.element = make("li", { className: "upload" });
    this.bar = make("progress", { max: 1, value: 0 });
    this.bar.setAttribute("aria-label", `Upload of ${name}`);
    this.text = make("p");
    this.side = make("div", { className: "upload-side" });
    this.element.append(make("strong", { textContent: name, title: name }), this.bar, this.text, this.side);
    this.timer = 0;
  }

  /** Shows a state with a sentence and its buttons, `[label, action]` each. */
  show(state, text, ...actions) {
    clearInterval(this.timer);
    this.element.classList.remove(...STATES);
    this.element.classList.add(state);
    this.bar.hidden = state === "failed" || state === "done";
    this.text.textContent = text;
    const kept = this.side.contains(document.activeElement) ? document.activeElement.textContent : null;
    this.side.replaceChildren(...actions.map(([label, action]) => this.#button(label, action)));
    if (kept !== null) this.#keepFocus(kept);
  }

  /** Moves the bar. */
  fill(bytes) {
    this.bar.value = this.total ? bytes / this.total : 0;
  }

  /** Says how far it is. */
  progress(bytes, speed) {
    this.fill(bytes);
    const left = speed > 0 ? (this.total - bytes) / speed : 0;
    const time = left >= 2 ? ` · about ${duration(Math.round(left))} left` : "";
    this.text.textContent = `${size(bytes)} of ${size(this.total)}${time}`;
  }

  /** Counts down to the next try. */
  countDown(seconds, message) {
    const end = Date.now() + seconds * 1000;
    const say = () => {
      const left = Math.max(1, Math.ceil((end - Date.now()) / 1000));
      this.text.textContent = `${message} Next try in ${left} s.`;
    };
    say();
    this.timer = setInterval(say, 1000);
  }

  #button(label, action) {
    if (typeof action === "string") return make("a", { className: "button small", href: action, textContent: label });
    if (label === "Choose file") return this.#fileButton(label, action);
    const button = make("button", { type: "button", className: "button small", textContent: label });
    button.append(make("span", { className: "visually-hidden", textContent: ` ${this.name}` }));
    button.addEventListener("click", action);
    return button;
  }

  #fileButton(label, action) {
    const element = make("label", { className: "button small file-button", textContent: label });
    const input = make("input", { type: "file" });
    input.setAttribute("aria-label", `Choose ${this.name} again`);
    input.addEventListener("change", (event) => {
      event.stopPropagation(); // else the page would take it for a new file
      if (input.files.length) action(input.files[0]);
      input.value = "";
    });
    element.append(input);
    return element;
  }

  /** A person who pressed a button with the keyboard goes on from the button in its place. */
  #keepFocus(label) {
    const buttons = [...this.side.querySelectorAll("button, a, input")];
    (buttons.find((button) => button.textContent === label) ?? buttons[0])?.focus();
  }
}

export function make(tag, properties = {}) {
  return Object.assign(document.createElement(tag), properties);
}
