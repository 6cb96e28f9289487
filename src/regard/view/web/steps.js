// The slider over the queries: the steps of a decoder, the words of a caption.
import { element } from "./dom.js";

/** The slider in its label, and how it is moved. */
export function steps(ctx) {
  const slider = element("input", {
    type: "range",
    min: 0,
    max: ctx.weights.queries - 1,
    ariaLabel: "step",
    on: { input: () => ctx.set({ query: Number(slider.value) }) },
  });
  return { label: element("label", {}, "Step ", slider), move: (query) => (slider.value = query) };
}

/** A query that is so many further on, or the first or the last. */
export function further(ctx, many) {
  return Math.min(Math.max(ctx.state.query + many, 0), ctx.weights.queries - 1);
}
