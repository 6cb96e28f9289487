// Lines between the tokens that attend and those attended to, a colour a head.
import { element, canvas, resized, inks, clip, word, percent, MONO } from "./dom.js";
import { ofHead } from "./colors.js";

const LINE = 22; // CSS pixels of a token
const MOST = 160; // tokens of a side that are in sight
const LEAST = 0.01; // weights that are drawn

export function lines(ctx) {
  const { weights, payload, state } = ctx;
  const [plot] = canvas(10, 10, {
    tabIndex: 0,
    className: "plot",
    role: "img",
    ariaLabel: "Lines from tokens to those that they look at: up and down choose one, Escape all",
  });
  const shown = new Set([...Array(weights.heads).keys()]);
  if (payload.shown) {
    shown.clear();
    payload.shown.forEach((head) => shown.add(head));
  }
  const toggles = element("div", { className: "toggles", role: "group", ariaLabel: "heads" });
  const ends = element(
    "div",
    { className: "ends" },
    element("span", { textContent: "looks" }),
    element("span", { textContent: "at" }),
  );
  const node = element(
    "div",
    {},
    weights.heads > 1 ? toggles : "",
    ends,
    plot,
  );
  let [width, gutter, from, origin] = [600, 120, 0, 0];
  let over = null; // ["query" or "key", place]
  let pinned = null;

  function switches() {
    toggles.replaceChildren(
      ...[...Array(weights.heads).keys()].map((head) => {
        const made = element("button", {
          type: "button",
          className: "toggle",
          textContent: payload.heads[head],
          title: "show or hide this head; twice: it alone",
          ariaPressed: String(shown.has(head)),
          on: {
            click: () => {
              shown.has(head) ? shown.delete(head) : shown.add(head);
              draw();
            },
            dblclick: () => {
              const alone = shown.size === 1 && shown.has(head);
              shown.clear();
              (alone ? [...Array(weights.heads).keys()] : [head]).forEach((one) => shown.add(one));
              draw();
            },
          },
        });
        made.style.setProperty("--head", ofHead(head));
        return made;
      }),
    );
  }

  const count = (tokens) => Math.min(tokens.length, MOST);
  const y = (place, first) => (place - first + 0.5) * LINE;

  function paintAll() {
    const rows = Math.max(count(payload.target), count(payload.source));
    const context = resized(plot, width, rows * LINE + 4);
    const ink = inks(plot);
    context.fillStyle = ink.paper;
    context.fillRect(0, 0, width, rows * LINE + 4);
    const chosen = pinned ?? over;
    const [x0, x1] = [gutter, width - gutter];
    context.lineWidth = 2;
    const heads = [...shown];
    const queries = chosen?.[0] === "query" ? [chosen[1]] : range(from, from + count(payload.target));
    const sums = { query: new Map(), key: new Map() };
    for (const head of heads) {
      context.strokeStyle = ofHead(head);
      for (const query of queries) {
        weights.each(state.layer, head, query, (key, weight) => {
          if (chosen?.[0] === "key" && key !== chosen[1]) return;
          if (weight < LEAST || key < origin || key >= origin + count(payload.source)) return;
          sums.key.set(key, (sums.key.get(key) ?? 0) + weight / heads.length);
          sums.query.set(query, (sums.query.get(query) ?? 0) + weight / heads.length);
          context.globalAlpha = Math.min(1, chosen ? weight + 0.05 : 0.85 * weight);
          context.beginPath();
          context.moveTo(x0, y(query, from));
          context.bezierCurveTo(x0 + 60, y(query, from), x1 - 60, y(key, origin), x1, y(key, origin));
          context.stroke();
        });
      }
    }
    context.globalAlpha = 1;
    column(context, ink, "query", payload.target, from, x0 - 8, "right", chosen, sums.query);
    column(context, ink, "key", payload.source, origin, x1 + 8, "left", chosen, sums.key);
  }

  function column(context, ink, side, tokens, first, x, align, chosen, sums) {
    context.font = MONO;
    context.textBaseline = "middle";
    for (let place = first; place < first + count(tokens); place++) {
      const share = chosen && chosen[0] !== side ? sums.get(place) ?? 0 : 0;
      const mine = chosen && chosen[0] === side && chosen[1] === place;
      if (mine || share > 0) {
        context.globalAlpha = mine ? 0.3 : Math.min(0.6, share);
        context.fillStyle = mine ? ink.faint : "#0072B2";
        const at = align === "right" ? x - gutter + 16 : x - 4;
        context.fillRect(at, y(place, first) - LINE / 2 + 1, gutter - 8, LINE - 2);
        context.globalAlpha = 1;
      }
      context.textAlign = align;
      context.fillStyle = mine || !chosen || share > LEAST ? ink.text : ink.faint;
      context.fillText(clip(word(tokens[place], payload.joins), 18), x, y(place, first));
    }
  }

  const range = (first, last) => [...Array(last - first).keys()].map((place) => place + first);

  function at(event) {
    const box = plot.getBoundingClientRect();
    const place = Math.floor((event.clientY - box.top) / LINE);
    const x = event.clientX - box.left;
    if (x < gutter + 20 && place >= 0 && place < count(payload.target)) return ["query", from + place];
    if (x > width - gutter - 20 && place >= 0 && place < count(payload.source)) return ["key", origin + place];
    return null;
  }

  function told([side, place]) {
    const name = (tokens, one) => `‘${clip(word(tokens[one], payload.joins), 24)}’`;
    if (side === "key") return `what looks at ${name(payload.source, place)}`;
    const head = shown.size === 1 ? [...shown][0] : ctx.combined;
    const best = weights.top(state.layer, head, place, 4);
    const parts = best.map(([key, weight]) => `${name(payload.source, key)} ${percent(weight)}`);
    const which = shown.size === 1 ? "" : " (mean of all heads)";
    return `${name(payload.target, place)} looks at ${parts.join(", ")}${which}`;
  }

  plot.addEventListener("pointermove", (event) => {
    const found = at(event);
    if (String(found) !== String(over)) {
      over = found;
      paintAll();
    }
    return found ? ctx.tip(event, told(found)) : ctx.untip();
  });
  plot.addEventListener("pointerleave", () => {
    over = null;
    ctx.untip();
    paintAll();
  });
  plot.addEventListener("click", (event) => {
    const found = at(event);
    pinned = String(found) === String(pinned) ? null : found;
    if (pinned?.[0] === "query") ctx.set({ query: pinned[1] }, told(pinned));
    else paintAll();
  });
  plot.addEventListener("keydown", (event) => {
    const move = { ArrowUp: -1, ArrowDown: 1 }[event.key];
    if (event.key === "Escape") pinned = null;
    else if (move === undefined) return;
    else {
      const query = Math.min(Math.max((pinned ? state.query : -1) + move, 0), weights.queries - 1);
      pinned = ["query", query];
      ctx.set({ query }, told(pinned));
    }
    event.preventDefault();
    paintAll();
  });

  function draw() {
    width = Math.min(Math.max(280, node.clientWidth || 600), 760);
    gutter = Math.min(150, width / 3.2);
    ends.style.width = `${width}px`;
    ends.style.paddingInline = `${gutter - 44}px ${gutter - 24}px`;
    if (pinned?.[0] === "query") pinned = ["query", state.query];
    from = first(payload.target, state.query);
    origin = payload.same ? from : first(payload.source, weights.top(state.layer, ctx.combined, state.query, 1)[0]?.[0] ?? 0);
    switches();
    paintAll();
  }

  function first(tokens, place) {
    return Math.max(0, Math.min(place - MOST / 2, tokens.length - MOST)) | 0;
  }

  function picture() {
    const [made, context] = canvas(width, parseFloat(plot.style.height));
    context.drawImage(plot, 0, 0, width, parseFloat(plot.style.height));
    return made;
  }

  return { node, draw, picture };
}
