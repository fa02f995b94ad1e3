"use strict";
// What the report and the studio share: times as text, the order in which pieces play, scores and times under the pointer.
const Timeline = (() => {
  const TICK = 0.002;  // A player's clock stands this much before a boundary that it was sent to.
  const FRAME = 0.1;  // A piece begins with a frame, which may come this much after its segment.
  const clamp = (value, low, high) => Math.min(Math.max(value, low), high);

  function clock(seconds, digits = 1) {
    const scale = 10 ** digits, units = Math.round(seconds * scale), whole = Math.floor(units / scale);
    const h = Math.floor(whole / 3600), m = Math.floor((whole % 3600) / 60), s = String(whole % 60).padStart(2, "0");
    const rest = digits ? `.${String(units % scale).padStart(digits, "0")}` : "";
    return (h ? `${h}:${String(m).padStart(2, "0")}` : `${m}`) + `:${s}${rest}`;
  }

  // Pieces are [start, stop) of the source, in the order in which they play.
  function toSource(pieces, seconds) {
    for (const [start, stop] of pieces) {
      if (seconds < stop - start - TICK) return start + seconds;
      seconds -= stop - start;
    }
    return pieces[pieces.length - 1][1];
  }

  function toSummary(pieces, seconds) {
    let before = 0;
    for (const [start, stop] of pieces) {
      if (seconds >= start - FRAME && seconds < stop) return before + Math.max(seconds - start, 0);
      before += stop - start;
    }
    return null;
  }

  // Columns of scores cover as many seconds as the clips do, which may be a little more than the video has.
  function scoreAt(scores, covered, seconds) {
    const index = Math.floor((seconds / covered) * scores.length);
    return Math.round(100 * scores[clamp(index, 0, scores.length - 1)]);
  }

  function timeAt(element, event, from, to) {
    const box = element.getBoundingClientRect();
    return from + clamp((event.clientX - box.left) / box.width, 0, 1) * (to - from);
  }

  return { clamp, clock, scoreAt, timeAt, toSource, toSummary };
})();
