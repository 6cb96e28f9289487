// What a reader takes along: the view as a picture, the weights as a table.
import { canvas, download, fileName, inks, SANS } from "./dom.js";
import { MAX, MEAN } from "./weights.js";

/** The shown view as a PNG, below its title. */
export function png(ctx, view, name) {
  const drawn = view.picture();
  const sharp = Math.min(window.devicePixelRatio || 1, 2);
  const [wide, high] = [drawn.width / sharp, drawn.height / sharp];
  const [made, context] = canvas(Math.max(wide, 320) + 24, high + 60);
  const ink = inks(ctx.root);
  context.fillStyle = ink.paper;
  context.fillRect(0, 0, made.width, made.height);
  context.fillStyle = ink.text;
  context.font = SANS.replace("13px", "600 15px");
  context.fillText(ctx.payload.title || "Attention", 12, 22);
  context.fillStyle = ink.faint;
  context.font = SANS;
  context.fillText(`${name}, ${ctx.where()}`, 12, 40);
  context.drawImage(drawn, 12, 52, wide, high);
  made.toBlob((blob) => download(fileName(`${ctx.payload.title} ${name}`, "png"), blob), "image/png");
}

/** The weights of the chosen layer and head, or of all, one a line. */
export function csv(ctx, all) {
  const { weights, payload, state } = ctx;
  const parts = ["layer,head,query,query_token,key,key_token,weight\r\n"];
  const layers = all ? [...Array(weights.layers).keys()] : [state.layer];
  const heads = all ? [...Array(weights.heads).keys()] : [state.head];
  for (const layer of layers) {
    for (const head of heads) {
      const name = { [MEAN]: "mean", [MAX]: "max" }[head] ?? payload.heads[head];
      const first = `${cell(payload.layers[layer])},${cell(name)}`;
      for (let query = 0; query < weights.queries; query++) {
        const lines = [];
        const before = `${first},${query},${cell(payload.target[query])}`;
        weights.each(layer, head, query, (key, weight) => {
          lines.push(`${before},${key},${cell(payload.source[key])},${Number(weight.toFixed(7))}\r\n`);
        });
        parts.push(lines.join(""));
      }
    }
  }
  const blob = new Blob(["\ufeff", ...parts], { type: "text/csv;charset=utf-8" });
  download(fileName(payload.title, "csv"), blob);
}

/** A cell of text; a spreadsheet would run one that begins like a formula. */
function cell(text) {
  const guarded = /^[=+\-@\t\r]/u.test(text) ? `'${text}` : text;
  return /[",\r\n]/u.test(guarded) ? `"${guarded.replaceAll('"', '""')}"` : guarded;
}
