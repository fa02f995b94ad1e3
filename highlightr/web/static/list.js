// The list of videos: posters and lengths are fetched when they come into view.
import { $, call, make, say } from "./api.js";

const { clock } = Timeline;
let videos = [];
const known = new Map();  // Identifier to what probing found, or why it failed.
const waiting = [];
let asking = 0;

const ORDERS = {
  name: (one, other) => one.name.localeCompare(other.name, undefined, { numeric: true }),
  new: (one, other) => (BigInt(other.version) > BigInt(one.version) ? 1 : -1),
  size: (one, other) => other.size - one.size,
};

function megabytes(bytes) {
  return bytes >= 1e9 ? `${(bytes / 1e9).toFixed(1)} GB` : `${bytes ? Math.max(bytes / 1e6, 0.1).toFixed(1) : 0} MB`;
}

function card(video) {
  const slash = video.name.lastIndexOf("/");
  const picture = make("img", { alt: "", loading: "lazy", src: `/api/videos/${video.id}/frame?width=320&v=${video.version}` });
  picture.addEventListener("error", () => { picture.hidden = true; });
  const made = make("ul", { class: "made", "aria-label": "Made of it" }, ...video.made.map((word) => make("li", {}, word)));
  const open = make("a", { class: "open", href: `/v/${video.id}` },
    make("span", { class: "poster" }, picture, make("span", { class: "length", "data-length": video.id })),
    make("span", { class: "name" }, video.name.slice(slash + 1)));
  const item = make("li", { class: "video", "data-id": video.id }, open,
    make("p", { class: "soft meta" }, [slash > 0 ? video.name.slice(0, slash) : "", megabytes(video.size)].filter(Boolean).join(" · ")), made);
  if (video.summary) item.append(make("a", { class: "watch", href: `/v/${video.summary}` }, "Watch the summary"));
  seen.observe(item);
  showLength(video.id, item);
  return item;
}

function showLength(id, item) {
  const about = known.get(id), length = item.querySelector("[data-length]");
  if (!about) return;
  length.textContent = about.error ? "" : clock(about.duration, 0);
  item.classList.toggle("broken", Boolean(about.error));
  if (about.error && !item.querySelector(".error")) item.append(make("p", { class: "error", title: about.error }, about.error));
}

async function next() {
  if (asking >= 2 || !waiting.length) return;
  const item = waiting.shift(), id = item.dataset.id;
  asking += 1;
  try {
    known.set(id, await call("GET", `/api/videos/${id}?quiet=1`));
  } catch (error) {
    known.set(id, { error: error.message });
  }
  asking -= 1;
  showLength(id, item);
  next();
}

const seen = new IntersectionObserver((entries) => {
  for (const entry of entries) {
    if (!entry.isIntersecting) continue;
    seen.unobserve(entry.target);
    if (!known.has(entry.target.dataset.id)) { waiting.push(entry.target); next(); }
  }
}, { rootMargin: "200px" });

function show() {
  const words = $("filter").value.trim().toLowerCase();
  const shown = videos.filter((video) => video.name.toLowerCase().includes(words)).sort(ORDERS[$("sort").value]);
  waiting.length = 0;
  $("videos").replaceChildren(...shown.map(card));
  $("count").textContent = words ? `${shown.length} of ${videos.length}` : `${videos.length} ${videos.length === 1 ? "video" : "videos"}`;
  $("empty").hidden = videos.length > 0;
  $("unmatched").hidden = videos.length === 0 || shown.length > 0;
}

// Filter, order and scroll position survive a visit to a video.
const kept = `list of ${document.querySelector("h1").title}`;
const [filter, order, down] = JSON.parse(sessionStorage.getItem(kept) || '["", "name", 0]');
window.addEventListener("pagehide", () => sessionStorage.setItem(kept, JSON.stringify([$("filter").value, $("sort").value, window.scrollY])));
$("filter").value = filter;
$("sort").value = order;

async function load() {
  try {
    const answer = await call("GET", "/api/videos");
    videos = answer.videos;
    say(answer.note || "");
    show();
  } catch (error) {
    say(error.message);
  }
}

$("filter").addEventListener("input", show);
$("sort").addEventListener("change", show);
window.addEventListener("pageshow", (event) => { if (event.persisted) load(); });
load().then(() => window.scrollTo(0, down));
