// The edit: segments in the order in which they play, with undo and redo. Knows nothing of the page.
const { clamp } = Timeline;
const MOST_STEPS = 300;
const MOST_SEGMENTS = 500;
export const SHORTEST = 0.04;  // Seconds: about a frame.

let numbers = 0;
const named = (segment) => ({ id: ++numbers, title: "", query: null, ...segment });
const byTime = (one, other) => one.start - other.start;

export class Edit {
  constructor(duration, onFrame, changed) {
    this.duration = duration;
    this.onFrame = onFrame;  // The time of the nearest frame: what is seen at an edge is what is cut there.
    this.changed = changed;
    this.segments = [];
    this.selected = null;
    this.past = [];
    this.future = [];
  }

  // A segment with the same times keeps its id, so it stays chosen, and what is being typed into it stays.
  load(segments) {
    const before = this.segments;
    this.segments = segments.map((one) => {
      const same = before.find((each) => each.start === one.start_seconds && each.stop === one.stop_seconds);
      return named({ start: one.start_seconds, stop: one.stop_seconds, title: one.title, query: one.query, ...(same && { id: same.id }) });
    });
    this.past = [];
    this.future = [];
    if (!this.chosen) this.selected = null;
    this.changed("load");
  }

  plain() {
    return this.segments.map(({ start, stop, title, query }) => ({ start_seconds: start, stop_seconds: stop, title, query }));
  }

  get seconds() { return this.segments.reduce((sum, one) => sum + one.stop - one.start, 0); }
  get chosen() { return this.segments.find((one) => one.id === this.selected) || null; }
  get pieces() { return this.segments.map((one) => [one.start, one.stop]); }
  at(seconds) { return this.segments.find((one) => seconds >= one.start && seconds < one.stop) || null; }

  commit(segments, selected = this.selected) {
    this.past.push(this.segments);
    if (this.past.length > MOST_STEPS) this.past.shift();
    this.future = [];
    this.segments = segments.slice(0, MOST_SEGMENTS);
    this.selected = this.segments.some((one) => one.id === selected) ? selected : null;
    this.changed("edit");
  }

  undo() { this.step(this.past, this.future); }
  redo() { this.step(this.future, this.past); }

  step(from, to) {
    if (!from.length) return;
    to.push(this.segments);
    this.segments = from.pop();
    if (!this.chosen) this.selected = null;
    this.changed("edit");
  }

  select(id) {
    if (this.selected === id) return;
    this.selected = id;
    this.changed("select");
  }

  // How far a segment may reach: no moment of the source is in the summary twice.
  room(segment) {
    const others = this.segments.filter((one) => one.id !== segment.id);
    const middle = (segment.start + segment.stop) / 2;
    return [
      Math.max(0, ...others.filter((one) => one.stop <= middle + SHORTEST).map((one) => one.stop)),
      Math.min(this.duration, ...others.filter((one) => one.start >= middle - SHORTEST).map((one) => one.start)),
    ];
  }

  // The segment with an edge, or all of it, moved; nothing is kept until `place`.
  moved(segment, part, wanted) {
    const seconds = this.onFrame(wanted);
    const [low, high] = this.room(segment), length = segment.stop - segment.start;
    if (part === "start") return { ...segment, start: clamp(seconds, low, segment.stop - SHORTEST) };
    if (part === "stop") return { ...segment, stop: clamp(seconds, segment.start + SHORTEST, high) };
    const start = clamp(seconds, low, Math.max(high - length, low));
    return { ...segment, start, stop: start + length };
  }

  place(segment) {
    const before = this.segments.find((one) => one.id === segment.id);
    if (!before || (before.start === segment.start && before.stop === segment.stop && before.title === segment.title)) return;
    this.commit(this.segments.map((one) => (one.id === segment.id ? segment : one)), segment.id);
  }

  // In order of time where the others are; otherwise at the end.
  inserted(added) {
    const ordered = this.segments.every((one, index) => index === 0 || this.segments[index - 1].start <= one.start);
    return ordered ? [...this.segments, ...added].sort(byTime) : [...this.segments, ...added];
  }

  addAll(proposals) {
    const added = proposals
      .map((one) => named({ start: one.start_seconds, stop: one.stop_seconds, title: one.title, query: one.query }))
      .filter((one) => !this.segments.some((other) => one.start < other.stop - 1e-6 && other.start < one.stop - 1e-6));
    if (added.length) this.commit(this.inserted(added));
    return added.length;
  }

  replaceAll(proposals) {
    this.commit(proposals.map((one) => named({ start: one.start_seconds, stop: one.stop_seconds, title: one.title, query: one.query })), null);
  }

  add(from, to) {
    const start = this.onFrame(from), stop = this.onFrame(to);
    if (this.at(start) || this.segments.length >= MOST_SEGMENTS) return false;
    const next = Math.min(this.duration, ...this.segments.filter((one) => one.start > start).map((one) => one.start));
    const end = Math.min(stop, next);
    if (end - start < SHORTEST) return false;
    const segment = named({ start, stop: end });
    this.commit(this.inserted([segment]), segment.id);
    return true;
  }

  split(wanted) {
    const seconds = this.onFrame(wanted);
    const segment = this.at(seconds);
    if (!segment || seconds - segment.start < SHORTEST || segment.stop - seconds < SHORTEST) return false;
    const second = named({ ...segment, id: undefined, start: seconds });
    second.id = ++numbers;
    const index = this.segments.indexOf(segment), next = this.segments.slice();
    next.splice(index, 1, { ...segment, stop: seconds }, second);
    this.commit(next, second.id);
    return true;
  }

  remove(id = this.selected) {
    const index = this.segments.findIndex((one) => one.id === id);
    if (index < 0) return false;
    const next = this.segments.filter((one) => one.id !== id);
    this.commit(next, (next[index] || next[index - 1] || {}).id ?? null);
    return true;
  }

  reorder(id, target) {
    const index = this.segments.findIndex((one) => one.id === id);
    const to = clamp(target, 0, this.segments.length - 1);
    if (index < 0 || index === to) return;
    const next = this.segments.slice();
    next.splice(to, 0, next.splice(index, 1)[0]);
    this.commit(next, id);
  }
}

// The nearest of some times, if it is near enough.
export function snapped(seconds, targets, reach) {
  let best = seconds, distance = reach;
  for (const target of targets) {
    const gap = Math.abs(target - seconds);
    if (gap < distance) { best = target; distance = gap; }
  }
  return best;
}
