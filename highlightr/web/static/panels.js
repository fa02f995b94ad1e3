// The side: queries, what runs, the segments as a list, and the dialog that writes.
import { $, make, renew, still } from "./api.js";

const { clock } = Timeline;
const STAGES = {
  probe: "Looking at the file", extract: "Watching and listening", shots: "Finding shots", score: "Scoring clips",
  select: "Choosing segments", cut: "Cutting the summary", clips: "Cutting the clips", thumbnails: "Writing the pictures", report: "Writing the report",
};
export const label = (text) => (text === null ? "Highlights" : text);

export function showQueries(page) {
  const active = page.active();
  renew($("queries"), page.queries().map((one) => {
    const name = label(one.text), key = one.text ?? "", match = one.found && one.found.match;
    const row = make("li", { "data-key": `q${key}`, class: `query q${one.colour}${one === active ? " active" : ""}` },
      make("button", { type: "button", class: "swatch", "data-key": `s${key}`, "aria-pressed": String(one.shown), "aria-label": `Show the curve of ${name}`, title: "Show or hide the curve", onclick: () => page.toggleQuery(one) }),
      make("button", { type: "button", class: "query-name", "data-key": `n${key}`, "aria-current": one === active ? "true" : null, title: match ? match[2] : name, onclick: () => page.activate(one) }, name));
    if (one.found && match) row.append(make("span", { class: `match v-${match[0]}` }, match[1]));
    if (!one.found) row.append(make("span", { class: "soft" }, one.error || (one.job ? "…" : "not yet")));
    if (one.error) row.append(make("button", { type: "button", "data-key": `r${key}`, onclick: () => page.ask(one.text) }, "Again"));
    if (one.found) row.append(make("button", { type: "button", class: "add-moments", "data-key": `a${key}`, "aria-label": `Add moments of ${name}`, title: "Add its moments to the summary, within what is left of the target", onclick: () => page.addMoments(one) }, "+ Add moments"));
    row.append(make("button", { type: "button", class: "quiet", "data-key": `x${key}`, "aria-label": `Forget ${name}`, onclick: () => page.forget(one) }, "×"));
    return row;
  }));
}

export function showSuggestions(page) {
  const overall = page.queries().find((one) => one.found && one.found.suggestions.length);
  const asked = new Set(page.queries().map((one) => (one.text || "").toLowerCase()));
  const words = overall ? overall.found.suggestions.filter((word) => !asked.has(word.toLowerCase())).slice(0, 6) : [];
  $("suggestions").hidden = !words.length;
  renew($("suggestions"), [make("span", { class: "soft" }, "Found here:"),
    ...words.map((word) => make("button", { type: "button", "data-key": `w${word}`, onclick: () => page.ask(word) }, word))]);
}

export function showJobs(page, jobs) {
  const rows = jobs.filter((job) => job.state === "queued" || job.state === "running").map((job) => {
    const here = job.video === page.id, doing = job.kind === "write" ? "Writing" : "Analysing";
    const words = job.state === "queued" ? "waits" : STAGES[job.stage] || doing;
    const share = job.state === "running" ? Math.min(job.completed / Math.max(job.total, 1e-9), 1) : 0;
    const bar = make("progress", { max: 1, value: share, "aria-label": words });
    return make("div", { class: "job", "data-key": `j${job.id}` }, make("span", {}, `${here ? "" : "Another video: "}${label(job.title)}: ${words}`),
      make("span", { class: "soft" }, job.state === "running" ? `${Math.round(100 * share)} %` : ""),
      bar, make("button", { type: "button", class: "quiet", "data-key": `c${job.id}`, "aria-label": `Cancel ${job.title}`, onclick: () => page.cancel(job) }, "Cancel"));
  });
  renew($("jobs"), rows);
}

export function showSegments(page, draft = null) {
  const { edit } = page, list = $("segments");
  const seconds = edit.seconds + (draft ? draft.stop - draft.start - lengthOf(edit, draft.id) : 0);
  showLength(page, seconds);
  if (draft) {
    const times = list.querySelector(`[data-key="g${draft.id}"] .times`);
    if (times) times.textContent = times_(draft);
    return;
  }
  renew(list, edit.segments.map((one, index) => row(page, one, index)));
  $("nothing").hidden = edit.segments.length > 0;
  list.hidden = !edit.segments.length;
}

const lengthOf = (edit, id) => { const one = edit.segments.find((each) => each.id === id); return one ? one.stop - one.start : 0; };
const times_ = (one) => `${clock(one.start, 2)} – ${clock(one.stop, 2)}  ·  ${(one.stop - one.start).toFixed(2)} s`;

export function showLength(page, seconds) {
  const budget = page.budget, over = budget !== null && seconds > budget + 0.05;
  $("length").textContent = `${seconds.toFixed(1)} s`;
  $("length").classList.toggle("over", over);
  for (const one of $("lengths").children) one.setAttribute("aria-pressed", String(Number(one.value) === budget));
  $("meter").hidden = budget === null;
  $("meter").classList.toggle("over", over);
  if (budget !== null) $("meter").firstElementChild.style.width = `${Math.min(100, (100 * seconds) / budget)}%`;
}

function row(page, one, index) {
  const { edit } = page, number = index + 1, chosen = one.id === edit.selected;
  const place = () => edit.segments.findIndex((each) => each.id === one.id), now = () => edit.segments[place()];  // A row outlives changes.
  const picture = make("img", { alt: "", loading: "lazy", width: 80, draggable: "false", src: still(page.about, (Math.round(((one.start + one.stop) / 2) * 5) / 5).toFixed(1), 160) });
  const title = make("input", { class: "title", value: one.title, maxlength: 200, placeholder: `Segment ${number}`, "aria-label": `Title of segment ${number}`, "data-key": `t${one.id}` });
  title.addEventListener("change", () => edit.place({ ...now(), title: title.value.trim() }));
  const button = (key, words, name, act, off = false) => make("button", { type: "button", "data-key": `${key}${one.id}`, "aria-label": `${name} segment ${number}`, title: name, disabled: off, onclick: act }, words);
  const item = make("li", { class: `segment q${page.colourOf(one.query)}${chosen ? " chosen" : ""}`, "data-key": `g${one.id}`, draggable: "true", "aria-current": chosen ? "true" : null },
    make("button", { type: "button", class: "shot", "data-key": `p${one.id}`, "aria-label": `Go to segment ${number}`, onclick: () => { edit.select(one.id); page.player.seek(now().start); } }, picture, make("b", {}, String(number))),
    make("div", { class: "what" }, title, make("p", { class: "times" }, times_(one)), why(page, one)),
    make("div", { class: "tools" },
      button("u", "↑", "Play earlier:", () => edit.reorder(one.id, place() - 1), index === 0),
      button("d", "↓", "Play later:", () => edit.reorder(one.id, place() + 1), index === edit.segments.length - 1),
      button("e", "☆", "Mark as example:", () => page.example(now())),
      button("x", "×", "Delete", () => edit.remove(one.id))));
  item.addEventListener("dragstart", (event) => { if (event.target !== item) return; event.dataTransfer.setData("text/plain", String(one.id)); event.dataTransfer.effectAllowed = "move"; });
  item.addEventListener("dragover", (event) => event.preventDefault());
  item.addEventListener("drop", (event) => { event.preventDefault(); edit.reorder(Number(event.dataTransfer.getData("text/plain")), place()); });
  return item;
}

// What was found in it, by the query that it answers.
function why(page, one) {
  const query = page.queries().find((each) => each.text === one.query && each.found) || page.active();
  const found = query && query.found, sums = new Map();
  if (!found) return make("p", { class: "why" });
  const last = Math.ceil(one.stop / found.clip - 1e-6);
  for (let clip = Math.floor(one.start / found.clip); clip < last; clip += 1) {
    for (const [number, percent] of found.reasons.clips[clip] || []) sums.set(number, (sums.get(number) || 0) + percent);
  }
  const best = [...sums].sort((a, b) => b[1] - a[1]).slice(0, 2).map(([number]) => found.reasons.labels[number]);
  return make("p", { class: "why" }, ...best.map(([sense, css, text]) => make("span", { class: `reason k-${css}`, title: sense }, text)));
}

export function writeDialog(page) {
  const dialog = $("write"), form = $("write-form"), error = $("write-error");
  $("write-close").addEventListener("click", () => dialog.close());
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const fields = new FormData(form), button = form.querySelector("[type=submit]");
    error.hidden = button.disabled = true;
    try {
      await page.write({
        export: fields.getAll("export"), clips: fields.has("clips"), folder: fields.get("folder").trim() || null,
        cut: fields.get("cut"), subtitles: fields.get("subtitles"), overwrite: fields.has("overwrite"),
      });
      dialog.close();
    } catch (refusal) {
      error.textContent = refusal.message;
      error.hidden = false;
    }
    button.disabled = false;
  });
  $("write-open").addEventListener("click", () => {
    error.hidden = true;
    const count = page.edit.segments.length;
    $("write-what").textContent = `${page.edit.seconds.toFixed(1)} s in ${count} ${count === 1 ? "segment" : "segments"}: the summary video, its receipt and its report.`;
    dialog.showModal();
  });
}
