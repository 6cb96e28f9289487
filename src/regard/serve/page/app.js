// The page of `regard serve`: asks a run, and shows its answer and what it attended to.
// Whatever a run or a person says is set as text, and never as markup.
import { mount } from "/regard.js";

const at = (id) => document.getElementById(id);

// A token comes behind #, which no server sees and no log keeps.
const given = new URLSearchParams(location.hash.slice(1)).get("token");
if (given !== null) {
  sessionStorage.setItem("token", given);
  history.replaceState(null, "", location.pathname);
}
const token = sessionStorage.getItem("token");

let run; // the run that is asked, as /api/runs tells of it
const inputs = new Map(); // of each field: gives its value, or null
const settings = new Map(); // of each option: gives its value, or undefined where it is not set
let under; // the request that is under way

function made(tag, properties = {}, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}

function say(text, wrong = false) {
  at("status").textContent = text;
  at("status").classList.toggle("wrong", wrong);
}

async function call(path, options = {}) {
  const headers = { ...options.headers };
  if (token) headers.Authorization = `Bearer ${token}`;
  let response;
  try {
    response = await fetch(path, { ...options, headers, cache: "no-store" });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Error("The server cannot be reached.");
  }
  const content = await response.json().catch(() => null);
  if (response.ok && content !== null) return content;
  if (response.status === 401) {
    throw new Error("This server wants a token: open the page with #token=TOKEN behind its address.");
  }
  const again = response.headers.get("Retry-After");
  const hint = again ? ` Come again in ${again} s.` : "";
  throw new Error(`${content?.error ?? `The server answered ${response.status}`}.${hint}`);
}

function textField(name, about) {
  const area = made("textarea", { name, id: `field-${name}`, spellcheck: false, rows: 3 });
  inputs.set(name, () => area.value);
  return made("label", {}, `${about[0].toUpperCase()}${about.slice(1)}`, area);
}

function imageField(name, about) {
  const file = made("input", { type: "file", accept: "image/*", id: `field-${name}` });
  const shown = made("img", { alt: "the image that is asked about", hidden: true });
  const zone = made("div", { className: "drop" },
    made("label", {}, `${about[0].toUpperCase()}${about.slice(1)}: drop it here, paste it, or choose a file `, file),
    shown);
  let content = null;
  const take = async (chosen) => {
    if (!chosen) return;
    content = await new Promise((done, failed) => {
      const reader = new FileReader();
      reader.onload = () => done(reader.result);
      reader.onerror = () => failed(new Error("The file cannot be read."));
      reader.readAsDataURL(chosen);
    }).catch((error) => { say(error.message, true); return null; });
    URL.revokeObjectURL(shown.src);
    shown.src = URL.createObjectURL(chosen);
    shown.hidden = content === null;
    zone.dataset.ready = String(content !== null);
  };
  file.addEventListener("change", () => take(file.files[0]));
  zone.addEventListener("dragover", (event) => { event.preventDefault(); zone.classList.add("over"); });
  zone.addEventListener("dragleave", () => zone.classList.remove("over"));
  zone.addEventListener("drop", (event) => {
    event.preventDefault();
    zone.classList.remove("over");
    take(event.dataTransfer.files[0]);
  });
  document.onpaste = (event) => take(event.clipboardData?.files[0]);
  inputs.set(name, () => content);
  return zone;
}

function optionField(name, schema) {
  const kinds = [schema.type].flat();
  const about = made("small", { textContent: schema.description ?? "" });
  if (kinds.includes("boolean")) {
    const box = made("input", { type: "checkbox", checked: schema.default });
    settings.set(name, () => (box.checked === schema.default ? undefined : box.checked));
    return made("label", {}, box, ` ${name}`, about);
  }
  const number = made("input", {
    type: "number",
    step: kinds.includes("integer") ? "1" : "any",
    max: String(schema.maximum),
    placeholder: schema.default === null ? "not set" : String(schema.default),
  });
  settings.set(name, () => (number.value === "" ? undefined : number.valueAsNumber));
  return made("label", {}, `${name} `, number, about);
}

function choose(chosen) {
  under?.abort();
  run = chosen;
  inputs.clear();
  settings.clear();
  document.onpaste = null;
  at("about").textContent = `${run.name} — ${run.about}`;
  at("fields").replaceChildren(...Object.entries(run.fields).map(([name, about]) =>
    (name === "image" ? imageField : textField)(name, about)));
  const options = Object.entries(run.options).map(([name, schema]) => optionField(name, schema));
  at("options").replaceChildren(...options);
  at("more").hidden = options.length === 0;
  at("found").hidden = true;
  say("");
}

function asked() {
  const content = { run: run.name, options: {} };
  for (const [name, value] of inputs) {
    if (value() !== null) content[name] = value();
    else if (!run.optional.includes(name)) throw new Error("Choose an image first.");
  }
  for (const [name, value] of settings) {
    if (value() !== undefined) content.options[name] = value();
  }
  return JSON.stringify(content);
}

async function answer() {
  under?.abort();
  const own = (under = new AbortController());
  try {
    const body = asked();
    say("…");
    at("found").setAttribute("aria-busy", "true");
    const headers = { "Content-Type": "application/json" };
    const found = await call("/api/predict", { method: "POST", headers, body, signal: own.signal });
    say("");
    at("line").textContent = found.line;
    const places = found.panels.map(() => made("figure"));
    at("panels").replaceChildren(...places);
    at("found").hidden = false;
    await Promise.all(found.panels.map((panel, n) => mount(places[n], panel, { foot: n === 0 })));
  } catch (error) {
    if (own.signal.aborted) return; // another question has taken its place
    at("found").hidden = true;
    say(error.message, true);
  } finally {
    if (under === own) at("found").removeAttribute("aria-busy");
  }
}

at("ask").addEventListener("submit", (event) => { event.preventDefault(); answer(); });
at("ask").addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
    event.preventDefault();
    answer();
  }
});
at("api").addEventListener("click", async (event) => {
  if (!token) return; // a link cannot carry one
  event.preventDefault();
  const text = JSON.stringify(await call("/openapi.json"), null, 1);
  const link = URL.createObjectURL(new Blob([text], { type: "application/json" }));
  made("a", { href: link, download: "openapi.json" }).click();
  URL.revokeObjectURL(link);
});

try {
  const runs = await call("/api/runs");
  at("run").append(...runs.map((each) => made("option", { value: each.name, textContent: each.name })));
  at("runs").hidden = runs.length < 2;
  at("run").addEventListener("change", () => choose(runs.find((each) => each.name === at("run").value)));
  choose(runs[0]);
  at("answer").disabled = false;
} catch (error) {
  say(error.message, true);
}
