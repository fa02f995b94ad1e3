"use strict";
(() => {
  const $ = (id) => document.getElementById(id);
  const all = (selector) => Array.from(document.querySelectorAll(selector));
  const data = JSON.parse($("data").textContent);
  const video = $("video"), timeline = $("timeline"), head = $("head"), hover = $("hover"), tip = $("tip");
  const clamp = (value, low, high) => Math.min(Math.max(value, low), high);
  const TICK = 0.002;  // A player's clock stands this much before a boundary that it was sent to.
  const FRAME = 0.1;  // A piece begins with a frame, which may come this much after its segment.
  let which = data.videos.summary ? "summary" : "source";
  let stopAt = null;
  let position = 0;

  function clock(seconds) {
    const tenths = Math.round(seconds * 10), whole = Math.floor(tenths / 10);
    const h = Math.floor(whole / 3600), m = Math.floor((whole % 3600) / 60), s = String(whole % 60).padStart(2, "0");
    return (h ? `${h}:${String(m).padStart(2, "0")}` : `${m}`) + `:${s}.${tenths % 10}`;
  }

  function readable(url) {
    try { return decodeURIComponent(url); } catch { return url; }  // A name that is not UTF-8.
  }

  // The curve is drawn in the source's time; the summary plays its pieces one after the other.
  function toSource(seconds) {
    if (which === "source") return seconds;
    for (const [start, stop] of data.pieces) {
      if (seconds < stop - start - TICK) return start + seconds;
      seconds -= stop - start;
    }
    return data.pieces[data.pieces.length - 1][1];
  }

  function toSummary(seconds) {
    let before = 0;
    for (const [start, stop] of data.pieces) {
      if (seconds >= start - FRAME && seconds < stop) return before + Math.max(seconds - start, 0);
      before += stop - start;
    }
    return null;
  }

  function show(name) {
    if (!data.videos[name]) return;
    which = name;
    stopAt = null;
    $("missing").hidden = true;
    video.hidden = false;
    video.removeAttribute("poster");
    video.src = data.videos[name];
    for (const button of all("[data-video]")) {
      button.setAttribute("aria-pressed", String(button.dataset.video === name));
    }
  }

  function whenReady(action) {
    if (video.readyState >= 1) action();
    else video.addEventListener("loadedmetadata", action, { once: true });
  }

  function seek(seconds, play, until) {
    seconds = clamp(seconds, 0, data.duration);
    if (which === "summary" && toSummary(seconds) === null) show("source");
    const target = which === "summary" ? toSummary(seconds) : seconds;
    place(seconds);
    whenReady(() => {
      video.currentTime = target;
      stopAt = which === "source" && until !== undefined ? until : null;
      if (play) video.play().catch(() => {});
    });
  }

  function place(seconds) {
    position = seconds;
    head.style.left = `${(100 * seconds) / data.duration}%`;
    $("now").textContent = clock(seconds);
    timeline.setAttribute("aria-valuenow", seconds.toFixed(1));
    timeline.setAttribute("aria-valuetext", `${clock(seconds)}, score ${scoreAt(seconds)}`);
    data.segments.forEach(([start, stop], index) => {
      const inside = seconds >= start && seconds < stop;
      document.querySelector(`[data-card="${index}"]`).classList.toggle("current", inside);
    });
  }

  function scoreAt(seconds) {
    const index = Math.floor((seconds / data.covered) * data.scores.length);
    return Math.round(100 * data.scores[clamp(index, 0, data.scores.length - 1)]);
  }

  function timeAt(event) {
    const box = timeline.getBoundingClientRect();
    return clamp((event.clientX - box.left) / box.width, 0, 1) * data.duration;
  }

  function follow() {
    place(clamp(toSource(video.currentTime), 0, data.duration));
    if (stopAt !== null && video.currentTime >= stopAt) {
      stopAt = null;
      video.pause();
    }
    if (!video.paused && !video.ended) requestAnimationFrame(follow);
  }

  function neighbour(direction) {
    const starts = data.segments.map(([start]) => start).sort((one, other) => one - other);
    return direction > 0
      ? starts.find((start) => start > position + 0.05)
      : starts.reverse().find((start) => start < position - 0.5);
  }

  video.addEventListener("play", follow);
  video.addEventListener("seeked", () => { if (video.paused) follow(); });
  video.addEventListener("error", () => {
    $("missing-url").textContent = readable(data.videos[which]);
    $("missing").hidden = false;
    video.hidden = true;
  });
  for (const button of all("[data-video]")) {
    button.addEventListener("click", () => { show(button.dataset.video); place(toSource(0)); });
  }
  for (const button of all("[data-seek]")) {
    const [start, stop] = data.segments[Number(button.dataset.seek)];
    const band = document.querySelector(`[data-segment="${button.dataset.seek}"]`);
    button.addEventListener("click", () => seek(start, true, stop));
    for (const [name, on] of [["mouseenter", true], ["mouseleave", false], ["focus", true], ["blur", false]]) {
      button.addEventListener(name, () => band.classList.toggle("lit", on));
    }
  }
  let dragging = false;
  timeline.addEventListener("pointerdown", (event) => {
    dragging = true;
    timeline.setPointerCapture(event.pointerId);
    seek(timeAt(event), false);
  });
  timeline.addEventListener("pointermove", (event) => {
    const seconds = timeAt(event), percent = (100 * seconds) / data.duration;
    hover.hidden = tip.hidden = false;
    hover.style.left = `${percent}%`;
    tip.style.left = `${clamp(percent, 5, 95)}%`;
    tip.textContent = `${clock(seconds)} · ${scoreAt(seconds)}`;
    if (dragging) seek(seconds, false);
  });
  timeline.addEventListener("pointerup", () => { dragging = false; });
  timeline.addEventListener("pointerleave", () => { hover.hidden = tip.hidden = true; });
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target === video) return;
    const step = event.shiftKey ? 5 * data.clip : data.clip;
    const onTimeline = event.target === timeline;
    const moves = { ArrowLeft: position - step, ArrowRight: position + step, Home: 0, End: data.duration };
    if (onTimeline && event.key in moves) seek(moves[event.key], false);
    else if (onTimeline && event.key === " ") video.paused ? video.play().catch(() => {}) : video.pause();
    else if (event.key === "[" || event.key === "]") {
      const start = neighbour(event.key === "]" ? 1 : -1);
      if (start !== undefined) seek(start, false);
    } else return;
    event.preventDefault();
  });
  place(toSource(0));
})();
