
"use strict";
(() => {
  const all = [...document.querySelectorAll(".card")];
  const field = document.getElementById("filter");
  const counter = document.querySelector("output");
  const nothing = document.querySelector(".none");
  const buttons = [...document.querySelectorAll(".statuses button")];
  const box = document.getElementById("lightbox");
  const stage = box.querySelector(".stage");
  const panel = box.querySelector(".panel .text");
  const modified = (event) => event.ctrlKey || event.metaKey || event.altKey;
  const plain = (text) => text.normalize("NFKC").toLowerCase();
  const part = (card, selector) => card.querySelector(selector)?.textContent ?? "";
  const haystack = new Map(all.map((card) => [
    card, plain([".prompt", ".file dd", ".model dd"].map((name) => part(card, name)).join("\n")),
  ]));
  let status = "";
  let shown = all;
  let open = -1;

  for (const stub of document.querySelectorAll(".stub")) {
    stub.tabIndex = 0;
    stub.setAttribute("role", "button");
  }

  // The filter.
  function filter() {
    const words = plain(field.value).split(/\s+/).filter(Boolean);
    shown = all.filter((card) =>
      (!status || card.dataset.status.split(" ").includes(status)) &&
      words.every((word) => haystack.get(card).includes(word)));
    const kept = new Set(shown);
    for (const card of all) card.hidden = !kept.has(card);
    nothing.hidden = shown.length > 0;
    counter.textContent = shown.length === all.length ? "" : `${shown.length} / ${all.length}`;
  }
  function choose(button) {
    status = button.dataset.status;
    for (const each of buttons) each.setAttribute("aria-pressed", String(each === button));
    filter();
  }

  // Moving from card to card.
  const face = (card) => card.querySelector(".face");
  const current = () => shown.indexOf(document.activeElement?.closest(".card"));
  function focus(at) {
    if (at < 0 || at >= shown.length) return;
    face(shown[at]).focus();
    shown[at].scrollIntoView({ block: "nearest" });
  }
  function step(by) {
    const at = current();
    focus(at < 0 ? 0 : at + by);
  }
  /* The card of the next row that lies nearest below (or above). */
  function row(direction) {
    const at = current();
    if (at < 0) return focus(0);
    const from = shown[at].getBoundingClientRect();
    let best = -1, bestGap = Infinity, top = null;
    for (let i = at + direction; i >= 0 && i < shown.length; i += direction) {
      const rect = shown[i].getBoundingClientRect();
      if (Math.abs(rect.top - from.top) < 2) continue;
      top ??= rect.top;
      if (Math.abs(rect.top - top) > 1) break;
      const gap = Math.abs(rect.left + rect.width / 2 - from.left - from.width / 2);
      if (gap < bestGap) [best, bestGap] = [i, gap];
    }
    return focus(best);
  }

  // The lightbox.
  function show(at) {
    if (at < 0 || at >= shown.length) return;
    open = at;
    const card = shown[at];
    const picture = face(card).cloneNode(true);
    picture.removeAttribute("tabindex");
    picture.removeAttribute("role");
    stage.replaceChildren(picture.matches("a") ? picture.firstElementChild : picture);
    stage.firstElementChild.removeAttribute("loading");
    panel.replaceChildren(...[...card.querySelector(".text").childNodes].map((n) => n.cloneNode(true)));
    box.querySelector("#at").textContent = `${at + 1} / ${shown.length}`;
    box.querySelector(".back").disabled = at === 0;
    box.querySelector(".on").disabled = at === shown.length - 1;
    if (!box.open) box.showModal();
    box.focus();
    box.scrollTop = 0;
  }
  box.addEventListener("close", () => {
    focus(open);
    stage.replaceChildren();
  });

  async function copy(button) {
    const text = button.parentElement.querySelector(".prompt").textContent;
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      // Without a secure context there is no clipboard: select it for the user.
      getSelection().selectAllChildren(button.parentElement.querySelector(".prompt"));
      document.execCommand("copy");
    }
    const label = button.textContent;
    if (label === button.dataset.done) return;
    button.textContent = button.dataset.done;
    setTimeout(() => { button.textContent = label; }, 1500);
  }

  document.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    const card = event.target.closest(".card");
    if (button?.matches(".copy")) copy(button);
    else if (button?.matches(".statuses button")) choose(button);
    else if (button?.matches(".close")) box.close();
    else if (button?.matches(".step")) show(open + (button.matches(".on") ? 1 : -1));
    else if (card && event.target.closest(".face") && !modified(event) && !event.shiftKey) {
      event.preventDefault();
      show(shown.indexOf(card));
    }
  });

  const inGrid = {
    "/": () => { field.focus(); field.select(); },
    j: () => step(1),
    k: () => step(-1),
    ArrowRight: () => step(1),
    ArrowLeft: () => step(-1),
    ArrowDown: () => row(1),
    ArrowUp: () => row(-1),
    Enter: () => show(current()),
  };
  const inBox = {
    ArrowRight: () => show(open + 1),
    ArrowLeft: () => show(open - 1),
    j: () => show(open + 1),
    k: () => show(open - 1),
  };
  document.addEventListener("keydown", (event) => {
    if (modified(event) || event.isComposing) return;
    if (event.target === field) {
      if (event.key === "Escape") { field.value = ""; filter(); field.blur(); }
      else if (event.key === "Enter" || event.key === "ArrowDown") { event.preventDefault(); focus(0); }
      return;
    }
    if (event.key === "Enter" && !document.activeElement?.matches(".face")) return;
    const act = (box.open ? inBox : inGrid)[event.key];
    if (!act) return;
    event.preventDefault();
    act();
  });
  field.addEventListener("input", filter);
  filter();
})();
