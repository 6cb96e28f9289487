// The colours of weights and of heads. The palette is written by view/module.py.
import { SERIES, STOPS } from "./palette.js";

const TABLE = new Uint8ClampedArray(256 * 3);
for (let level = 0; level < 256; level++) {
  const place = (level / 255) * (STOPS.length - 1);
  const below = Math.min(Math.floor(place), STOPS.length - 2);
  for (let part = 0; part < 3; part++) {
    const [low, high] = [STOPS[below][part], STOPS[below + 1][part]];
    TABLE[3 * level + part] = low + (place - below) * (high - low);
  }
}

/** The place of a share, 0 … 1, in the table of colours. */
export function level(share) {
  return Math.round(255 * Math.min(Math.max(share, 0), 1));
}

export function ramp(share) {
  const at = 3 * level(share);
  return `rgb(${TABLE[at]},${TABLE[at + 1]},${TABLE[at + 2]})`;
}

/** The map of colours, as CSS. */
export const GRADIENT = `linear-gradient(to right, ${STOPS.map((stop) => `rgb(${stop})`).join(", ")})`;

/** Write shares, a number a pixel, as an image's bytes; negative ones are left transparent. */
export function paint(image, shares) {
  for (let place = 0; place < shares.length; place++) {
    if (shares[place] < 0) continue;
    const from = 3 * level(shares[place]);
    image.data[4 * place] = TABLE[from];
    image.data[4 * place + 1] = TABLE[from + 1];
    image.data[4 * place + 2] = TABLE[from + 2];
    image.data[4 * place + 3] = 255;
  }
}

export function ofHead(head) {
  return SERIES[head % SERIES.length];
}
