// The track of the time line: segments of the summary, whose edges and middles are dragged.
import { $, make } from "./api.js";
import { snapped } from "./edit.js";

const { clock } = Timeline;
const SNAP_PIXELS = 9;

// To extend it, give `time` of an event, `percent` of a time, and from where to where the view goes.
export class Track {
  constructor(page) {
    this.page = page;
    this.dragging = null;
  }

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
