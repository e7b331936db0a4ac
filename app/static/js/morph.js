/**
 * Makes a part of the page equal to a fresh copy of it, touching only what differs: pictures do not flicker, the focus
 * and open details stay, and an animation runs only on what is new. Children with an id are matched by it.
 */
export function morph(old, fresh) {
  if (old.isEqualNode(fresh) || isBusy(old)) return;
  if (old.nodeName !== fresh.nodeName) {
    old.replaceWith(document.importNode(fresh, true));
    return;
  }
  if (old.nodeType !== Node.ELEMENT_NODE) {
    old.nodeValue = fresh.nodeValue;
    return;
  }
  morphAttributes(old, fresh);
  morphChildren(old, fresh);
}

/** What a person is at work with stays as it is: a field with the focus, a player in the place of a picture, an open log. */
function isBusy(node) {
  if (node.nodeType !== Node.ELEMENT_NODE) return false;
  if (node.matches("[data-stage]") && node.querySelector("video")) return true;
  if (node.matches("[data-log-lines]") && node.querySelector(".log-lines")) return true;
  return node === document.activeElement && node.matches("input, textarea, select");
}

function morphAttributes(old, fresh) {
  for (const { name, value } of fresh.attributes) {
    if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  }
  for (const { name } of [...old.attributes]) {
    if (!fresh.hasAttribute(name) && name !== "open" && name !== "aria-current") old.removeAttribute(name);
  }
  if (old.nodeName === "INPUT") old.value = fresh.getAttribute("value") ?? "";
}

function morphChildren(old, fresh) {
  const keyed = new Map([...old.children].filter((child) => child.id).map((child) => [child.id, child]));
  let cursor = old.firstChild;
  for (const child of fresh.childNodes) {
    const same = child.id ? keyed.get(child.id) : null;
    if (same) {
      if (same === cursor) cursor = cursor.nextSibling;
      else old.insertBefore(same, cursor);
      morph(same, child);
    } else if (cursor && !cursor.id && !child.id && cursor.nodeName === child.nodeName) {
      const next = cursor.nextSibling;
      morph(cursor, child);
      cursor = next;
    } else {
      old.insertBefore(document.importNode(child, true), cursor);
    }
  }
  while (cursor) {
    const next = cursor.nextSibling;
    cursor.remove();
    cursor = next;
  }
}
