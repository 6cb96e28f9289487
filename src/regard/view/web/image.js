// An image, and over it where each word looked: one frame a word.
import { element, canvas, resized, inks, clip, word, percent, SANS } from "./dom.js";
import { further, steps } from "./steps.js";

const [LARGE, SMALL] = [360, 84]; // CSS pixels of the longer side
const GLOW = "255,176,0"; // told from grey, black and white by any eye

export function image(ctx) {
  const { weights, payload, state } = ctx;
  const [high, wide] = payload.size;
  const [rows, columns] = payload.grid;
  const pictures = payload.images.map((source) => element("img", { src: source, alt: "" }));
  const [plot] = canvas(10, 10, {
    tabIndex: 0,
    className: "plot",
    role: "img",
    ariaLabel: "The image, and where the word looked: left and right choose the word",
  });
  const step = steps(ctx);
  const opacity = element("input", {
    type: "range", min: 0, max: 100, value: 75, ariaLabel: "opacity", on: { input: paintLarge },
  });
  const smooth = element("input", { type: "checkbox", on: { change: draw } });
  const told = element("output", { className: "told" });
  const strip = element("div", { className: "strip", role: "group", ariaLabel: "a frame a word" });
  const node = element(
    "div",
    {},
    element(
      "div",
      { className: "row" },
      step.label,
      element("label", {}, "Opacity ", opacity),
      element("label", {}, smooth, " smooth"),
      told,
    ),
    element("div", { className: "picture" }, plot, strip),
  );

  const pictureOf = (query) => pictures[pictures.length === 1 ? 0 : query];

  /** How bright each place is: in parts of the largest weight, or of four times an even share. */
  function overlay(query, full) {
    const row = weights.row(state.layer, state.head, query);
    const peak = row.reduce((most, weight) => Math.max(most, weight), 0);
    const most = state.relative ? Math.max(peak, 4 / row.length) : 1;
    const [made] = canvas(1, 1);
    [made.width, made.height] = [columns, rows];
    const found = made.getContext("2d").createImageData(columns, rows);
    const [red, green, blue] = GLOW.split(",").map(Number);
    row.forEach((weight, place) => {
      found.data.set([red, green, blue, 255 * full * Math.min(Math.max(weight / most, 0), 1)], 4 * place);
    });
    made.getContext("2d").putImageData(found, 0, 0);
    return [made, row, peak];
  }

  function frame(context, query, width, height, full) {
    context.imageSmoothingEnabled = false;
    context.fillStyle = "#808080";
    context.fillRect(0, 0, width, height);
    const under = pictureOf(query);
    if (under.complete && under.naturalWidth) context.drawImage(under, 0, 0, width, height);
    const [over, row, peak] = overlay(query, full);
    context.imageSmoothingEnabled = smooth.checked;
    context.drawImage(over, 0, 0, width, height);
    const place = row.indexOf(peak);
    if (rows * columns <= 1024 && peak > 0) {
      context.strokeStyle = "#D55E00";
      context.lineWidth = 2;
      const [w, h] = [width / columns, height / rows];
      context.strokeRect((place % columns) * w, Math.floor(place / columns) * h, w, h);
    }
    return peak;
  }

  const sized = (side) => {
    const scale = side / Math.max(high, wide);
    return [Math.round(wide * scale), Math.round(high * scale)];
  };

  function paintLarge() {
    const size = sized(Math.min(LARGE, Math.max(200, node.clientWidth - 20)));
    const peak = frame(resized(plot, ...size), state.query, ...size, Number(opacity.value) / 100);
    const name = word(payload.target[state.query], payload.joins);
    told.textContent = `‘${clip(name, 24)}’: at most ${percent(peak)} on one of ${rows * columns} places`;
  }

  function frames() {
    const size = sized(SMALL);
    strip.replaceChildren(
      ...payload.target.map((token, query) => {
        const [made, context] = canvas(...size, { ariaHidden: "true" });
        frame(context, query, ...size, Number(opacity.value) / 100);
        const name = clip(word(token, payload.joins), 14);
        return element(
          "button",
          {
            type: "button",
            className: "small",
            ariaPressed: String(query === state.query),
            on: { click: () => ctx.set({ query }) },
          },
          made,
          element("bdi", { textContent: name }),
        );
      }),
    );
  }

  function placeAt(event) {
    const box = plot.getBoundingClientRect();
    const column = Math.floor(((event.clientX - box.left) / box.width) * columns);
    const row = Math.floor(((event.clientY - box.top) / box.height) * rows);
    const inside = column >= 0 && row >= 0 && column < columns && row < rows;
    return inside ? row * columns + column : null;
  }

  plot.addEventListener("pointermove", (event) => {
    const place = placeAt(event);
    if (place === null) return ctx.untip();
    const weight = weights.at(state.layer, state.head, state.query, place);
    const where = `row ${Math.floor(place / columns) + 1}, column ${(place % columns) + 1}`;
    return ctx.tip(event, `${where}: ${percent(weight)}`);
  });
  plot.addEventListener("pointerleave", () => ctx.untip());
  plot.addEventListener("keydown", (event) => {
    const move = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (move === undefined) return;
    event.preventDefault();
    ctx.set({ query: further(ctx, move) });
    ctx.say(told.textContent);
  });

  function draw() {
    step.move(state.query);
    paintLarge();
    frames();
    for (const each of pictures) if (!each.complete) each.onload = draw;
  }

  function picture() {
    const size = sized(128);
    const across = Math.min(5, weights.queries);
    const [made, context] = canvas(
      across * (size[0] + 12),
      Math.ceil(weights.queries / across) * (size[1] + 26),
    );
    const ink = inks(node);
    context.fillStyle = ink.paper;
    context.fillRect(0, 0, made.width, made.height);
    for (let query = 0; query < weights.queries; query++) {
      context.save();
      context.translate((query % across) * (size[0] + 12), Math.floor(query / across) * (size[1] + 26));
      frame(context, query, ...size, Number(opacity.value) / 100);
      context.fillStyle = ink.text;
      context.font = SANS;
      context.fillText(clip(word(payload.target[query], payload.joins), 16), 0, size[1] + 16);
      context.restore();
    }
    return made;
  }

  return { node, draw, picture };
}
