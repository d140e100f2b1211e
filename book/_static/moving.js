/* Charts with sliders. A page holds the chart as JSON beside a still picture; Vega is loaded when a
   chart comes near, the sliders are plain HTML, and the chart is drawn to the width that there is. */
(function () {
  "use strict";
  const HERE = document.currentScript.src.replace(/moving\.js.*/, "");
  const WIDEST = 560; // of a plot, as lossbook.tools.explore draws it
  const BESIDE = 64; // an axis with its title
  const NIGHT = {
    "#ffffff": "#202225", "#fff": "#202225", "white": "#202225",
    "#33312c": "#dfdcd5", "#6a6357": "#a3a7ae", "#e4dfd5": "#3a3d42", "#a9a294": "#6f7379",
    "#0072b2": "#56b4e9", "#d55e00": "#f39a4a", "#00936a": "#4fc89f", "#a0568f": "#e3a1c6", "#707070": "#a3a7ae",
    "#9cc3e0": "#2f5f80", "#eef3f8": "#2a3138",
  };
  const COLOUR = /("(?:name|signal|field)": ?)?"(#[0-9a-f]{3,6}|white)"/gi; // a signal may have a colour's name
  let vega = null;

  function load() {
    vega = vega || new Promise(function (done, failed) {
      const script = document.createElement("script");
      script.src = HERE + "vega.js";
      script.onload = done;
      script.onerror = failed;
      document.head.append(script);
    });
    return vega;
  }

  function made(tag, className, text) {
    const element = document.createElement(tag);
    element.className = className || "";
    element.textContent = text || "";
    return element;
  }

  /* Fit every plot to a width; plots side by side stand one below the other where they do not fit. */
  function fitted(spec, width) {
    const narrow = width < WIDEST;
    let said = 0;
    (function walk(part) {
      if (narrow && part.hconcat) {
        part.vconcat = part.hconcat.map((plot) => Object.assign(plot, { width: WIDEST }));
        delete part.hconcat;
      }
      if (part.width) part.width = part.width * Math.min(1, width / WIDEST);
      if (part.mark && part.mark.type === "text" && part.mark.fontWeight === "bold") {
        const line = part.height === 14; // on a line of its own: it is set below the plots
        part.name = `${line ? "reading" : "spoken"}_${said++}`;
        if (line) Object.assign(part, { height: 1, mark: { ...part.mark, clip: true } });
      }
      const top = part.encoding && part.encoding.x && part.encoding.x.axis;
      if (narrow && top && top.orient === "top") Object.assign(top, { labelAngle: -35, labelAlign: "left" });
      for (const inner of [...(part.vconcat || []), ...(part.hconcat || []), ...(part.layer || [])]) walk(inner);
    })(spec);
    if (narrow) Object.assign(spec.config.axis, { labelFontSize: 10, titleFontSize: 10 });
    return spec;
  }

  function start(place) {
    const text = place.querySelector("script").textContent;
    const canvas = place.querySelector(".moving-chart-canvas");
    const controls = place.appendChild(made("div", "moving-chart-controls"));
    const reading = made("p", "moving-chart-reading");
    const first = {}, now = {}, show = {};
    let result = null, drawn = "", wait = 0;
    reading.setAttribute("aria-live", "polite");

    const stored = JSON.parse(text);
    const piece = Boolean(stored.marks); // in Vega itself: it fits its own width, and sets its own signals
    if (piece) reading.classList.add("visually-hidden"); // what it reads out stands in the drawing
    const params = (stored.params || stored.signals).filter((param) => param.bind);
    for (const { name, value, bind } of params) {
      const id = `${name}-${document.querySelectorAll(".moving-chart-control").length}`;
      const choice = bind.input !== "range";
      const row = controls.appendChild(made("div", "moving-chart-control"));
      const label = row.appendChild(made("label", "", bind.name.trim()));
      const input = row.appendChild(made(choice ? "select" : "input"));
      const output = choice ? null : row.appendChild(made("output"));
      label.htmlFor = input.id = id;
      if (choice) bind.options.forEach((option, i) => input.add(new Option((bind.labels || bind.options)[i])));
      else Object.assign(input, { type: "range", min: bind.min, max: bind.max, step: bind.step });
      if (output) output.htmlFor = id;
      first[name] = now[name] = value;
      show[name] = function () {
        if (choice) input.selectedIndex = bind.options.indexOf(now[name]);
        else input.value = now[name];
        if (output) output.textContent = now[name];
      };
      show[name]();
      input.addEventListener("input", function () {
        now[name] = choice ? bind.options[input.selectedIndex] : Number(input.value);
        show[name]();
        draw().then(() => move(name));
      });
    }
    const reset = controls.appendChild(made("button", "moving-chart-reset", "Reset"));
    reset.type = "button";
    reset.addEventListener("click", function () {
      Object.assign(now, first);
      Object.values(show).forEach((one) => one());
      drawn = "";
      draw();
    });
    place.insertBefore(reading, controls);

    async function move(name) {
      result.view.signal(name, now[name]);
      await result.view.runAsync();
      clearTimeout(wait);
      wait = setTimeout(say, 150);
    }

    function say() {
      const words = [...canvas.querySelectorAll("[class*=reading_] text, [class*=spoken_] text")].map((one) => one.textContent);
      reading.textContent = words.join("; ").replace(/\s+/g, " ");
    }

    async function draw() {
      await load();
      const dark = document.documentElement.dataset.theme === "dark";
      const width = Math.floor(Math.min(WIDEST, place.clientWidth - BESIDE));
      const wanted = `${dark} ${piece || width}`;
      if (wanted === drawn) return;
      drawn = wanted;
      const coloured = dark
        ? text.replace(COLOUR, (all, name, colour) => (name ? all : `"${NIGHT[colour.toLowerCase()] || colour}"`))
        : text;
      async function embed(width) {
        const spec = piece ? JSON.parse(coloured) : fitted(JSON.parse(coloured), width);
        if (!piece) spec.config.background = "transparent";
        for (const param of spec.params || spec.signals) {
          if (param.name in now) {
            param.value = now[param.name];
            delete param.bind;
          }
        }
        const old = result;
        canvas.textContent = "";
        result = await window.vegaEmbed(canvas, spec, { mode: piece ? "vega" : "vega-lite", renderer: "svg", actions: false });
        if (old) old.finalize();
      }
      let over = 0, inner = width;
      do { // an axis with long names takes more than usual: the plot gives way, and letters stay large
        inner -= Math.ceil(over);
        await embed(inner);
        over = canvas.querySelector("svg").viewBox.baseVal.width - place.clientWidth;
      } while (!piece && over > 0 && inner - over > 100);
      for (const name in piece ? now : {}) {
        result.view.addSignalListener(name, function (_, value) {
          now[name] = value;
          show[name]();
          clearTimeout(wait);
          wait = setTimeout(say, 150);
        });
      }
      canvas.style.minHeight = "";
      say();
      place.dataset.drawn = "yes";
    }

    const again = () => result && draw().catch(console.error);
    new MutationObserver(again).observe(document.documentElement, { attributeFilter: ["data-theme"] });
    let later = 0;
    window.addEventListener("resize", function () {
      clearTimeout(later);
      later = setTimeout(again, 200);
    });
    return () => draw().catch(console.error);
  }

  const rest = window.requestIdleCallback || ((job) => setTimeout(job, 200));
  /* Drawing takes a phone a second of its processor: there the still picture stands until the reader does
     something. It is a light one, so that a dark page is drawn at once. */
  const waits = matchMedia("(hover: none)").matches && document.documentElement.dataset.theme !== "dark";
  const touched = new Promise(function (done) {
    if (!waits) return done();
    for (const kind of ["scroll", "pointerdown", "keydown", "focusin", "input"]) {
      window.addEventListener(kind, done, { capture: true, once: true, passive: true });
    }
  });
  const near = new IntersectionObserver(function (seen) {
    for (const { isIntersecting, target } of seen) {
      if (!isIntersecting) continue;
      near.unobserve(target);
      touched.then(() => rest(drawing.get(target)));
    }
  }, { rootMargin: "400px" });
  const drawing = new Map();
  function begin() {
    for (const place of document.querySelectorAll(".moving-chart")) {
      drawing.set(place, start(place));
      near.observe(place);
    }
  }
  if (document.readyState === "complete") begin();
  else window.addEventListener("load", begin);
})();
