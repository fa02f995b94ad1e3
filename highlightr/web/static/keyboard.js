// Keys of the studio, as editing programs have them. Fields keep their own keys; buttons keep space and enter.
import { $, say } from "./api.js";

export function listenToKeys(page) {
  const { edit, player, lanes } = page;
  const chosenOr = () => edit.chosen || edit.at(player.position);

  function setEdge(part) {
    const segment = chosenOr(), now = player.position;
    if (!segment) { page.mark(part); return; }
    if (part === "start" ? now < segment.stop : now > segment.start) edit.place(edit.moved(segment, part, now));
  }

  function toEdge(direction) {
    const edges = [0, page.duration, ...page.edges()].sort((one, other) => one - other), now = player.position;
    const next = direction > 0 ? edges.find((one) => one > now + 1e-3) : edges.reverse().find((one) => one < now - 1e-3);
    if (next !== undefined) player.seek(next);
  }

  const acts = {
    " ": () => player.toggle(), k: () => player.pause(), l: () => player.shuttle(1), j: () => player.shuttle(-1),
    i: () => setEdge("start"), o: () => setEdge("stop"), s: () => page.split(), a: () => page.add(),
    Delete: () => edit.remove(), Backspace: () => edit.remove(), Home: () => player.seek(0), End: () => player.seek(page.duration),
    ArrowUp: () => toEdge(-1), ArrowDown: () => toEdge(1), Escape: () => { edit.select(null); say(""); }, p: () => page.playSummary(),
    "+": () => lanes.zoom(0.5), "-": () => lanes.zoom(2),
  };

  function arrow(event, target) {
    const step = (event.key === "ArrowRight" ? 1 : -1) * (event.shiftKey ? 1 : page.frame);
    if (target.matches(".edge, .body") && target.dataset.id) lanes.nudge(target.dataset.id, target.dataset.part, step);
    else player.seek(player.position + step);
  }

  document.addEventListener("keydown", (event) => {
    const target = event.target instanceof Element ? event.target : document.body;
    if ($("write").open || target.closest("input:not([type=range]), select, textarea, dialog")) return;
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    if (event.ctrlKey || event.metaKey) {
      if (key === "z") event.shiftKey ? edit.redo() : edit.undo();
      else if (key === "y") edit.redo();
      else return;
    } else if (event.altKey) {
      return;
    } else if (key === "ArrowLeft" || key === "ArrowRight") {
      if (target.matches("input[type=range]")) return;
      arrow(event, target);
    } else if ((key === " " || key === "Enter") && target.closest("button, a")) {
      return;
    } else if (acts[key]) {
      acts[key]();
    } else {
      return;
    }
    event.preventDefault();
  });
  return { setEdge };
}
