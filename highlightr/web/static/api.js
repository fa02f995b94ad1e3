// Talking to the server: JSON both ways, one line where something is refused, news as they come.
const AGAIN_MS = 2000;

export class Refusal extends Error {
  constructor(status, answer) {
    super(answer.error || `the server answered ${status}`);
    this.status = status;
    this.answer = answer;
  }
}

export async function call(method, path, body) {
  const options = { method, headers: {} };
  if (body !== undefined) {
    options.headers["Content-Type"] = "application/json";
    options.body = JSON.stringify(body);
    options.keepalive = method === "PUT" && options.body.length < 30_000;  // A state that is saved outlives its page.
  }
  let response;
  try {
    response = await fetch(path, options);
  } catch {
    throw new Refusal(0, { error: "The studio does not answer. Was it closed? Start it again with `highlightr web`." });
  }
  if (response.status === 403) {
    throw new Refusal(403, { error: "The studio was started again. Open the address that `highlightr web` printed, in this browser; then this page goes on." });
  }
  const answer = await response.json().catch(() => ({}));
  if (!response.ok) throw new Refusal(response.status, answer);
  return answer;
}

// A browser opens six connections to a server for all its windows together: one that nobody sees holds none.
export function listen(onNews, onState) {
  let source = null;
  const close = () => { if (source) source.close(); source = null; };
  const open = () => {
    if (source || document.hidden) return;
    source = new EventSource("/api/events");
    source.onmessage = (event) => { onState(true); onNews(JSON.parse(event.data)); };
    source.onerror = () => {
      onState(false);
      // The browser tries again by itself, but where it is refused: after a restart, until the new address was opened.
      if (source && source.readyState === EventSource.CLOSED) { close(); setTimeout(open, AGAIN_MS); }
    };
  };
  document.addEventListener("visibilitychange", () => { if (document.hidden) close(); else open(); });
  open();
}

// A picture of a video as it is: of the same name, but replaced, another.
export const still = (about, seconds, width) => `/api/videos/${about.id}/frame?at=${seconds}&width=${width}&v=${about.version}`;

export const $ = (id) => document.getElementById(id);

export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "class") element.className = value;
    else if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
}

// A list as it is now. An element stays while its `data-key` does, so no click, focus or half-typed title in it is lost.
// Where the one with the focus is gone, that of the same kind (the key's first letter) in the row at its place gets it.
export function renew(list, rows) {
  const focused = document.activeElement, from = [...list.children].findIndex((row) => row.contains(focused));
  rows.forEach((row, index) => {
    const old = list.children[index];
    if (old) renewElement(old, row);
    else list.append(row);
  });
  while (list.children.length > rows.length) list.lastElementChild.remove();
  const { key } = focused.dataset, like = list.children[Math.min(from, rows.length - 1)];
  if (from < 0 || !key || !like || list.contains(document.activeElement)) return;
  const next = list.querySelector(`[data-key="${CSS.escape(key)}"]`) || [like, ...like.querySelectorAll("*")].find((one) => one.matches(`[data-key^="${key[0]}"]`));
  if (next) next.focus({ preventScroll: true });
}

function renewElement(old, now) {
  if (old.dataset.key !== now.dataset.key) { old.replaceWith(now); return; }
  for (const { name } of [...old.attributes]) if (!now.hasAttribute(name)) old.removeAttribute(name);
  for (const { name, value } of now.attributes) if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  if (old instanceof HTMLInputElement && old !== document.activeElement) old.value = now.value;
  const before = [...old.childNodes], after = [...now.childNodes];
  if (before.length !== after.length || before.some((child, index) => child.nodeName !== after[index].nodeName)) old.replaceChildren(...after);
  else before.forEach((child, index) => { if (child instanceof Element) renewElement(child, after[index]); else child.data = after[index].data; });
}

export function svg(tag, attributes = {}) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  return element;
}

// Whether an error is on the page, which what comes by itself must not cover.
export function alarmed() { return !$("alert").hidden && $("alert").dataset.kind === "error"; }

export function say(message, kind = "error") {
  const alert = $("alert");
  alert.textContent = message;
  alert.dataset.kind = kind;
  alert.hidden = !message;
}
