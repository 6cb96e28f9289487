// How the weights of each head are spread: a histogram, entropy, and the share of the top key.
import { element, canvas, resized, inks, percent, SANS } from "./dom.js";
import { ofHead } from "./colors.js";

const BINS = 11; // half powers of ten: above 10⁻⁰·⁵ … 10⁻⁵, and all below
const [WIDE, HIGH] = [200, 96]; // CSS pixels

export function histogram(ctx) {
  const { weights, payload, state } = ctx;
  const charts = element("div", { className: "charts" });
  const table = element("table", {});
  const node = element("div", {}, charts, element("div", { className: "wide", tabIndex: 0 }, table));
  let found = null;

  function summaries() {
    found ??= [...Array(weights.layers).keys()].map((layer) =>
      [...Array(weights.heads).keys()].map((head) => weights.summary(layer, head, BINS)),
    );
    return found;
  }

  const edge = (bin) => (bin >= BINS - 1 ? "0" : (10 ** (-(bin + 1) / 2)).toPrecision(2));

  function paintChart(context, ink, { counts }, head) {
    const total = counts.reduce((sum, count) => sum + count, 0) || 1;
    const most = Math.max(...counts) / total;
    context.fillStyle = ink.paper;
    context.fillRect(0, 0, WIDE, HIGH);
    context.font = SANS;
    const wide = WIDE / BINS;
    counts.forEach((count, bin) => {
      const high = ((HIGH - 18) * count) / total / most;
      context.fillStyle = ofHead(head) === "currentColor" ? ink.text : ofHead(head);
      // Small weights at the left.
      context.fillRect((BINS - 1 - bin) * wide + 1, HIGH - 16 - high, wide - 2, high);
    });
    context.fillStyle = ink.faint;
    context.textAlign = "left";
    context.fillText("0", 2, HIGH - 3);
    context.textAlign = "right";
    context.fillText("1", WIDE - 2, HIGH - 3);
    context.textAlign = "center";
    context.fillText("10⁻²", WIDE - 4 * wide, HIGH - 3);
  }

  function chart(head) {
    const [made] = canvas(WIDE, HIGH, { role: "img" });
    const summary = summaries()[state.layer][head];
    paintChart(resized(made, WIDE, HIGH), inks(node), summary, head);
    made.ariaLabel = `histogram of the weights of head ${payload.heads[head]}`;
    const total = summary.counts.reduce((sum, count) => sum + count, 0) || 1;
    made.addEventListener("pointermove", (event) => {
      const box = made.getBoundingClientRect();
      const bin = BINS - 1 - Math.min(BINS - 1, Math.floor(((event.clientX - box.left) / WIDE) * BINS));
      const range = `${edge(bin)} … ${bin ? edge(bin - 1) : "1"}`;
      ctx.tip(event, `weights ${range}: ${percent(summary.counts[bin] / total)} of them`);
    });
    made.addEventListener("pointerleave", () => ctx.untip());
    const name = `head ${payload.heads[head]}`;
    return element("figure", {}, made, element("figcaption", { textContent: name }));
  }

  function draw() {
    const rows = summaries().flatMap((layer, number) =>
      layer.map(({ entropy, share }, head) => {
        const most = Math.log(Math.max(weights.width, 2));
        return element(
          "tr",
          { className: number === state.layer ? "here" : "" },
          element("th", { scope: "row", textContent: payload.layers[number] }),
          element("td", { textContent: payload.heads[head] }),
          element("td", { className: "number", textContent: entropy.toFixed(3) }),
          element("td", { className: "number", textContent: percent(entropy / most) }),
          element("td", { className: "number", textContent: percent(share) }),
        );
      }),
    );
    const names = ["layer", "head", "entropy (nats)", "of the largest possible", "share of the top key"];
    table.replaceChildren(
      element("caption", {
        textContent: "Means over the queries" + (weights.sparse ? ", of the weights that are shown" : ""),
      }),
      element("thead", {}, element("tr", {}, ...names.map((name) => element("th", { scope: "col", textContent: name })))),
      element("tbody", {}, ...rows),
    );
    charts.replaceChildren(...[...Array(weights.heads).keys()].map(chart));
  }

  function picture() {
    const across = Math.min(4, weights.heads);
    const [made, context] = canvas(across * (WIDE + 16), Math.ceil(weights.heads / across) * (HIGH + 30));
    const ink = inks(node);
    context.fillStyle = ink.paper;
    context.fillRect(0, 0, made.width, made.height);
    for (let head = 0; head < weights.heads; head++) {
      context.save();
      context.translate((head % across) * (WIDE + 16), Math.floor(head / across) * (HIGH + 30));
      paintChart(context, ink, summaries()[state.layer][head], head);
      context.fillStyle = ink.text;
      context.textAlign = "left";
      context.fillText(`head ${payload.heads[head]}`, 2, HIGH + 16);
      context.restore();
    }
    return made;
  }

  return { node, draw, picture };
}
