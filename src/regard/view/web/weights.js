// The weights of a payload: all of them, or the largest of each query with their keys.

export const MEAN = -1;
export const MAX = -2;

async function unpacked(text, size) {
  const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  const planes = new Uint8Array(await new Response(stream).arrayBuffer());
  const count = planes.length / size;
  const numbers = size === 2 ? new Uint16Array(count) : new Uint32Array(count);
  for (let place = 0; place < count; place++) {
    let number = 0;
    for (let byte = size - 1; byte >= 0; byte--) number = number * 256 + planes[byte * count + place];
    numbers[place] = number;
  }
  return numbers;
}

export async function weightsOf(payload) {
  const steps = await unpacked(payload.weights, 2);
  const keys = payload.top === null ? null : await unpacked(payload.indices, payload.index_bytes);
  return new Weights(payload, steps, keys);
}

class Weights {
  constructor(payload, steps, keys) {
    [this.layers, this.heads, this.queries, this.keys] = payload.shape;
    this.width = payload.top === null ? this.keys : payload.top;
    this.low = payload.low;
    this.scale = payload.scale;
    this.steps = steps;
    this.places = keys; // null: each key stands at its own place
    this.largest = this.low + this.scale * steps.reduce((most, step) => Math.max(most, step), 0);
    this.peaks = new Map();
  }

  get sparse() {
    return this.places !== null;
  }

  /** Call with key and weight for each weight that is there, of a query; of heads that are combined
   * each key comes once. */
  each(layer, head, query, use) {
    if (head === MEAN || head === MAX) {
      if (this.sparse) {
        for (const [key, weight] of this.#combined(layer, head, query)) use(key, weight);
      } else {
        this.row(layer, head, query).forEach((weight, key) => use(key, weight));
      }
      return;
    }
    const first = ((layer * this.heads + head) * this.queries + query) * this.width;
    for (let place = 0; place < this.width; place++) {
      const key = this.places === null ? place : this.places[first + place];
      if (key < this.keys) use(key, this.low + this.scale * this.steps[first + place]);
    }
  }

  #combined(layer, head, query) {
    const found = new Map();
    for (let one = 0; one < this.heads; one++) {
      this.each(layer, one, query, (key, weight) => {
        const before = found.get(key) ?? 0;
        found.set(key, head === MAX ? Math.max(before, weight) : before + weight / this.heads);
      });
    }
    return found;
  }

  /** All weights of a query, by key; 0 where none is there. */
  row(layer, head, query) {
    const found = new Float32Array(this.keys);
    const heads = head < 0 ? [...Array(this.heads).keys()] : [head];
    if (head === MAX) found.fill(this.sparse ? 0 : -Infinity);
    for (const one of heads) {
      this.each(layer, one, query, (key, weight) => {
        if (head === MAX) found[key] = Math.max(found[key], weight);
        else found[key] += weight / heads.length;
      });
    }
    return found;
  }

  /** All weights of a key, by query. */
  column(layer, head, key) {
    const found = new Float32Array(this.queries);
    for (let query = 0; query < this.queries; query++) found[query] = this.at(layer, head, query, key);
    return found;
  }

  at(layer, head, query, key) {
    if (head >= 0 && !this.sparse) {
      const place = ((layer * this.heads + head) * this.queries + query) * this.width + key;
      return this.low + this.scale * this.steps[place];
    }
    let found = 0;
    if (head >= 0) {
      this.each(layer, head, query, (other, weight) => {
        if (other === key) found = weight;
      });
      return found;
    }
    for (let one = 0; one < this.heads; one++) {
      const weight = this.at(layer, one, query, key);
      if (head === MEAN) found += weight / this.heads;
      else found = one ? Math.max(found, weight) : weight;
    }
    return found;
  }

  /** The largest keys of a query, falling: pairs of key and weight. */
  top(layer, head, query, count) {
    const found = [];
    this.each(layer, head, query, (key, weight) => {
      if (found.length < count || weight > found[found.length - 1][1]) {
        let place = found.length;
        while (place > 0 && found[place - 1][1] < weight) place--;
        found.splice(place, 0, [key, weight]);
        if (found.length > count) found.pop();
      }
    });
    return found;
  }

  /** The largest weight of a layer and head. */
  peak(layer, head) {
    const name = `${layer} ${head}`;
    if (!this.peaks.has(name)) {
      let most = 0;
      for (let query = 0; query < this.queries; query++) {
        this.each(layer, head, query, (_, weight) => (most = Math.max(most, weight)));
      }
      this.peaks.set(name, most);
    }
    return this.peaks.get(name);
  }

  /** Of a head: mean entropy of its rows (nats), mean share of the top key, and how many of its
   * weights are in each of `bins` tenth powers below 1 (the last: all that is smaller). */
  summary(layer, head, bins) {
    const counts = new Array(bins).fill(0);
    let [entropy, share, rows] = [0, 0, 0];
    for (let query = 0; query < this.queries; query++) {
      let [sum, most, spread] = [0, 0, 0];
      this.each(layer, head, query, (_, weight) => {
        const nats = weight > 0 ? -weight * Math.log(weight) : 0;
        sum += weight;
        spread += nats;
        most = Math.max(most, weight);
        const bin = weight > 0 ? Math.floor(-2 * Math.log10(Math.min(weight, 1))) : bins - 1;
        counts[Math.min(bin, bins - 1)] += 1;
      });
      if (sum > 0) {
        entropy += spread / sum + Math.log(sum);
        share += most / sum;
        rows += 1;
      }
    }
    return { counts, entropy: entropy / Math.max(rows, 1), share: share / Math.max(rows, 1) };
  }
}
