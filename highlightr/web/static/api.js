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
