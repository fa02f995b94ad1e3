// One video in the studio: what was asked, what was edited, and how both are kept.
import { $, alarmed, call, listen, say } from "./api.js";
import { Edit } from "./edit.js";
import { listenToKeys } from "./keyboard.js";
import { Lanes } from "./lanes.js";
import { label, showJobs, showLength, showQueries, showSegments, showSuggestions, writeDialog } from "./panels.js";
import { Player } from "./player.js";

const { clamp, clock } = Timeline;
const id = document.body.dataset.video;
const COLOURS = 6;
const ADDED_SECONDS = 4;
const MOST_QUERIES = 12;
const SAVE_MS = 400;
const AGAIN_MS = 2000;

class Studio {
  constructor(about) {
    this.budget = null;  // Seconds that the summary is to have.
    this.revision = 0;
    this.dirty = this.saving = this.refused = false;
    this.id = id;
    this.about = about;
    this.duration = about.duration;
    this.frame = about.rate ? 1 / about.rate : 0.04;
    this.asked = [];
    this.activeIndex = 0;
    this.marked = null;
    this.finished = new Map();  // Identifier to what became of a job.
    this.edit = new Edit(this.duration, (seconds) => this.onFrame(seconds), (kind) => this.changed(kind));
    this.player = new Player(about, (seconds) => this.moved(seconds));
    this.lanes = new Lanes(this);
    this.keys = listenToKeys(this);
    this.buttons();
    writeDialog(this);
    this.load(about.state, about.refused);
    $("facts").textContent = `${clock(this.duration, 0)} · ${about.width} × ${about.height}${about.rate ? ` · ${about.rate.toFixed(2).replace(/\.?0+$/, "")} fps` : ""}`;
    $("total").textContent = `/ ${clock(this.duration, 2)}`;
    listen((news) => this.news(news), (open) => this.connected(open));
    window.addEventListener("pagehide", () => { if (this.dirty && !this.refused) this.save(); });
  }

  onFrame(seconds) {
    const { rate, first } = this.about;
    return rate ? clamp(first + Math.round((seconds - first) * rate) / rate, 0, this.duration) : seconds;
  }

  // Refused where the video is no longer the one that is shown.
  post(what, body) { return call("POST", `/api/videos/${id}/${what}?version=${this.about.version}`, body); }

  // ---- What was asked
  queries() { return this.asked; }
  active() { return this.asked[this.activeIndex] || null; }
  colourOf(text) { const one = this.asked.find((each) => each.text === text); return one ? one.colour : 0; }

  freeColour() {
    const used = new Set(this.asked.map((one) => one.colour));
    return [...Array(COLOURS).keys()].find((colour) => !used.has(colour)) ?? this.asked.length % COLOURS;
  }

  ask(text) {
    const known = this.asked.find((one) => one.text === text);
    const query = known || { text, shown: true, colour: this.freeColour(), found: null, job: null };
    if (!known) {
      if (this.asked.length >= MOST_QUERIES) { say(`At most ${MOST_QUERIES} queries; forget one first.`); return; }
      this.asked.push(query);
    }
    this.activeIndex = this.asked.indexOf(query);
    this.fetchCurve(query);
    this.later();
    this.show();
  }

  async fetchCurve(query) {
    query.error = "";
    try {
      const answer = await this.post("curve", { query: query.text });
      if (answer.job) { query.job = answer.job.id; this.settle(query.job); } else {
        query.found = answer;
        query.job = null;
        if (answer.notes.length && !alarmed()) say(answer.notes[0], "note");
        if (this.wantsFirst && this.asked.includes(query)) {
          this.wantsFirst = false;
          this.show();
          if (!this.edit.segments.length) await this.choose([query], true);  // What was marked by hand stays.
        }
      }
    } catch (error) {
      query.error = error.message;
      query.job = null;
      say(error.message);
    }
    this.show();
  }

  activate(query) { this.activeIndex = this.asked.indexOf(query); query.shown = true; this.later(); this.show(); }
  toggleQuery(query) { query.shown = !query.shown; this.later(); this.show(); }

  forget(query) {
    this.asked = this.asked.filter((one) => one !== query);
    this.activeIndex = clamp(this.activeIndex, 0, Math.max(this.asked.length - 1, 0));
    if (query.job) this.cancel({ id: query.job });
    this.later();
    this.show();
  }

  // ---- What is chosen
  async choose(queries, anew) {
    const left = this.budget === null ? null : this.budget - (anew ? 0 : this.edit.seconds);
    if (left !== null && left < 0.5) { say("The target length is reached; raise it or delete something.", "note"); return; }
    try {
      const answer = await this.post("propose", { queries: queries.map((one) => one.text), seconds: left, fill: anew, taken: anew ? [] : this.edit.plain() });
      if (!answer.segments.length) say("Nothing more was found for this.", "note");
      else if (anew) this.edit.replaceAll(answer.segments);
      else if (!this.edit.addAll(answer.segments)) say("Its moments are in the summary already.", "note");
    } catch (error) { say(error.message); }
  }

  addMoments(query) { return this.choose([query], false); }
  ready() { return this.asked.filter((one) => one.found && one.shown); }

  async example(segment) {
    const query = segment.query ?? (this.active() ? this.active().text : null);
    try {
      const answer = await this.post("example", { start_seconds: segment.start, stop_seconds: segment.stop, query });
      say(answer.added ? `Added to moments.csv as an example of “${label(query)}”.` : "This example is in moments.csv already.", "note");
    } catch (error) { say(error.message); }
  }

  split() { if (!this.edit.split(this.player.position)) say("There is nothing to split at the playhead.", "note"); }

  add() {
    const now = this.player.position;
    if (!this.edit.add(now, now + ADDED_SECONDS)) say("There is no room for a segment at the playhead.", "note");
  }

  // I and O without a segment: mark both, and a segment is made.
  mark(part) {
    const now = this.player.position;
    if (part === "start") { this.marked = now; say(`In at ${clock(now, 2)}; press O where the new segment ends.`, "note"); return; }
    if (this.marked !== null && now > this.marked && this.edit.add(this.marked, now)) say("");
    this.marked = null;
  }

  edges() { return [...this.edit.segments.flatMap((one) => [one.start, one.stop]), ...((this.asked.find((one) => one.found) || { found: { lanes: { shots: [] } } }).found.lanes.shots)]; }

  playSummary() {
    if (this.player.pieces) { this.player.pause(); return; }
    const index = this.edit.segments.findIndex((one) => one.id === this.edit.selected);
    this.player.playSummary(this.edit.pieces, Math.max(index, 0));
  }

  // ---- What is kept beside the video: saved a moment after each change, taken over where another window saved
  later() {
    if (this.loading) return;
    this.dirty = true;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.save(), SAVE_MS);
    this.showSaved();
  }

  state() {
    return {
      schema_version: 1, revision: this.revision, active: this.activeIndex, budget_seconds: this.budget,
      queries: this.asked.map(({ text, shown }) => ({ text, shown })), segments: this.edit.plain(),
    };
  }

  async save() {
    clearTimeout(this.timer);
    if (this.saving) { this.later(); return; }
    this.saving = true;
    this.dirty = false;
    try {
      const answer = await call("PUT", `/api/videos/${this.id}/state`, { state: this.state(), replace_damaged: this.refused });
      this.revision = answer.revision;
      this.refused = false;
      if (this.unsaved && $("alert").textContent === `Not saved: ${this.unsaved}`) say("");
      this.unsaved = "";
    } catch (error) {
      if (error.status === 409 && error.answer.state) {
        const mine = this.edit.segments;
        this.load(error.answer.state, "");
        this.edit.past.push(mine);
        this.show();
        say("This video was edited in another window; what was saved there was taken over. Undo brings back what was here.", "note");
      } else {
        if (this.unsaved !== error.message) say(`Not saved: ${error.message}`);
        this.unsaved = error.message;
        this.dirty = true;
        if (!error.status) this.timer = setTimeout(() => this.save(), AGAIN_MS);
      }
    }
    this.saving = false;
    this.showSaved();
  }

  load(state, refused) {
    this.loading = true;
    this.refused = Boolean(refused);
    if (refused) say(`${refused}. It is replaced at your first change.`);
    const known = new Map(this.asked.map((one) => [one.text, one]));
    this.asked = [];
    for (const { text, shown } of state.queries) {
      this.asked.push(Object.assign(known.get(text) || { text, colour: this.freeColour(), found: null, job: null }, { shown }));
    }
    this.activeIndex = clamp(state.active, 0, Math.max(this.asked.length - 1, 0));
    this.setBudget(state.budget_seconds);
    this.revision = state.revision;
    const inside = state.segments.filter((one) => one.start_seconds < this.duration - 0.01);
    this.edit.load(inside.map((one) => ({ ...one, stop_seconds: Math.min(one.stop_seconds, this.duration) })));
    this.wantsFirst = !state.segments.length;
    const outside = state.segments.length - inside.length;
    if (outside) say(`${outside} of ${state.segments.length} segments that were edited lie after the end of this video: was it replaced? They are dropped at your first change.`);
    this.loading = this.dirty = false;
    this.unsaved = "";
    for (const query of this.asked) if (!query.found) this.fetchCurve(query);
    this.show();
    this.lanes.draw();
  }

  setBudget(seconds) {
    this.budget = seconds;
    $("budget").value = seconds === null ? "" : String(seconds);
    showLength(this, this.edit.seconds);
    this.later();
  }

  showSaved() {
    $("saved").textContent = this.online === false ? "Not connected" : this.unsaved ? "Not saved" : this.dirty || this.saving ? "Saving…" : this.revision ? "Saved" : "";
  }

  // ---- News of the server
  connected(open) {
    if (open === this.online) return;
    const again = open && this.online === false;
    this.online = open;
    this.showSaved();
    if (!again) return;
    say("");
    if (this.unsaved) this.save();
    for (const query of this.asked) if (query.error && !query.found) this.fetchCurve(query);
  }

  // Jobs that the server does not know any more: it was started again meanwhile.
  lost(jobs) {
    const known = new Set(jobs.map((job) => job.id));
    for (const query of this.asked) if (query.job && !known.has(query.job)) this.fetchCurve(query);
    if (this.writing && !known.has(this.writing)) {
      this.writing = null;
      say("The studio was started again while it was writing. Look whether the summary is there, or write it again.");
    }
  }

  async news({ jobs, revisions }) {
    this.lost(jobs);
    const mine = jobs.filter((job) => job.video === id), running = mine.find((job) => job.state === "running" && job.kind === "analyse" && job.stage === "extract");
    const watched = running ? this.duration * Math.min(running.completed / Math.max(running.total, 1e-9), 1) : null;
    const asking = running && this.asked.find((one) => one.job === running.id);
    if (asking) asking.soFar = running.so_far;
    if (watched !== this.lanes.watched || asking) { this.lanes.watched = watched; this.lanes.drawChart(); }
    showJobs(this, jobs);
    const writing = mine.find((job) => job.kind === "write" && (job.state === "queued" || job.state === "running"));
    if (writing) this.writing ??= writing.id;  // Of before a reload, or of another window.
    for (const job of mine) {
      if (job.state === "queued" || job.state === "running" || this.finished.has(job.id)) continue;
      this.finished.set(job.id, job);
      this.ended(job);
    }
    const revision = revisions[id];
    if (revision > this.revision && !this.dirty && !this.saving) {
      const about = await call("GET", `/api/videos/${id}`).catch(() => null);
      if (about && !about.refused && about.state.revision > this.revision && !this.dirty && !this.saving) this.load(about.state, "");
    }
  }

  // Over a slow connection a job may end before the answer that names it.
  settle(job) { if (this.finished.has(job)) this.ended(this.finished.get(job)); }

  ended(job) {
    const query = this.asked.find((one) => one.job === job.id);
    if (job.kind === "analyse" && query) {
      query.job = null;
      if (job.state === "done") this.fetchCurve(query);
      else { query.error = job.state === "cancelled" ? "cancelled" : job.error; if (job.error) say(job.error); this.show(); }
    } else if (job.kind === "write" && job.id === this.writing) {
      this.writing = null;
      if (job.state === "done") say(`Written to ${job.result.folder}: ${job.result.outputs.map((one) => one.name).join(", ")} (${job.result.seconds.toFixed(1)} s).`, "good");
      else say(job.state === "cancelled" ? "Writing was cancelled; nothing was written." : job.error, job.state === "cancelled" ? "note" : "error");
    }
  }

  async write(wanted) {
    const query = this.active() && this.active().found ? this.active().text : null;
    const answer = await this.post("write", { ...wanted, query, segments: this.edit.plain(), version: this.about.version });
    say("");
    this.writing = answer.job.id;
    this.settle(this.writing);
  }

  cancel(job) { call("POST", "/api/cancel", { job: job.id }).catch((error) => say(error.message)); }

  // ---- Showing it
  changed(kind) {
    if (kind === "edit") this.later();
    if (this.lanes) this.show();
  }

  drafted(draft) { showSegments(this, draft); }

  show() {
    showQueries(this);
    showSuggestions(this);
    showSegments(this);
    this.lanes.drawChart();
    this.lanes.drawLanes();
    if (!this.lanes.dragging) this.lanes.drawTrack();
    const { edit } = this, ready = this.ready();
    $("undo").disabled = !edit.past.length;
    $("redo").disabled = !edit.future.length;
    $("write-open").disabled = $("play-summary").disabled = !edit.segments.length;
    $("remove").disabled = !edit.chosen;
    $("fill").disabled = !ready.length;
    $("fill").title = `Fill the target length with the best moments of ${ready.length > 1 ? `the ${ready.length} queries that are shown` : "this query"}, in place of what is there`;
    const match = this.active() && this.active().found && this.active().found.match;
    $("verdict").textContent = match ? `${label(this.active().text)}: ${match[2]}` : "";
    this.showSaved();
  }

  moved(seconds) {
    $("now").textContent = clock(seconds, 2);
    const { player } = this, speed = player.speed;
    $("play").textContent = player.playing && !player.pieces ? "Pause" : "Play";
    $("play").setAttribute("aria-pressed", String(player.playing && !player.pieces));
    $("play-summary").textContent = player.pieces ? "Stop" : "Play summary";
    $("play-summary").setAttribute("aria-pressed", String(Boolean(player.pieces)));
    $("speed").textContent = speed === 0 || speed === 1 ? "" : `${speed}×`;
    if (!this.lanes) return;
    if (player.playing && !this.lanes.dragging) this.lanes.reveal(seconds);
    this.lanes.placeHead(seconds);
  }

  buttons() {
    const on = (name, act) => $(name).addEventListener("click", act);
    on("undo", () => this.edit.undo());
    on("redo", () => this.edit.redo());
    on("play", () => this.player.toggle());
    on("play-summary", () => this.playSummary());
    on("screen", () => this.player.toggle());
    on("set-in", () => this.keys.setEdge("start"));
    on("set-out", () => this.keys.setEdge("stop"));
    on("split", () => this.split());
    on("add", () => this.add());
    on("remove", () => this.edit.remove());
    on("overall", () => this.ask(null));
    on("fill", () => this.choose(this.ready(), true));
    on("alert", () => say(""));
    $("ask").addEventListener("submit", (event) => {
      event.preventDefault();
      const text = $("query").value.trim().replace(/\s+/g, " ");
      if (text) { this.ask(text); $("query").value = ""; }
    });
    $("budget").addEventListener("change", () => {
      const value = Number.parseFloat($("budget").value);
      this.setBudget(value > 0 ? Math.min(value, 1e5) : null);
    });
    $("lengths").addEventListener("click", ({ target }) => { if (target.value) this.setBudget(Number(target.value)); });
  }
}

try {
  window.studio = new Studio(await call("GET", `/api/videos/${id}`));
} catch (error) {
  say(error.message);
  document.querySelector(".studio").hidden = true;  // There is nothing to work on.
}
