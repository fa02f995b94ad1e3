// The time line: what part of the video it shows, curves of several queries over each other, lanes, what is under the mouse.
import { $, make, still, svg } from "./api.js";
import { snapped } from "./edit.js";

const { clamp, clock, scoreAt, timeAt } = Timeline;
const STEPS = [0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200];
const FRAME_MS = 90;  // The mouse rests this long before its frame is asked for.
const MOST_ZOOM_SECONDS = 2;
const SNAP_PIXELS = 9;

export class Lanes {
  constructor(page) {
    this.page = page;
    this.dragging = null;
    this.from = 0;
    this.to = page.duration;
    this.watched = null;
    this.frameTimer = 0;
    const box = $("chart-box"), timeline = $("timeline");
    box.setAttribute("aria-valuemax", page.duration.toFixed(2));
    this.pointer(box, (time) => page.player.seek(time));
    $("lanes").addEventListener("pointerdown", (event) => { if (event.button === 0) page.player.seek(this.time(event)); });
    timeline.addEventListener("pointermove", (event) => this.hover(event));
    timeline.addEventListener("pointerleave", () => this.leave());
    timeline.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
    $("zoom-in").addEventListener("click", () => this.zoom(0.5));
    $("zoom-out").addEventListener("click", () => this.zoom(2));
    $("zoom-all").addEventListener("click", () => this.view(0, page.duration));
    $("pan").addEventListener("input", () => this.panned());
    new ResizeObserver(() => this.drawAxis()).observe(timeline);
  }

  time(event) { return timeAt($("chart-box"), event, this.from, this.to); }
  percent(seconds) { return (100 * (seconds - this.from)) / (this.to - this.from); }

  view(from, to) {
    const length = clamp(to - from, Math.min(MOST_ZOOM_SECONDS, this.page.duration), this.page.duration);
    this.from = clamp(from, 0, this.page.duration - length);
    this.to = this.from + length;
    const pan = $("pan"), rest = this.page.duration - length;
    pan.hidden = rest < 1e-3;
    pan.value = rest < 1e-3 ? 0 : Math.round((1000 * this.from) / rest);
    this.draw();
  }

  zoom(factor, around = clamp(this.page.player.position, this.from, this.to)) {
    const share = (around - this.from) / (this.to - this.from), length = (this.to - this.from) * factor;
    this.view(around - share * length, around + (1 - share) * length);
  }

  panned() {
    const length = this.to - this.from, from = (Number($("pan").value) / 1000) * (this.page.duration - length);
    this.view(from, from + length);
  }

  wheel(event) {
    if (event.ctrlKey || event.metaKey) {
      event.preventDefault();
      this.zoom(event.deltaY > 0 ? 1.25 : 0.8, this.time(event));
    } else if (Math.abs(event.deltaX) > Math.abs(event.deltaY)) {
      event.preventDefault();
      const shift = ((this.to - this.from) * event.deltaX) / 800;
      this.view(this.from + shift, this.to + shift);
    }
  }

  reveal(seconds) {
    if (seconds >= this.from && seconds <= this.to) return;
    const length = this.to - this.from;
    this.view(seconds - length / 4, seconds + (3 * length) / 4);
  }

  draw() {
    this.drawAxis();
    this.drawChart();
    this.drawLanes();
    this.drawTrack();
    this.placeHead(this.page.player.position);
  }

  drawAxis() {
    const length = this.to - this.from, wide = $("timeline").clientWidth || 800;
    const step = STEPS.find((one) => length / one <= Math.max(wide / 90, 2)) || length / 4;
    const ticks = [];
    for (let time = Math.ceil(this.from / step) * step; time <= this.to; time += step) {
      const x = this.percent(time);
      if (x > 97) break;
      const text = svg("text", { x: `${x}%`, y: 13, "text-anchor": x < 2 ? "start" : "middle" });
      text.textContent = clock(time, step < 1 ? 1 : 0);
      ticks.push(svg("line", { x1: `${x}%`, x2: `${x}%`, y1: 16, y2: 20 }), text);
    }
    $("axis").replaceChildren(...ticks);
  }

  box(element) {
    const scale = 1000 / this.page.duration;
    element.setAttribute("viewBox", `${this.from * scale} 0 ${(this.to - this.from) * scale} 100`);
  }

  drawChart() {
    const chart = $("chart"), parts = [svg("path", { class: "grid", d: "M0 0H1000M0 50H1000M0 100H1000" })];
    const scale = 1000 / this.page.duration;
    if (this.watched !== null) parts.push(svg("rect", { class: "watched", x: 0, y: 0, height: 100, width: this.watched * scale }));
    for (const one of this.page.edit.segments) {
      parts.push(svg("rect", { class: "band", x: one.start * scale, width: Math.max((one.stop - one.start) * scale, 0.4), y: 0, height: 100 }));
    }
    const active = this.page.active();
    const shown = this.page.queries().filter((one) => one.found && one.shown && one !== active);
    if (active && active.found && active.shown) shown.push(active);
    for (const one of shown) {
      if (one === active) parts.push(svg("path", { class: `area q${one.colour}`, d: `${one.found.curve}V100H0Z` }));
      parts.push(svg("path", { class: `line q${one.colour}${one === active ? " active" : ""}`, d: one.found.curve }));
    }
    // What is known while the rest is analysed; the whole curve takes its place.
    const growing = this.page.queries().filter((each) => !each.found && each.job && each.shown && each.soFar && each.soFar.curve);
    for (const one of growing) {
      parts.push(svg("path", { class: `line so-far q${one.colour}`, d: one.soFar.curve, transform: `scale(${one.soFar.seconds / this.page.duration} 1)` }));
    }
    chart.replaceChildren(...parts);
    this.box(chart);
    $("chart-empty").hidden = shown.length + growing.length > 0 || this.watched !== null;
  }

  drawLanes() {
    const active = this.page.active(), found = (active && active.found) || (this.page.queries().find((one) => one.found) || {}).found;
    if (!found) { $("lanes").replaceChildren(); return; }
    const rows = [this.lane("Shots", "shots", svg("path", { class: "strokes", d: found.lanes.shot_path }))];
    if (found.lanes.speech.length) rows.push(this.lane("Speech", "speech", ...this.spans(found.lanes.speech)));
    if (found.lanes.transcript && found.lanes.transcript.length) rows.push(this.words(found.lanes.transcript));
    for (const part of found.parts) {
      rows.push(this.lane(part.name, `part k-${part.css}`, svg("path", { class: "fill", d: `${part.path}V100H0Z` }), svg("path", { class: "edge-line", d: part.path })));
    }
    $("lanes").replaceChildren(...rows);
  }

  spans(spans) {
    const scale = 1000 / this.page.duration;
    return spans.map(([start, stop]) => svg("rect", { x: start * scale, width: Math.max((stop - start) * scale, 0.3), y: 20, height: 60 }));
  }

  lane(name, kind, ...shapes) {
    const drawing = svg("svg", { preserveAspectRatio: "none", role: "img", "aria-label": `${name} over time` });
    drawing.append(...shapes);
    this.box(drawing);
    return make("div", { class: `lane ${kind}` }, make("span", {}, name), drawing);
  }

  words(lines) {
    const row = make("div", { class: "lane words", role: "list", "aria-label": "Transcript" });
    const inside = lines.filter(([start, stop]) => stop > this.from && start < this.to);
    for (const [start, stop, text] of inside.length > 300 ? [] : inside) {
      const word = make("button", { type: "button", role: "listitem", title: text, tabindex: "-1", onclick: () => this.page.player.seek(start) }, text);
      word.style.left = `${this.percent(start)}%`;
      word.style.width = `${Math.max(this.percent(stop) - this.percent(start), 0.2)}%`;
      row.append(word);
    }
    row.append(make("span", {}, inside.length > 300 ? "Transcript: zoom in to read" : "Transcript"));
    return row;
  }

  pointer(element, act) {
    element.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      element.setPointerCapture(event.pointerId);
      element.focus({ preventScroll: true });
      act(this.time(event));
      const move = (moved) => act(this.time(moved));
      const done = () => { element.removeEventListener("pointermove", move); };
      element.addEventListener("pointermove", move);
      for (const name of ["pointerup", "pointercancel"]) element.addEventListener(name, done, { once: true });
    });
  }

  placeHead(seconds) {
    const x = this.percent(seconds), box = $("chart-box");
    $("head").hidden = x < -0.01 || x > 100.01;
    $("head").style.left = `${x}%`;
    const active = this.page.active(), score = active && active.found ? `, score ${scoreAt(active.found.scores, active.found.covered, seconds)}` : "";
    box.setAttribute("aria-valuenow", seconds.toFixed(2));
    box.setAttribute("aria-valuetext", `${clock(seconds, 2)}${score}`);
  }

  hover(event) {
    if (event.pointerType === "touch" && !this.dragging) return;
    const seconds = this.time(event), x = this.percent(seconds), tip = $("tip");
    $("hover").hidden = tip.hidden = false;
    $("hover").style.left = `${x}%`;
    const wide = $("timeline").clientWidth;
    tip.style.left = `${clamp((x * wide) / 100, 96, Math.max(wide - 96, 96))}px`;
    $("tip-text").replaceChildren(...this.why(seconds));
    clearTimeout(this.frameTimer);
    this.frameTimer = setTimeout(() => {
      $("tip-frame").src = still(this.page.about, (Math.round(seconds * 5) / 5).toFixed(1), 160);
    }, FRAME_MS);
  }

  // The time, the score for each query, and what was found there.
  why(seconds) {
    const rows = [make("b", {}, clock(seconds, 2))];
    for (const one of this.page.queries()) {
      if (!one.found || !one.shown) continue;
      rows.push(make("span", { class: `score q${one.colour}` }, String(scoreAt(one.found.scores, one.found.covered, seconds))));
    }
    const active = this.page.active(), found = active && active.found;
    const clip = found ? found.reasons.clips[Math.floor(seconds / found.clip)] : null;
    for (const [number, percent] of clip || []) {
      const [, css, label] = found.reasons.labels[number];
      rows.push(make("span", { class: `reason k-${css}` }, `${label} ${percent} %`));
    }
    return rows;
  }

  leave() {
    clearTimeout(this.frameTimer);
    $("hover").hidden = $("tip").hidden = true;
  }

  // ---- The track: segments of the summary, whose edges and middles are dragged
  drawTrack(draft = null) {
    const { edit } = this.page, focused = document.activeElement;
    const keep = focused && focused.closest("#track") ? [focused.dataset.id, focused.dataset.part] : null;
    const blocks = edit.segments.map((one, index) => this.block(draft && draft.id === one.id ? draft : one, index));
    $("track").replaceChildren(...blocks);
    if (keep) $("track").querySelector(`[data-id="${keep[0]}"][data-part="${keep[1]}"]`)?.focus({ preventScroll: true });
  }

  block(one, index) {
    const { edit } = this.page, colour = this.page.colourOf(one.query);
    const name = one.title || `Segment ${index + 1}`;
    const body = make("button", {
      type: "button", class: "body", "data-id": one.id, "data-part": "whole", "aria-pressed": String(one.id === edit.selected),
      "aria-label": `${index + 1}: ${name}, ${clock(one.start, 2)} to ${clock(one.stop, 2)}`,
    }, make("b", {}, String(index + 1)), ` ${name}`);
    const block = make("div", { class: `block q${colour}${one.id === edit.selected ? " chosen" : ""}`, "data-block": one.id },
      this.edge(one, index, "start"), body, this.edge(one, index, "stop"));
    block.style.left = `${this.percent(one.start)}%`;
    block.style.width = `${this.percent(one.stop) - this.percent(one.start)}%`;
    this.drag(body, one, "whole");
    return block;
  }

  edge(one, index, part) {
    const value = one[part], [low, high] = this.page.edit.room(one);
    const edge = make("span", {
      class: `edge ${part}`, role: "slider", tabindex: "0", "data-id": one.id, "data-part": part,
      "aria-label": `${part === "start" ? "Start" : "End"} of segment ${index + 1}`, "aria-orientation": "horizontal",
      "aria-valuemin": low.toFixed(2), "aria-valuemax": high.toFixed(2), "aria-valuenow": value.toFixed(2), "aria-valuetext": clock(value, 2),
    });
    this.drag(edge, one, part);
    return edge;
  }

  targets() {
    const found = (this.page.queries().find((one) => one.found) || {}).found;
    const lanes = found ? found.lanes : { shots: [], pauses: [] };
    const pauses = lanes.pauses.flatMap(([start, stop]) => (stop - start < 0.8 ? [(start + stop) / 2] : [start + 0.15, stop - 0.15]));
    return [0, this.page.duration, this.page.player.position, ...lanes.shots, ...pauses];
  }

  // A time under the pointer, drawn to a shot boundary, a pause or the playhead unless a modifier says not to.
  snap(seconds, event) {
    if (event.altKey || event.ctrlKey || event.metaKey) return seconds;
    return snapped(seconds, this.snaps || [], (SNAP_PIXELS * (this.to - this.from)) / $("chart-box").clientWidth);
  }

  drag(element, segment, part) {
    element.addEventListener("pointerdown", (event) => {
      if (event.button !== 0 || this.dragging) return;
      event.preventDefault();
      event.stopPropagation();
      this.begin(event, segment, part);
    });
  }

  // Listening on the document: what is dragged is drawn anew meanwhile.
  begin(event, segment, part) {
    const { edit, player } = this.page, grip = this.time(event), origin = event.clientX;
    let draft = segment, far = false;
    this.dragging = part;
    this.snaps = this.targets();
    edit.select(segment.id);
    $("track").querySelector(`[data-id="${segment.id}"][data-part="${part}"]`)?.focus({ preventScroll: true });
    const move = (moved) => {
      if (moved.pointerId !== event.pointerId) return;
      far = far || Math.abs(moved.clientX - origin) > 3;
      if (!far) return;
      const base = part === "stop" ? segment.stop : segment.start;
      draft = edit.moved(segment, part, this.snap(base + this.time(moved) - grip, moved));
      this.drawTrack(draft);
      this.page.drafted(draft);
      player.seek(part === "stop" ? Math.max(draft.stop - this.page.frame, draft.start) : draft.start);
    };
    const done = (ended) => {
      if (ended.pointerId !== event.pointerId) return;
      for (const [name, listener] of [["pointermove", move], ["pointerup", done], ["pointercancel", done]]) document.removeEventListener(name, listener);
      this.dragging = null;
      if (far && ended.type === "pointerup") edit.place(draft);
      else if (!far && part === "whole") player.seek(this.time(ended));
      this.page.drafted(null);
      this.drawTrack();
    };
    for (const [name, listener] of [["pointermove", move], ["pointerup", done], ["pointercancel", done]]) document.addEventListener(name, listener);
  }

  // A key on an edge: one frame, or a second.
  nudge(id, part, seconds) {
    const { edit, player } = this.page, segment = edit.segments.find((one) => String(one.id) === id);
    if (!segment) return;
    const next = edit.moved(segment, part, (part === "stop" ? segment.stop : segment.start) + seconds);
    edit.place(next);
    player.seek(part === "stop" ? Math.max(next.stop - this.page.frame, next.start) : next.start);
  }
}
