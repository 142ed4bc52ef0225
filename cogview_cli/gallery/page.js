
"use strict";
(() => {
  const STEP = 300;
  const list = document.querySelector(".cards");
  const total = Number(list.dataset.count);
  const field = document.getElementById("filter");
  const counter = document.querySelector("output");
  const nothing = document.querySelector(".none");
  const buttons = [...document.querySelectorAll(".statuses button")];
  const box = document.getElementById("lightbox");
  const stage = box.querySelector(".stage");
  const panel = box.querySelector(".panel .text");
  const modified = (event) => event.ctrlKey || event.metaKey || event.altKey;
  const plain = (text) => text.normalize("NFKC").toLowerCase();
  /* Every request of the page, in order: its card, or as long as nobody has seen it its HTML. */
  const all = [...list.querySelectorAll(".card")].map((card) => prepared({ card, status: card.dataset.status }));
  const chunks = [...list.querySelectorAll("noscript")];
  let status = "";
  let shown = all;
  let drawn = all.length;
  let open = -1;

  function prepared(entry) {
    for (const stub of entry.card.querySelectorAll(".stub")) {
      stub.tabIndex = 0;
      stub.setAttribute("role", "button");
    }
    return entry;
  }
  /* Cards beyond the first are text: a browser reads that a hundred times faster than elements. */
  function unpack() {
    const start = '<li class="card';
    for (const chunk of chunks.splice(0)) {
      for (const html of chunk.textContent.split(start).slice(1)) {
        all.push({ html: start + html, status: html.match(/data-status="([\w -]+)"/)[1] });
      }
      chunk.remove();
    }
  }
  function make(entry) {
    const holder = document.createElement("template");
    holder.innerHTML = entry.html;
    entry.card = holder.content.firstElementChild;
    entry.html = "";
    return prepared(entry);
  }
  /* The first `count` of what is shown, as cards in their places. */
  function draw(count) {
    drawn = Math.min(count, shown.length);
    const visible = new Set(shown.slice(0, drawn));
    let next = null;
    for (let i = all.length - 1; i >= 0; i--) {
      const entry = all[i];
      if (visible.has(entry) && !entry.card) list.insertBefore(make(entry).card, next);
      if (!entry.card) continue;
      entry.card.hidden = !visible.has(entry);
      next = entry.card;
    }
  }
  function more() {
    if (chunks.length) {
      unpack();
      shown = chosen();
    }
    if (drawn >= shown.length) return;
    draw(drawn + STEP);
    watch();
  }
  const end = new IntersectionObserver((seen) => {
    if (seen.some((each) => each.isIntersecting)) more();
  }, { rootMargin: "1500px" });
  const footer = document.querySelector("footer");
  const watch = () => { end.unobserve(footer); end.observe(footer); };

  // The filter.
  const PARTS = /<p class="prompt[^>]*>(.*?)<\/p>|<div class="(?:model|file line)"><dt>.*?<\/dt><dd>(.*?)<\/dd>/gs;
  const SIGNS = { "&lt;": "<", "&gt;": ">", "&quot;": '"', "&#x27;": "'", "&amp;": "&" };
  const bare = (html) => html.replace(/<[^>]*>/g, "").replace(/&(?:lt|gt|quot|#x27|amp);/g, (sign) => SIGNS[sign]);
  const part = (card, selector) => card.querySelector(selector)?.textContent ?? "";
  function haystack(entry) {
    entry.text ??= plain(entry.card
      ? [".prompt", ".file dd", ".model dd"].map((name) => part(entry.card, name)).join("\n")
      : [...entry.html.matchAll(PARTS)].map((found) => bare(found[1] ?? found[2])).join("\n"));
    return entry.text;
  }
  function chosen() {
    const words = plain(field.value).split(/\s+/).filter(Boolean);
    if (!words.length && !status) return all;
    return all.filter((entry) =>
      (!status || entry.status.split(" ").includes(status)) &&
      words.every((word) => haystack(entry).includes(word)));
  }
  function filter() {
    unpack();
    shown = chosen();
    draw(STEP);
    nothing.hidden = shown.length > 0;
    counter.textContent = shown.length === total ? "" : `${shown.length} / ${total}`;
    watch();
  }
  function choose(button) {
    status = button.dataset.status;
    for (const each of buttons) each.setAttribute("aria-pressed", String(each === button));
    filter();
  }

  // Moving from card to card.
  const face = (card) => card.querySelector(".face");
  const number = (card) => shown.findIndex((entry) => entry.card === card);
  const current = () => {
    const card = document.activeElement?.closest(".card");
    return card ? number(card) : -1;
  };
  function reach(at) {
    if (at >= drawn) more();
    if (at >= drawn && at < shown.length) draw(at + STEP);
    return at >= 0 && at < shown.length;
  }
  function focus(at) {
    if (!reach(at)) return;
    face(shown[at].card).focus();
    shown[at].card.scrollIntoView({ block: "nearest" });
  }
  function step(by) {
    const at = current();
    focus(at < 0 ? 0 : at + by);
  }
  /* The card of the next row that lies nearest below (or above). */
  function row(direction) {
    const at = current();
    if (at < 0) return focus(0);
    reach(at + 60);
    const from = shown[at].card.getBoundingClientRect();
    let best = -1, bestGap = Infinity, top = null;
    for (let i = at + direction; i >= 0 && i < drawn; i += direction) {
      const rect = shown[i].card.getBoundingClientRect();
      if (Math.abs(rect.top - from.top) < 2) continue;
      top ??= rect.top;
      if (Math.abs(rect.top - top) > 1) break;
      const gap = Math.abs(rect.left + rect.width / 2 - from.left - from.width / 2);
      if (gap < bestGap) [best, bestGap] = [i, gap];
    }
    return focus(best);
  }

  // The lightbox.
  /* A picture that is in the page itself is text, too, until it is opened. */
  function large(picture, address) {
    const kept = address?.startsWith("#p") && document.getElementById(`l${address.slice(2)}`);
    if (kept) picture.src = kept.textContent.match(/src="([^"]*)"/)[1];
  }
  function show(at) {
    if (!reach(at)) return;
    if (chunks.length) more();
    open = at;
    const card = shown[at].card;
    const picture = face(card).cloneNode(true);
    picture.removeAttribute("tabindex");
    picture.removeAttribute("role");
    stage.replaceChildren(picture.matches("a") ? picture.firstElementChild : picture);
    stage.firstElementChild.removeAttribute("loading");
    large(stage.firstElementChild, face(card).getAttribute("href"));
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
      show(number(card));
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
  addEventListener("beforeprint", () => { more(); draw(shown.length); });
  // A browser that goes back keeps what was typed.
  if (field.value) filter();
  else watch();
})();
