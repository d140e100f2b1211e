/* The page "Try a loss": a form and a cell in front of Python, which runs in a worker (worker.js).

   Python is loaded on the first Run, from this folder. Nothing typed leaves the page, and what an address
   fills in does not run by itself. The build puts two constants above this line: the packed files with
   their sizes, and the worker's source, which a page opened from a folder could not load. */
"use strict";

window.playData = {};  // where the scripts of a page opened from a folder put their files

(() => {
  const FOLDER = new URL(".", document.currentScript.src);
  const $ = (id) => document.getElementById(`play-${id}`);
  const all = (selector) => document.querySelectorAll(selector);
  const make = (tag, parts) => Object.assign(document.createElement(tag), parts);
  const FIELDS = ["y_true", "y_pred", "sample_weight", "mask", "reduction", "number"];
  if (!$("form")) return;
  const { losses } = JSON.parse($("data").textContent);

  // ---------------------------------------------------------------------------------------- Python

  // One function with a `try_table`: what browsers learned last of what the engine needs.
  const TRY_TABLE = [0, 97, 115, 109, 1, 0, 0, 0, 1, 4, 1, 96, 0, 0, 3, 2, 1, 0, 10, 8, 1, 6, 0, 31, 64, 0, 11, 11];
  const able = typeof DecompressionStream === "function" && WebAssembly.validate(new Uint8Array(TRY_TABLE));
  const TOO_OLD = "This browser cannot run Python here: that takes Chrome or Edge 137, Firefox 131, Safari 18.4, or a later one.";

  const MEGA = 1e6, TOTAL = Object.values(PLAY_FILES).reduce((sum, size) => sum + size, 0);
  let worker = null, files = null, settle = null, loaded = 0, status = $("form").querySelector(".play-status");

  const say = (text) => (status.textContent = text);
  function busy(on) {
    all(".play-run").forEach((button) => (button.disabled = on || !able));
    all(".play-stop").forEach((button) => (button.disabled = !(on && worker)));
  }
  function progress(more) {
    loaded += more;
    say(`Loading Python: ${(loaded / MEGA).toFixed(1)} of ${(TOTAL / MEGA).toFixed(1)} MB, once …`);
  }

  async function served(name) {
    const answer = await fetch(new URL(`${name}.gz`, FOLDER));
    if (!answer.ok) throw new Error(`${name}.gz could not be loaded (${answer.status})`);
    const bytes = new Uint8Array(PLAY_FILES[name]);
    let at = 0;
    for (const reader = answer.body.getReader(); ;) {
      const { done, value } = await reader.read();
      if (done) return bytes;
      bytes.set(value, at);
      at += value.length;
      progress(value.length);
    }
  }
  async function fromFolder(name) {
    await new Promise((done, fail) => {
      const script = make("script", { src: new URL(`${name}.js`, FOLDER), onload: done });
      script.onerror = () => fail(new Error(`${name}.js could not be loaded`));
      document.head.append(script);
    });
    const bytes = Uint8Array.from(atob(window.playData[name]), (c) => c.charCodeAt(0));
    delete window.playData[name];
    progress(bytes.length);
    return bytes;
  }

  const ask = (message) => new Promise((done) => { settle = done; worker.postMessage(message); });
  async function start() {  // say whether Python runs
    if (worker) return true;
    if (!files) {
      loaded = 0;
      progress(0);
      const load = location.protocol === "file:" ? fromFolder : served;
      const [engine, library] = await Promise.all(Object.keys(PLAY_FILES).map(load));
      files = { engine, library };
    }
    say("Starting Python …");
    const source = URL.createObjectURL(new Blob([PLAY_WORKER], { type: "text/javascript" }));
    worker = new Worker(source);
    URL.revokeObjectURL(source);
    busy(true);
    worker.onmessage = ({ data }) => settle(data);
    worker.onerror = (event) => settle({ ended: event.message });
    const answer = await ask(files);
    if (answer.ended) throw new Error(answer.ended);
    if (answer.engine) files = answer;  // compiled and unpacked, for the next start
    return !answer.stopped;
  }
  function stop(why) {
    worker?.terminate();
    worker = null;
    settle?.({ stopped: true });
    busy(false);
    say(`${why} The next Run starts Python again; names bound in the cell are forgotten.`);
  }

  async function run(request, form, place) {
    status = form.querySelector(".play-status");
    busy(true);
    place.replaceChildren();
    try {
      if (!(await start())) return;
      say("Running …");
      const answer = await ask(request);
      if (answer.ended) {
        show(place, { error: `Python ended: ${answer.ended}` });
        stop("Python ended.");
      } else if (!answer.stopped) {
        show(place, answer);
        const time = answer.seconds < 1 ? `${(1000 * answer.seconds).toFixed(0)} ms` : `${answer.seconds.toFixed(1)} s`;
        say(`Done in ${time}. Python holds ${answer.megabytes.toFixed(0)} MB of memory.`);
        busy(false);
      }
    } catch (error) {
      show(place, { error: error.message });
      stop("Python did not start.");
    }
  }

  function show(place, { parts = [], printed, text, error, trace, exact }) {
    const folded = (title, inside) => {
      const details = make("details");
      details.append(make("summary", { textContent: title }), make("pre", { textContent: inside, tabIndex: 0 }));
      place.append(details);
    };
    for (const said of [printed, text]) if (said) place.append(make("pre", { textContent: said, tabIndex: 0 }));
    for (const [title, html] of parts) {
      if (title) place.append(make("h3", { textContent: title }));
      const output = make("div", { className: "cell_output" });
      output.append(make("div", { className: "output text_html", innerHTML: html }));  // lossbook's own, escaped there
      output.querySelectorAll(".lossbook").forEach((table) => (table.tabIndex = 0));  // it scrolls where it is wide
      place.append(output);
    }
    if (exact) folded("Every digit, to copy", exact);
    if (error) place.append(make("p", { className: "play-error", textContent: error }));
    if (trace) folded("Where it happened", trace);
  }

  // -------------------------------------------------------------------------------------- the form

  const families = new Map();
  for (const { family, name, title } of losses) {
    if (!families.has(family)) families.set(family, make("optgroup", { label: family }));
    families.get(family).append(new Option(title, name));
  }
  $("loss").append(...families.values());

  const chosen = () => losses.find(({ name }) => name === $("loss").value);
  const settings = () => [...$("settings").querySelectorAll("input")];

  function choose(given = new URLSearchParams()) {  // fill the form: a chapter's numbers, or those of an address
    const loss = chosen();
    for (const field of FIELDS) $(field).value = given.get(field) ?? loss[field] ?? "";
    $("settings").replaceChildren(...Object.entries(loss.settings).map(([name, value]) => {
      const label = make("label");
      label.append(make("code", { textContent: name }), make("input", { name, value: given.get(name) ?? value, autocomplete: "off" }));
      return label;
    }));
    $("labels").textContent = loss.labels;
    $("output").textContent = loss.output;
    $("chapter").href = `losses/${loss.name}.html`;
    $("formula").querySelector(".math").innerHTML = loss.formula; // MathML, made with the page
  }
  function readAddress() {
    const given = new URLSearchParams(location.hash.slice(1));
    if (!losses.some(({ name }) => name === given.get("loss"))) return false;
    $("loss").value = given.get("loss");
    choose(given);
    if (able) say("Filled in from the address. Nothing has run yet.");
    return true;
  }
  function address() {  // what differs from the chapter's numbers
    const loss = chosen(), given = new URLSearchParams({ loss: loss.name });
    for (const field of FIELDS) if ($(field).value !== (loss[field] ?? "")) given.set(field, $(field).value);
    for (const { name, value } of settings()) if (value !== loss.settings[name]) given.set(name, value);
    return `#${given}`;
  }

  $("loss").onchange = () => choose();
  $("form").onsubmit = (event) => {
    event.preventDefault();
    const form = Object.fromEntries(FIELDS.map((field) => [field, $(field).value]));
    form.loss = $("loss").value;
    form.settings = Object.fromEntries(settings().map(({ name, value }) => [name, value]));
    run({ form }, $("form"), $("answer"));
  };
  $("link").onclick = async () => {
    history.replaceState(null, "", address());
    try {
      await navigator.clipboard.writeText(location.href);
      say("The link is copied. It fills the form, and runs nothing.");
    } catch {
      say("The link is in the address bar. It fills the form, and runs nothing.");
    }
  };
  all(".play-stop").forEach((button) => (button.onclick = () => stop("Stopped.")));
  $("cell-form").onsubmit = (event) => {
    event.preventDefault();
    run({ cell: $("cell").value }, $("cell-form"), $("cell-answer"));
  };
  all(".play textarea").forEach((area) => (area.onkeydown = (event) => {
    if (event.key !== "Enter" || !(event.shiftKey || event.ctrlKey)) return;
    event.preventDefault();
    if (!area.form.querySelector(".play-run").disabled) area.form.requestSubmit();
  }));
  window.addEventListener("hashchange", readAddress);
  busy(false);
  if (!readAddress()) choose();
  if (!able) say(TOO_OLD);
})();
