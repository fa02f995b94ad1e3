// Playing the source, or the summary as it would be cut: a second player stands ready at the next segment.
import { $, still } from "./api.js";

const { clamp } = Timeline;
const SPEEDS = [1, 2, 4];
const AHEAD = 0.02;  // Seconds before a segment's end at which the other player starts; starting takes about as long.
const BACK_MS = 80;
const INSIDE = 0.001;  // A player that is sent to where a frame begins may show the one before.

export class Player {
  constructor(about, moved) {
    this.players = [$("video-a"), $("video-b")];
    this.front = 0;
    this.about = about;
    this.duration = about.duration;
    this.moved = moved;
    this.pieces = null;  // Of the summary while it plays.
    this.piece = 0;
    this.position = 0;
    this.speed = 0;  // 0: stands; negative: backwards.
    this.stills = false;
    this.backwards = null;
    for (const [index, video] of this.players.entries()) {
      video.src = `/media/${about.id}`;
      video.addEventListener("error", () => this.unplayable());
      video.addEventListener("ended", () => { if (index === this.front && !this.pieces) this.pause(); });
      video.addEventListener("seeked", () => { if (index === this.front && video.paused && this.speed === 0 && Math.abs(video.currentTime - this.position) > 2 * INSIDE) this.tell(video.currentTime); });
    }
    const tick = () => { this.follow(); requestAnimationFrame(tick); };
    requestAnimationFrame(tick);
  }

  get video() { return this.players[this.front]; }
  get playing() { return this.speed !== 0; }

  unplayable() {
    if (this.stills) return;
    this.stills = true;
    this.pause();
    for (const video of this.players) video.hidden = true;
    $("still").hidden = $("unplayable").hidden = false;
    this.seek(this.position);
  }

  tell(seconds) {
    this.position = clamp(seconds, 0, this.duration);
    this.moved(this.position);
  }

  seek(seconds) {
    const target = clamp(seconds, 0, Math.max(this.duration - 0.001, 0));
    this.leaveSummary();
    if (this.stills) this.showStill(target);
    else if (Number.isFinite(target)) this.video.currentTime = target + INSIDE;
    this.tell(target);
  }

  showStill(seconds) {
    clearTimeout(this.stillTimer);
    this.stillTimer = setTimeout(() => { $("still").src = still(this.about, seconds.toFixed(2), 640); }, 60);
  }

  play(speed = 1) {
    clearInterval(this.backwards);
    this.speed = speed;
    if (this.stills) { this.speed = 0; this.tell(this.position); return; }
    if (speed > 0) {
      this.video.playbackRate = speed;
      if (this.position >= this.duration - 0.05 && !this.pieces) this.video.currentTime = 0;
      this.video.play().catch(() => { if (this.video.error) this.unplayable(); });
    } else {
      this.video.pause();
      this.backwards = setInterval(() => {
        const next = this.position + (this.speed * BACK_MS) / 1000;
        if (!this.video.seeking) this.video.currentTime = Math.max(next, 0) + INSIDE;
        this.tell(next);
        if (next <= 0) this.pause();
      }, BACK_MS);
    }
    this.tell(this.position);
  }

  pause() {
    clearInterval(this.backwards);
    this.speed = 0;
    this.leaveSummary();
    for (const video of this.players) video.pause();
    this.tell(this.position);
  }

  toggle() { if (this.playing) this.pause(); else this.play(); }

  // L and J: the same way again is faster, the other way first is normal speed.
  shuttle(direction) {
    const now = Math.sign(this.speed) === direction ? Math.abs(this.speed) : 0;
    const next = SPEEDS.find((speed) => speed > now) || SPEEDS[SPEEDS.length - 1];
    this.leaveSummary();
    this.play(direction * next);
  }

  playSummary(pieces, from = 0) {
    if (this.stills || !pieces.length) return;
    this.pause();
    this.pieces = pieces;
    this.piece = clamp(from, 0, pieces.length - 1);
    this.video.currentTime = pieces[this.piece][0] + INSIDE;
    this.tell(pieces[this.piece][0]);
    this.prepare();
    this.play(1);
  }

  leaveSummary() {
    if (!this.pieces) return;
    this.pieces = null;
    this.players[1 - this.front].pause();
  }

  // The player behind is sent to where the next segment begins, and waits there.
  prepare() {
    const next = this.pieces && this.pieces[this.piece + 1], behind = this.players[1 - this.front];
    if (!next) return;
    behind.pause();
    behind.muted = true;
    behind.currentTime = next[0] + INSIDE;
  }

  follow() {
    if (this.speed <= 0) return;
    const now = this.video.currentTime;
    if (this.pieces) {
      const [, stop] = this.pieces[this.piece];
      if (now >= stop - AHEAD || this.video.ended) { this.nextPiece(); return; }
    }
    if (!this.video.seeking) this.tell(now);
  }

  nextPiece() {
    this.piece += 1;
    if (this.piece >= this.pieces.length) {
      const end = this.pieces[this.piece - 1][1];
      this.pause();
      this.tell(Math.min(end, this.duration));
      return;
    }
    const before = this.video, start = this.pieces[this.piece][0];
    if (Math.abs(start - this.pieces[this.piece - 1][1]) < AHEAD) { this.prepare(); return; }  // It simply goes on.
    this.front = 1 - this.front;
    this.video.muted = false;
    this.video.playbackRate = this.speed;
    this.video.play().catch(() => {});
    this.video.classList.remove("behind");
    before.classList.add("behind");
    before.pause();
    this.tell(start);
    this.prepare();
  }
}
