"use strict";
// The index page: filter, sort, play on hover, copy a command. Without it the page shows everything in order of name.
(() => {
  const find = (selector) => document.querySelector(selector);
  const list = find(".cards");
  const items = [...document.querySelectorAll("[data-state]")].map((node) => ({
    node,
    card: node.classList.contains("card"),
    text: node.textContent.toLowerCase(),
    name: node.querySelector("h2, strong").textContent,
  }));
  const filter = find("#filter"), show = find("#show"), sort = find("#sort");

  function refresh() {
    const words = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
    let count = 0;
    for (const item of items) {
      const wanted = !show.value || item.node.dataset.state === show.value;
      item.node.hidden = !(wanted && words.every((word) => item.text.includes(word)));
      count += !item.node.hidden;
    }
    for (const section of document.querySelectorAll("details")) {
      section.hidden = !section.querySelector("li:not([hidden])");
      if (show.value === section.id) section.open = true;
    }
    find("#count").textContent = count === items.length ? "" : `${count} of ${items.length}`;
    find(".nothing").hidden = count > 0 || !items.length;
  }

  const byName = new Intl.Collator(undefined, { numeric: true });
  function reorder() {
    const value = (item) => Number(item.node.dataset[sort.value] || -1);
    const cards = items.filter((item) => item.card);
    cards.sort((a, b) => (sort.value === "name" ? 0 : value(b) - value(a)) || byName.compare(a.name, b.name));
    list.append(...cards.map((item) => item.node));
  }

  let waiting = 0;
  filter.addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(refresh, 120);
  });
  show.addEventListener("change", refresh);
  sort.addEventListener("change", reorder);
  if (items.length > 1) find(".bar").hidden = false;
  // A browser keeps what was typed when the page is reloaded.
  refresh();
  if (sort.value !== "name") reorder();

  const unfold = () => {
    const section = document.getElementById(location.hash.slice(1));
    if (section?.matches("details")) section.open = true;
  };
  addEventListener("hashchange", unfold);
  unfold();

  // One preview at a time, after a short rest, so that a pointer that only crosses a picture loads nothing.
  const still = matchMedia("(prefers-reduced-motion: reduce)");
  let shown = null, playing = null, timer = 0;
  function stop() {
    clearTimeout(timer);
    if (playing) {
      playing.removeAttribute("src");
      playing.load();
      playing.remove();
    }
    shown = playing = null;
  }
  function play(picture) {
    if (picture === shown) return;
    stop();
    shown = picture;
    timer = setTimeout(() => {
      playing = document.createElement("video");
      Object.assign(playing, { muted: true, loop: true, playsInline: true, src: picture.dataset.play });
      playing.setAttribute("aria-hidden", "true");
      playing.tabIndex = -1;
      const mine = playing;
      mine.addEventListener("error", () => mine.remove());
      mine.addEventListener("playing", () => mine.classList.add("plays"));
      picture.append(mine);
      mine.play().catch(() => {});
    }, 250);
  }
  const pictureOf = (event) => (still.matches ? null : event.target.closest?.("[data-play]"));
  list.addEventListener("pointerover", (event) => {
    if (event.pointerType === "touch") return;
    const picture = pictureOf(event);
    if (picture) play(picture);
    else stop();
  });
  list.addEventListener("pointerleave", stop);
  list.addEventListener("focusin", (event) => {
    const picture = pictureOf(event);
    if (picture && picture.matches(":focus-visible")) play(picture);
  });
  list.addEventListener("focusout", stop);

  for (const button of document.querySelectorAll(".copy")) {
    button.hidden = false;
    button.addEventListener("click", async () => {
      const code = button.previousElementSibling;
      getSelection().selectAllChildren(code);
      let copied = true;
      try {
        await navigator.clipboard.writeText(code.textContent);
      } catch {
        copied = document.execCommand("copy");
      }
      button.textContent = copied ? "Copied" : "Press Ctrl-C";
      setTimeout(() => (button.textContent = "Copy"), 2000);
    });
  }
})();
