(() => {
  const $ = (id) => document.getElementById(id);
  const all = (selector) => Array.from(document.querySelectorAll(selector));
  const data = JSON.parse($("data").textContent);
  const video = $("video"), timeline = $("timeline"), head = $("head"), hover = $("hover"), tip = $("tip");
  const { clamp, clock } = Timeline;
  let which = data.videos.summary ? "summary" : "source";
  let stopAt = null;
  let position = 0;

  function readable(url) {
    try { return decodeURIComponent(url); } catch { return url; }  // A name that is not UTF-8.
  }

  // The curve is drawn in the source's time; the summary plays its pieces one after the other.
  const toSource = (seconds) => (which === "source" ? seconds : Timeline.toSource(data.pieces, seconds));
  const toSummary = (seconds) => Timeline.toSummary(data.pieces, seconds);
  const scoreAt = (seconds) => Timeline.scoreAt(data.scores, data.covered, seconds);
  const timeAt = (event) => Timeline.timeAt(timeline, event, 0, data.duration);

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
    if (list) speak(seconds);
    timeline.setAttribute("aria-valuetext", `${clock(seconds)}, score ${scoreAt(seconds)}`);
    data.segments.forEach(([start, stop], index) => {
      const inside = seconds >= start && seconds < stop;
      document.querySelector(`[data-card="${index}"]`).classList.toggle("current", inside);
    });
  }

  // The line that is said now; lines do not overlap, and follow each other.
  const lines = all("[data-said]"), list = $("lines");
  let spoken = -1;

  function speak(seconds) {
    let low = 0, high = data.said.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (data.said[middle][0] <= seconds) low = middle + 1; else high = middle;
    }
    const now = low > 0 && seconds < data.said[low - 1][1] ? low - 1 : -1;
    if (now === spoken) return;
    if (spoken >= 0) lines[spoken].removeAttribute("aria-current");
    spoken = now;
    if (now < 0) return;
    lines[now].setAttribute("aria-current", "true");
    const line = lines[now].parentElement;
    if (line.offsetTop < list.scrollTop || line.offsetTop + line.offsetHeight > list.scrollTop + list.clientHeight) {
      list.scrollTop = line.offsetTop - list.clientHeight / 3;
    }
  }

  function find() {
    const words = $("find").value.trim().toLowerCase();
    let count = 0;
    for (const line of lines) {
      const shown = line.lastElementChild.textContent.toLowerCase().includes(words);
      line.parentElement.hidden = !shown;
      if (shown) count += 1;
    }
    $("found").textContent = words ? `${count} of ${lines.length}` : "";
  }

  if (list) {
    $("find").addEventListener("input", find);
    list.addEventListener("click", (event) => {
      const line = event.target.closest("[data-said]");
      if (line) seek(data.said[Number(line.dataset.said)][0] + 0.01, true);
    });
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
    if (event.ctrlKey || event.metaKey || event.altKey || event.target === video || event.target.id === "find") return;
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
