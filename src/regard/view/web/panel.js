// A panel: the views of one payload as tabs, what they share, and what a reader takes along.
import { alignment } from "./alignment.js";
import { GRADIENT } from "./colors.js";
import { clip, element, percent, word } from "./dom.js";
import { csv, png } from "./exports.js";
import { heads } from "./heads.js";
import { histogram } from "./histogram.js";
import { image } from "./image.js";
import { lines } from "./lines.js";
import { text } from "./text.js";
import { MAX, MEAN, weightsOf } from "./weights.js";

const VIEWS = [
  ["alignment", "Alignment", alignment, () => true],
  ["lines", "Lines", lines, () => true],
  ["heads", "Heads", heads, ({ shape }) => shape[0] * shape[1] > 1],
  ["text", "Text", text, ({ images }) => !images],
  ["image", "Image", image, ({ images }) => Boolean(images)],
  ["histogram", "Histogram", histogram, () => true],
];

const FOOT = [
  "Attention is not by itself an explanation: see ",
  ["Jain and Wallace 2019", "https://arxiv.org/abs/1902.10186"],
  " and ",
  ["Serrano and Smith 2019", "https://arxiv.org/abs/1906.03731"],
  " against, ",
  ["Wiegreffe and Pinter 2019", "https://arxiv.org/abs/1908.04626"],
  " for, ",
  ["Bibal et al. 2022", "https://aclanthology.org/2022.acl-long.269"],
  " on the debate.",
];

let panels = 0;

/** Fill an element with the interactive panel of a payload; `foot`: whether it says what attention
 * is not, once a page. */
export async function mount(root, payload, { foot = true } = {}) {
  root.classList.add("regard");
  try {
    const weights = await weightsOf(payload);
    new Panel(root, payload, weights).begin(foot);
  } catch (error) {
    root.replaceChildren(element("p", { className: "error", textContent: `This cannot be shown: ${error.message}` }));
    throw error;
  }
}

class Panel {
  constructor(root, payload, weights) {
    Object.assign(this, { root, payload, weights, number: ++panels, made: new Map() });
    this.combined = weights.heads > 1 ? MEAN : 0;
    this.state = {
      layer: payload.layer,
      head: this.combined,
      query: 0,
      key: null,
      relative: weights.largest > 0,
      pinned: false,
    };
    this.views = VIEWS.filter(([, , , fits]) => fits(payload));
    this.view = this.views.some(([name]) => name === payload.view) ? payload.view : "alignment";
  }

  begin(foot) {
    const { payload, weights } = this;
    this.body = element("div", { className: "view", role: "tabpanel" });
    this.live = element("div", { className: "unseen", ariaLive: "polite" });
    this.bubble = element("div", { className: "tip", role: "tooltip", hidden: true, dir: "auto" });
    this.back = element("button", {
      type: "button",
      textContent: "← all heads",
      hidden: true,
      on: { click: () => this.open("heads", {}) },
    });
    this.legend = element("span", { className: "legend" }, "0", element("i"), (this.most = element("span")));
    this.legend.querySelector("i").style.background = GRADIENT;
    const tabs = this.views.map(([name, title]) =>
      element("button", {
        type: "button",
        role: "tab",
        id: `regard-${this.number}-${name}`,
        textContent: title,
        on: { click: () => this.open(name, {}), keydown: (event) => this.#turn(event) },
      }),
    );
    this.tabs = tabs;
    this.layer = this.#picker("Layer", payload.layers.map((name, at) => [at, name]), "layer");
    this.head = this.#picker("Head", [
      [MEAN, "mean"], [MAX, "max"], ...payload.heads.map((name, at) => [at, name]),
    ], "head");
    const relative = element("input", {
      type: "checkbox",
      checked: this.state.relative,
      on: { change: () => this.set({ relative: relative.checked }) },
    });
    const save = (textContent, title, click) =>
      element("button", { type: "button", textContent, title, on: { click } });
    this.root.replaceChildren(
      ...(payload.title ? [element("h3", { textContent: payload.title, dir: "auto" })] : []),
      element(
        "div",
        { className: "bar-of-tools" },
        element("div", { className: "tabs", role: "tablist", ariaLabel: "views" }, ...tabs),
        this.back,
        ...(weights.layers > 1 ? [this.layer] : []),
        ...(weights.heads > 1 ? [this.head] : []),
        element("label", { title: "colours from 0 to the largest weight, instead of from 0 to 1" }, relative, " 0 … max"),
        this.legend,
        element(
          "span",
          { className: "buttons" },
          save("PNG", "save the view as a picture", () => this.#png()),
          save("CSV", "save the weights that are shown as a table", () => csv(this, false)),
          ...(weights.layers * weights.heads > 1
            ? [save("CSV of all", "save the weights of all layers and heads", () => csv(this, true))]
            : []),
          save("◐", "light or dark", themed),
        ),
      ),
      ...(payload.about ? [element("p", { className: "about", textContent: payload.about })] : []),
      ...payload.notes.map((note) => element("p", { className: "note", textContent: note })),
      this.body,
      ...(foot ? [element("p", { className: "foot" }, ...FOOT.map((part) =>
        typeof part === "string" ? part : element("a", { href: part[1], textContent: part[0], rel: "noreferrer" })))] : []),
      this.live,
      this.bubble,
    );
    this.root.addEventListener("keydown", (event) => {
      if (event.key === "Escape" && !this.back.hidden) this.open("heads", {});
    });
    new ResizeObserver(() => this.#resized()).observe(this.body);
    addEventListener("regard-theme", () => this.redraw());
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.redraw());
    this.open(this.view, {});
  }

  #picker(name, options, part) {
    const select = element(
      "select",
      { ariaLabel: name.toLowerCase(), on: { change: () => this.set({ [part]: Number(select.value) }) } },
      ...options.map(([value, textContent]) => element("option", { value, textContent })),
    );
    return element("label", {}, `${name} `, select);
  }

  /** Show a view, with changes of what is chosen. */
  open(name, { from = null, ...changes }) {
    this.made.get(this.view)?.stop?.();
    this.view = name;
    Object.assign(this.state, changes);
    if (!this.made.has(name)) {
      this.made.set(name, this.views.find(([one]) => one === name)[2](this));
    }
    this.tabs.forEach((tab) => {
      const mine = tab.id.endsWith(`-${name}`);
      tab.ariaSelected = String(mine);
      tab.tabIndex = mine ? 0 : -1;
      if (mine) this.body.setAttribute("aria-labelledby", tab.id);
    });
    this.back.hidden = from !== "heads";
    this.body.replaceChildren(this.made.get(name).node);
    this.untip();
    this.redraw();
    if (from === "heads") this.body.querySelector(".plot")?.focus();
  }

  /** Change what is chosen; `told` is read out. */
  set(changes, told = "") {
    Object.assign(this.state, changes);
    this.redraw();
    if (told) this.say(told);
  }

  redraw() {
    if (!this.root.isConnected) return;
    const [layer, head] = [this.layer.querySelector("select"), this.head.querySelector("select")];
    [layer.value, head.value] = [this.state.layer, this.state.head];
    this.head.hidden = ["heads", "lines", "histogram"].includes(this.view);
    this.layer.hidden = this.view === "heads";
    this.legend.hidden = !["alignment", "heads"].includes(this.view);
    const peak = this.view === "heads" ? "each one’s largest" : percent(this.weights.peak(this.state.layer, this.state.head));
    this.most.textContent = this.state.relative ? peak : "100%";
    this.made.get(this.view).draw();
  }

  #resized() {
    const width = this.body.clientWidth;
    if (width && width !== this.width) {
      const first = this.width === undefined;
      this.width = width;
      if (!first) this.redraw();
    }
  }

  #turn(event) {
    const move = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (move === undefined) return;
    const at = this.views.findIndex(([name]) => name === this.view) + move;
    const [name] = this.views[(at + this.views.length) % this.views.length];
    this.open(name, {});
    this.tabs.find((tab) => tab.tabIndex === 0).focus();
    event.preventDefault();
  }

  #png() {
    const [, title] = this.views.find(([name]) => name === this.view);
    png(this, this.made.get(this.view), title);
  }

  /** The share of a weight on the map of colours. */
  share(weight) {
    if (!this.state.relative) return weight;
    return weight / (this.weights.peak(this.state.layer, this.state.head) || 1);
  }

  where() {
    const { layer, head } = this.state;
    const name = { [MEAN]: "mean of the heads", [MAX]: "largest of the heads" }[head];
    const parts = [];
    if (this.weights.layers > 1) parts.push(`layer ${this.payload.layers[layer]}`);
    if (this.weights.heads > 1) parts.push(name ?? `head ${this.payload.heads[head]}`);
    return parts.join(", ") || `${this.weights.queries} × ${this.weights.keys}`;
  }

  sentence(query, key) {
    const { payload, state } = this;
    const weight = this.weights.at(state.layer, state.head, query, key);
    const name = (token) => `‘${clip(word(token, payload.joins), 24)}’`;
    return `${name(payload.target[query])} looks at ${name(payload.source[key])}: ${percent(weight)}`;
  }

  tip(event, sentence) {
    this.bubble.textContent = sentence;
    this.bubble.hidden = false;
    const room = document.documentElement.clientWidth - this.bubble.offsetWidth - 8;
    this.bubble.style.left = `${Math.max(4, Math.min(event.clientX + 14, room))}px`;
    const below = event.clientY + 18 + this.bubble.offsetHeight < innerHeight;
    this.bubble.style.top = `${below ? event.clientY + 18 : event.clientY - this.bubble.offsetHeight - 8}px`;
  }

  untip() {
    this.bubble.hidden = true;
  }

  say(sentence) {
    this.live.textContent = sentence;
  }
}

function themed() {
  const root = document.documentElement;
  const dark = root.dataset.theme
    ? root.dataset.theme === "dark"
    : matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset.theme = dark ? "light" : "dark";
  dispatchEvent(new Event("regard-theme"));
}

/** Fill all figures of a page that hold a payload. */
export function mountAll() {
  const held = [...document.querySelectorAll('figure.regard > script[type="application/json"]')];
  held.forEach((one, at) => {
    mount(one.parentElement, JSON.parse(one.textContent), { foot: at === held.length - 1 });
  });
}

mountAll();
