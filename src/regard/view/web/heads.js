// Layers × heads as small pictures, each of which opens.
import { element, canvas, inks, SANS } from "./dom.js";
import { paint } from "./colors.js";

const SIDE = 84; // CSS pixels of the longer side

export function heads(ctx) {
  const { weights, payload, state } = ctx;
  const node = element("div", { className: "grid-of-heads" });
  const pictures = [];

  function small(layer, head) {
    const scale = SIDE / Math.max(weights.queries, weights.keys);
    const wide = Math.max(8, Math.min(SIDE, Math.round(weights.keys * scale)));
    const high = Math.max(8, Math.min(SIDE, Math.round(weights.queries * scale)));
    const shares = new Float32Array(wide * high);
    const peak = weights.peak(layer, head) || 1;
    for (let query = 0; query < weights.queries; query++) {
      const from = Math.floor((query * high) / weights.queries);
      const to = Math.max(from + 1, Math.floor(((query + 1) * high) / weights.queries));
      weights.each(layer, head, query, (key, weight) => {
        const share = state.relative ? weight / peak : weight;
        const first = Math.floor((key * wide) / weights.keys);
        const last = Math.max(first + 1, Math.floor(((key + 1) * wide) / weights.keys));
        for (let y = from; y < to; y++) {
          for (let x = first; x < last; x++) {
            if (share > shares[y * wide + x]) shares[y * wide + x] = share;
          }
        }
      });
    }
    const image = new ImageData(wide, high);
    paint(image, shares);
    const made = element("canvas", { width: wide, height: high, ariaHidden: "true" });
    made.getContext("2d").putImageData(image, 0, 0);
    return made;
  }

  function row(layer) {
    const cells = [...Array(weights.heads).keys()].map((head) => {
      const name = `layer ${payload.layers[layer]}, head ${payload.heads[head]}`;
      const made = small(layer, head);
      pictures.push([layer, head, made]);
      return element(
        "button",
        {
          type: "button",
          className: "small",
          title: `${name}: open`,
          ariaLabel: `${name}: open`,
          on: { click: () => ctx.open("alignment", { layer, head, from: "heads" }) },
        },
        made,
        element("span", { textContent: payload.heads[head] }),
      );
    });
    return element(
      "div",
      { className: "heads-of-layer" },
      element("span", { className: "name", textContent: payload.layers[layer] }),
      element("div", { className: "smalls" }, ...cells),
    );
  }

  function draw() {
    pictures.length = 0;
    node.replaceChildren(...[...Array(weights.layers).keys()].map(row));
  }

  function picture() {
    const [gap, left] = [10, 90];
    const [made, context] = canvas(
      left + weights.heads * (SIDE + gap),
      20 + weights.layers * (SIDE + gap),
    );
    const ink = inks(node);
    context.fillStyle = ink.paper;
    context.fillRect(0, 0, made.width, made.height);
    context.fillStyle = ink.faint;
    context.font = SANS;
    context.imageSmoothingEnabled = false;
    for (const [layer, head, one] of pictures) {
      const [x, y] = [left + head * (SIDE + gap), 20 + layer * (SIDE + gap)];
      if (!layer) context.fillText(payload.heads[head], x, 14);
      if (!head) context.fillText(payload.layers[layer].slice(0, 12), 4, y + 20);
      context.drawImage(one, x, y);
    }
    return made;
  }

  return { node, draw, picture };
}
