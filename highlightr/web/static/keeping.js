// What was asked and edited is kept beside the video: saved a moment after each change, taken over where another window saved.
import { $, call, say } from "./api.js";
import { showLength } from "./panels.js";

const { clamp } = Timeline;
const SAVE_MS = 400;
const AGAIN_MS = 2000;

export class Keeping {
  constructor() {
    this.budget = null;  // Seconds that the summary is to have.
    this.revision = 0;
    this.dirty = this.saving = this.refused = false;
  }

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
}
