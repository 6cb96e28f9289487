// Elements, tokens as people can see them, numbers as people read them.

/** An element with attributes and children; text is only ever set as text. */
export function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key === "on") {
      for (const [event, run] of Object.entries(value)) made.addEventListener(event, run);
    } else if (key in made && key !== "list" && key !== "role") {
      made[key] = value;
    } else {
      made.setAttribute(key, value);
    }
  }
  made.append(...children);
  return made;
}

const SYMBOLS = { " ": "␣", "\t": "⇥", "\n": "⏎", "\u200c": "∤", "\u200d": "‿", "\u200e": "▸" };
const LEFTWARDS = /[\u200f\u061c]/u;
const UNSEEN = /[\p{C}\p{Zl}\p{Zp}]/u;

function symbol(character) {
  if (character in SYMBOLS) return SYMBOLS[character];
  if (LEFTWARDS.test(character)) return "◂";
  if (/\p{Zs}/u.test(character)) return "⍽";
  if (!UNSEEN.test(character)) return character;
  return "U+" + character.codePointAt(0).toString(16).toUpperCase().padStart(4, "0");
}

/** A token with all that cannot be seen shown, so that no two look alike. */
export function visible(token) {
  if (!token) return "∅";
  const shown = Array.from(token, symbol).join("");
  return /^\p{M}/u.test(shown) ? "◌" + shown : shown;
}

/** A token of a text: the space before it is no part of the word. */
export function word(token, joins) {
  return visible(joins && token.length > 1 && token.startsWith(" ") ? token.slice(1) : token);
}

export function clip(text, most) {
  const letters = Array.from(text);
  return letters.length <= most ? text : letters.slice(0, most - 1).join("") + "…";
}

/** Weights are told as exactly as their 16 bits allow. */
export function percent(weight) {
  const amount = 100 * weight;
  if (amount > 0 && amount < 0.01) return "< 0.01%";
  return (Math.abs(amount) >= 0.1 || amount === 0 ? amount.toFixed(1) : amount.toFixed(2)) + "%";
}

/** A canvas of so many CSS pixels, sharp on any screen; its context is scaled to them. */
export function canvas(width, height, attributes = {}) {
  const made = element("canvas", attributes);
  return [made, resized(made, width, height)];
}

export function resized(made, width, height) {
  const sharp = Math.min(window.devicePixelRatio || 1, 2);
  made.width = Math.max(1, Math.round(width * sharp));
  made.height = Math.max(1, Math.round(height * sharp));
  made.style.width = `${width}px`;
  made.style.height = `${height}px`;
  const context = made.getContext("2d");
  context.setTransform(sharp, 0, 0, sharp, 0, 0);
  return context;
}

/** The colours of the page around an element: they differ in the dark. */
export function inks(made) {
  const style = getComputedStyle(made);
  const ink = (name, otherwise) => style.getPropertyValue(name).trim() || otherwise;
  return {
    text: ink("--text", "#1b1f24"),
    faint: ink("--faint", "#5a6472"),
    line: ink("--line", "#d5dae1"),
    paper: ink("--paper", "#ffffff"),
    shade: ink("--shade", "#f4f6f8"),
  };
}

export const MONO = "13px ui-monospace, 'DejaVu Sans Mono', monospace";
export const SANS = "13px system-ui, sans-serif";

/** Hand a file to the reader. */
export function download(name, blob) {
  const address = URL.createObjectURL(blob);
  const link = element("a", { href: address, download: name });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(address), 10000);
}

/** A name for files, of what letters and digits a title has. */
export function fileName(title, ending) {
  const plain = title.normalize("NFKD").replace(/[^\p{L}\p{N}]+/gu, "-").replace(/^-+|-+$/g, "");
  return `${plain.slice(0, 60) || "attention"}.${ending}`;
}
