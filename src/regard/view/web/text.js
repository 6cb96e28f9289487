// The tokens as running text, shaded by the weights of one of them.
import { element, canvas, inks, clip, visible, word, percent, MONO } from "./dom.js";
import { further } from "./steps.js";

const BLOCK = 200; // tokens that come into being together, once they are near
const FULL = 0.75; // opacity of the largest weight: text on it stays readable

export function text(ctx) {
  const { weights, payload, state } = ctx;
  let backwards = false; // who looks at the token, instead of what it looks at
  let over = null;
  let shaded = [];
  const turn = element("button", {
    type: "button",
    textContent: "looks at",
    title: "turn around: what a token looks at, or what looks at it",
    on: { click: turned },
  });
  const told = element("output", { className: "told" });
  const asking = payload.same ? null : passage(payload.target, "target", true);
  const read = passage(payload.source, "source", false);
  const node = element(
    "div",
    {},
    element("div", { className: "row" }, turn, told),
    ...(asking ? [asking.node] : []),
    read.node,
  );

  /** A text in blocks, filled when they come near the reader's eye. */
  function passage(tokens, side, asks) {
    const body = element("div", { className: asks ? "passage asks" : "passage", dir: "auto" });
    const spans = new Map();
    const amounts = new Map();
    const seen = new IntersectionObserver(
      (entries) => entries.forEach((entry) => entry.isIntersecting && fill(entry.target)),
      { rootMargin: "600px" },
    );
    for (let first = 0; first < tokens.length; first += BLOCK) {
      const many = Math.min(BLOCK, tokens.length - first);
      const block = element("span", { className: "block" });
      block.dataset.first = first;
      if (tokens.length > BLOCK) block.style.minHeight = `${Math.ceil(many / 12) * 2}em`;
      body.append(block);
      if (tokens.length > 2 * BLOCK) seen.observe(block);
      else fill(block);
    }
    function fill(block) {
      if (block.childElementCount) return;
      seen.unobserve(block);
      block.style.minHeight = "";
      const first = Number(block.dataset.first);
      for (let place = first; place < Math.min(first + BLOCK, tokens.length); place++) {
        const space = payload.joins ? (/^\s./u.test(tokens[place]) ? " " : "") : place ? " " : "";
        const shown = payload.joins ? word(tokens[place], true) : visible(tokens[place]);
        const made = element("bdi", { className: "token", textContent: shown });
        made.dataset.place = place;
        made.tabIndex = place === (side === "target" || payload.same ? state.query : -1) ? 0 : -1;
        spans.set(place, made);
        if (amounts.has(place)) shade(place, ...amounts.get(place));
        block.append(space, made);
        if (/\n$/u.test(tokens[place])) block.append(element("br"));
      }
    }
    function shade(place, share, weight) {
      amounts.set(place, [share, weight]);
      spans.get(place)?.style.setProperty("--share", Math.min(Math.max(share, 0), 1) * FULL);
    }
    function mark(place) {
      body.querySelector(".chosen")?.classList.remove("chosen");
      spans.get(place)?.classList.add("chosen");
    }
    const result = { node: body, tokens, side, spans, amounts, shade, mark };
    body.addEventListener("pointerover", (event) => hovered(event, result));
    body.addEventListener("pointerleave", () => {
      ctx.untip();
      if (over !== null) show((over = null));
    });
    body.addEventListener("click", (event) => {
      const place = placeOf(event);
      if (place !== null && (asks || payload.same)) choose(place);
    });
    body.addEventListener("keydown", (event) => {
      const move = { ArrowLeft: -1, ArrowUp: -1, ArrowRight: 1, ArrowDown: 1 }[event.key];
      if (move === undefined || !(asks || payload.same)) return;
      event.preventDefault();
      choose(further(ctx, move), true);
    });
    return result;
  }

  const placeOf = (event) => {
    const place = event.target.closest?.(".token")?.dataset.place;
    return place === undefined ? null : Number(place);
  };

  function hovered(event, { side, amounts, tokens }) {
    const place = placeOf(event);
    if (place === null) return ctx.untip();
    const name = `‘${clip(word(tokens[place], payload.joins), 24)}’`;
    const asks = side === "target" || (payload.same && !state.pinned);
    if (asks) {
      if (over !== place) show((over = place));
      const verb = backwards ? "is looked at by" : "looks at";
      return ctx.tip(event, `${name} ${verb} ${best(place)}`);
    }
    const weight = amounts.get(place)?.[1] ?? 0;
    return ctx.tip(event, `${name}: ${percent(weight)}`);
  }

  function choose(place, focus = false) {
    state.pinned = payload.same && state.pinned && state.query === place ? false : payload.same;
    over = null;
    ctx.set({ query: place }, `${sentence(place)}`);
    const spans = (asking ?? read).spans;
    if (focus) spans.get(place)?.focus();
  }

  function sentence(place) {
    const tokens = payload.same || !backwards ? payload.target : payload.source;
    const name = `‘${clip(word(tokens[place] ?? "", payload.joins), 24)}’`;
    return `${name} ${backwards ? "is looked at by" : "looks at"} ${best(place)}`;
  }

  function best(place) {
    const named = (tokens, one) => `‘${clip(word(tokens[one], payload.joins), 24)}’`;
    if (backwards && payload.same) {
      const column = weights.column(state.layer, state.head, place);
      const order = [...column.keys()].sort((a, b) => column[b] - column[a]).slice(0, 3);
      return order.map((one) => `${named(payload.target, one)} ${percent(column[one])}`).join(", ");
    }
    const found = weights.top(state.layer, state.head, place, 3);
    return found.map(([key, weight]) => `${named(payload.source, key)} ${percent(weight)}`).join(", ");
  }

  function turned() {
    backwards = !backwards;
    turn.textContent = backwards ? "is looked at by" : "looks at";
    turn.setAttribute("aria-pressed", String(backwards));
    draw();
  }

  /** Shade what a token looks at: the one under the pointer, or else the chosen one. */
  function show() {
    for (const [passage_, place] of shaded) passage_.shade(place, 0, 0);
    shaded = [];
    const place = over ?? state.query;
    const amounts = [];
    if (backwards && payload.same) {
      weights.column(state.layer, state.head, place).forEach((weight, one) => {
        if (weight) amounts.push([one, weight]);
      });
    } else {
      weights.each(state.layer, state.head, place, (key, weight) => amounts.push([key, weight]));
    }
    const most = amounts.reduce((largest, [, weight]) => Math.max(largest, weight), 0) || 1;
    for (const [one, weight] of amounts) {
      const share = state.relative ? weight / most : weight;
      read.shade(one, share, weight);
      shaded.push([read, one]);
    }
    (asking ?? read).mark(place);
    const full = state.relative ? `full shade: ${percent(most)}` : "full shade: 100%";
    told.textContent = `${sentence(place)} (${full})`;
  }

  function draw() {
    turn.hidden = !payload.same;
    show();
  }

  function picture() {
    const ink = inks(node);
    const [width, size] = [760, 24];
    const [, probe] = canvas(10, 10);
    probe.font = MONO;
    const placed = [];
    let [x, y] = [8, 20];
    const most = 3000;
    payload.source.slice(0, most).forEach((token, place) => {
      const shown = word(token, payload.joins);
      const wide = probe.measureText(shown).width;
      const space = payload.joins && !/^\s./u.test(token) ? 0 : 8;
      if (x + space + wide > width - 8) [x, y] = [8, y + size];
      else if (place) x += space;
      placed.push([shown, x, y, wide, read.amounts.get(place)?.[0] ?? 0]);
      x += wide;
    });
    const [made, context] = canvas(width, y + 44);
    context.fillStyle = ink.paper;
    context.fillRect(0, 0, width, y + 44);
    context.font = MONO;
    for (const [shown, left, base, wide, share] of placed) {
      context.fillStyle = `rgba(0,114,178,${share * FULL})`;
      context.fillRect(left, base - 15, wide, 20);
      context.fillStyle = ink.text;
      context.fillText(shown, left, base);
    }
    context.fillStyle = ink.faint;
    context.fillText(clip(told.textContent, 90), 8, y + 32);
    return made;
  }

  return { node, draw, picture };
}
