// The heatmap: queries down, keys across, a step marked; to be zoomed, dragged and walked over.
import { element, canvas, resized, inks, clip, word, percent, MONO, SANS } from "./dom.js";
import { paint, ramp } from "./colors.js";
import { further, steps } from "./steps.js";

const HIGHEST = 560; // CSS pixels of the plot
const [SMALLEST, USUAL, LARGEST] = [1 / 512, 36, 64]; // CSS pixels of a cell
const TINY = 3; // below it cells share pixels

export function alignment(ctx) {
  const { weights, payload, state } = ctx;
  const [plot] = canvas(10, 10, {
    tabIndex: 0,
    className: "plot",
    role: "img",
    ariaLabel: "Heatmap: arrow keys move from cell to cell, + and − zoom, 0 shows all",
  });
  const step = steps(ctx);
  const told = element("output", { className: "told" });
  const play = element("button", { type: "button", textContent: "▶ Play", on: { click: toggle } });
  const bars = element("ol", { className: "bars", ariaLabel: "keys with the largest weights" });
  const zoom = element(
    "span",
    { className: "buttons" },
    button("−", "smaller", () => zoomed(1 / 1.5)),
    button("+", "larger", () => zoomed(1.5)),
    button("Fit", "all of it", () => fit()),
  );
  const node = element(
    "div",
    {},
    element("div", { className: "row" }, play, step.label, told, zoom),
    plot,
    bars,
  );
  let [cell, left, top] = [0, 0, 0]; // pixels of a cell; key and query of the plot's corner
  let [width, height, gutter, head] = [600, 400, 80, 40];
  let timer = 0;
  let drag = null;

  function button(text, title, click) {
    return element("button", { type: "button", textContent: text, title, on: { click } });
  }

  function measure() {
    const context = plot.getContext("2d");
    context.font = MONO;
    const wide = (tokens) =>
      Math.max(0, ...sample(tokens).map((one) => context.measureText(label(one)).width));
    gutter = Math.min(wide(payload.target), 160) + 14;
    const across = wide(payload.source);
    head = across > 18 ? Math.min(0.72 * across, 120) + 18 : 30;
    width = Math.max(240, node.clientWidth || 600);
    const room = Math.min(USUAL, (width - gutter - 2) / weights.keys);
    height = Math.min(HIGHEST, head + Math.max(weights.queries * Math.max(room, 14), 60));
  }

  function label(token) {
    return clip(word(token, payload.joins), 18);
  }

  function sample(tokens) {
    return tokens.length <= 2000 ? tokens : tokens.slice(0, 2000);
  }

  const across = () => (width - gutter) / cell; // keys and queries that are in sight
  const down = () => (height - head) / cell;

  function fit() {
    const most = Math.min((width - gutter - 2) / weights.keys, (height - head - 2) / weights.queries);
    cell = Math.min(Math.max(most, SMALLEST), USUAL);
    [left, top] = [0, 0];
    paintAll();
  }

  function bounded() {
    left = Math.max(0, Math.min(left, weights.keys - across()));
    top = Math.max(0, Math.min(top, weights.queries - down()));
  }

  function zoomed(factor, x = width / 2, y = height / 2) {
    const key = left + (x - gutter) / cell;
    const query = top + (y - head) / cell;
    cell = Math.min(Math.max(cell * factor, SMALLEST), LARGEST);
    left = key - (x - gutter) / cell;
    top = query - (y - head) / cell;
    bounded();
    paintAll();
  }

  function paintAll() {
    const context = resized(plot, width, height);
    const ink = inks(plot);
    context.fillStyle = ink.paper;
    context.fillRect(0, 0, width, height);
    const [k0, k1] = [Math.floor(left), Math.min(weights.keys, Math.ceil(left + across()))];
    const [q0, q1] = [Math.floor(top), Math.min(weights.queries, Math.ceil(top + down()))];
    context.save();
    context.beginPath();
    context.rect(gutter, head, width - gutter, height - head);
    context.clip();
    if (cell >= TINY) squares(context, k0, k1, q0, q1);
    else pixels(context, q0, q1);
    marks(context, ink);
    context.restore();
    labels(context, ink, k0, k1, q0, q1);
  }

  function squares(context, k0, k1, q0, q1) {
    const gap = cell >= 8 ? 1 : 0;
    const x = (key) => gutter + (key - left) * cell;
    const y = (query) => head + (query - top) * cell;
    context.fillStyle = ramp(0);
    if (weights.sparse) context.fillRect(x(k0), y(q0), (k1 - k0) * cell - gap, (q1 - q0) * cell - gap);
    for (let query = q0; query < q1; query++) {
      weights.each(state.layer, state.head, query, (key, weight) => {
        if (key < k0 || key >= k1) return;
        context.fillStyle = ramp(ctx.share(weight));
        context.fillRect(x(key), y(query), cell - gap, cell - gap);
      });
    }
  }

  // Cells smaller than a pixel: a pixel shows the largest weight of those that it stands for.
  function pixels(context, q0, q1) {
    const wide = Math.ceil(Math.min(width - gutter, (weights.keys - left) * cell));
    const high = Math.ceil(Math.min(height - head, (weights.queries - top) * cell));
    if (wide < 1 || high < 1) return;
    const shares = new Float32Array(wide * high);
    for (let query = q0; query < q1; query++) {
      const from = Math.max(0, Math.floor((query - top) * cell));
      const to = Math.max(from + 1, Math.min(high, Math.floor((query + 1 - top) * cell)));
      weights.each(state.layer, state.head, query, (key, weight) => {
        const share = ctx.share(weight);
        const first = Math.max(0, Math.floor((key - left) * cell));
        const last = Math.max(first + 1, Math.floor((key + 1 - left) * cell));
        for (let y = from; y < to && y < high; y++) {
          for (let x = first; x < last && x < wide; x++) {
            if (share > shares[y * wide + x]) shares[y * wide + x] = share;
          }
        }
      });
    }
    const image = new ImageData(wide, high);
    paint(image, shares);
    const [small, inner] = canvas(1, 1);
    [small.width, small.height] = [wide, high];
    inner.putImageData(image, 0, 0);
    context.imageSmoothingEnabled = false;
    context.drawImage(small, gutter, head, wide, high);
  }

  function marks(context, ink) {
    const size = Math.max(cell, 2);
    const y = head + (state.query - top) * cell;
    context.strokeStyle = ink.text;
    context.lineWidth = 1.5;
    context.strokeRect(gutter + 0.5, y - 0.5, Math.min(weights.keys * cell, width - gutter) - 1, size);
    if (state.key === null) return;
    const x = gutter + (state.key - left) * cell;
    context.strokeStyle = "#D55E00";
    context.lineWidth = 2.5;
    context.strokeRect(x - 0.5, y - 0.5, size, size);
  }

  function labels(context, ink, k0, k1, q0, q1) {
    context.font = MONO;
    const apart = Math.max(1, Math.ceil(18 / cell));
    const middle = cell / 2;
    context.textBaseline = "middle";
    context.textAlign = "right";
    for (let query = q0; query < q1; query++) {
      if (query % apart && query !== state.query) continue;
      const y = head + (query - top) * cell + middle;
      if (y < head - 2 || y > height) continue;
      context.fillStyle = query === state.query ? ink.text : ink.faint;
      context.fillText(label(payload.target[query]), gutter - 6, y);
    }
    const slanted = head > 30;
    context.textAlign = slanted ? "left" : "center";
    for (let key = k0; key < k1; key++) {
      if (key % apart && key !== state.key) continue;
      const x = gutter + (key - left) * cell + middle;
      if (x < gutter - 2) continue;
      context.save();
      context.fillStyle = key === state.key ? ink.text : ink.faint;
      context.translate(x, head - (slanted ? 10 : 14));
      if (slanted) context.rotate(-Math.PI / 4);
      context.fillText(label(payload.source[key]), 0, 0);
      context.restore();
    }
  }

  function cellAt(event) {
    const box = plot.getBoundingClientRect();
    const key = Math.floor(left + (event.clientX - box.left - gutter) / cell);
    const query = Math.floor(top + (event.clientY - box.top - head) / cell);
    const outside =
      event.clientX - box.left < gutter || event.clientY - box.top < head ||
      key >= weights.keys || query >= weights.queries || key < 0 || query < 0;
    return outside ? null : [query, key];
  }

  function hovered(event) {
    if (drag) {
      left = drag.left - (event.clientX - drag.x) / cell;
      top = drag.top - (event.clientY - drag.y) / cell;
      drag.moved = drag.moved || Math.hypot(event.clientX - drag.x, event.clientY - drag.y) > 3;
      bounded();
      return paintAll();
    }
    const at = cellAt(event);
    return at ? ctx.tip(event, ctx.sentence(...at)) : ctx.untip();
  }

  plot.addEventListener("pointermove", hovered);
  plot.addEventListener("pointerleave", () => ctx.untip());
  plot.addEventListener("pointerdown", (event) => {
    drag = { x: event.clientX, y: event.clientY, left, top, moved: false };
    plot.setPointerCapture(event.pointerId);
  });
  plot.addEventListener("pointerup", (event) => {
    const at = drag && !drag.moved ? cellAt(event) : null;
    drag = null;
    if (at) ctx.set({ query: at[0], key: at[1] }, ctx.sentence(...at));
  });
  plot.addEventListener("wheel", (event) => {
    if (!event.ctrlKey && !event.metaKey) return; // else the page scrolls, as readers expect
    event.preventDefault();
    const box = plot.getBoundingClientRect();
    zoomed(Math.exp(-event.deltaY / 200), event.clientX - box.left, event.clientY - box.top);
  }, { passive: false });
  plot.addEventListener("keydown", (event) => {
    const moves = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };
    const scales = { "+": 1.5, "=": 1.5, "-": 1 / 1.5, "−": 1 / 1.5 };
    if (event.key in moves && !event.ctrlKey && !event.metaKey) {
      const [down_, right] = moves[event.key];
      const query = further(ctx, state.key === null ? 0 : down_);
      const key = Math.min(Math.max((state.key ?? 0) + (state.key === null ? 0 : right), 0), weights.keys - 1);
      reveal(query, key);
      ctx.set({ query, key }, ctx.sentence(query, key));
    } else if (event.key in scales) {
      zoomed(scales[event.key]);
    } else if (event.key === "0") {
      fit();
    } else {
      return;
    }
    event.preventDefault();
  });

  function reveal(query, key) {
    if (query < top) top = query;
    if (query + 1 > top + down()) top = query + 1 - down();
    if (key < left) left = key;
    if (key + 1 > left + across()) left = key + 1 - across();
    bounded();
  }

  function toggle() {
    if (timer) return stop();
    play.textContent = "❚❚ Stop";
    if (state.query === weights.queries - 1) ctx.set({ query: 0 });
    timer = setInterval(() => {
      if (state.query >= weights.queries - 1 || !plot.isConnected) stop();
      else ctx.set({ query: state.query + 1 });
    }, 600);
  }

  function stop() {
    clearInterval(timer);
    timer = 0;
    play.textContent = "▶ Play";
  }

  function draw() {
    const before = width;
    measure();
    if (!cell || width !== before) fit();
    reveal(state.query, state.key ?? left);
    step.move(state.query);
    told.textContent = `${state.query + 1} of ${weights.queries}: ${label(payload.target[state.query])}`;
    bars.replaceChildren(
      ...weights.top(state.layer, state.head, state.query, 8).map(([key, weight]) =>
        element(
          "li",
          {},
          element("bdi", { textContent: label(payload.source[key]) }),
          bar(ctx.share(weight)),
          element("span", { className: "number", textContent: percent(weight) }),
        ),
      ),
    );
    paintAll();
  }

  function bar(share) {
    const made = element("span", { className: "bar" });
    made.style.setProperty("--share", Math.min(Math.max(share, 0), 1));
    return made;
  }

  function picture() {
    const [made, context] = canvas(width, height);
    context.font = SANS;
    context.drawImage(plot, 0, 0, width, height);
    return made;
  }

  return { node, draw, picture, stop };
}
