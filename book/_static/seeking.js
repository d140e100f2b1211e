/* Search: what seeking.py wrote about every page, ranked by MiniSearch. Chapters come before names. */
(function () {
  "use strict";
  const MOST = 30;
  const box = document.getElementById("seeking-words");
  const list = document.getElementById("search-results");
  const count = document.getElementById("search-count");
  const idle = new Set(["a", "an", "and", "are", "at", "be", "by", "do", "does", "for", "from", "how", "i", "in", "is",
    "it", "its", "my", "of", "on", "or", "the", "to", "use", "what", "when", "which", "why", "with", "should"]);

  /* MeanSquaredError, mean_squared_error and mean squared error are the same three words. */
  function words(text) {
    return text.replace(/([a-z0-9])([A-Z])/g, "$1 $2").toLowerCase().match(/[\p{L}\p{N}]+(\.\p{N}+)?/gu) || [];
  }
  function bare(word) {
    if (idle.has(word)) return null;
    if (/\d/.test(word) || word.length < 4) return word;
    return word.replace(/(?<=...)(?:ies|y)$/, "i").replace(/(?<=...[^s])s$/, "").replace(/(?<=....)(?:ing|ed|e)$/, "");
  }
  const engine = new MiniSearch({
    fields: ["title", "aliases", "headings", "text"],
    storeFields: ["title", "address", "about", "kind", "headings"],
    tokenize: words,
    processTerm: bare,
  });
  engine.addAll(window.lossbookPages);

  function found(query) {
    const asked = [...new Set(words(query).map(bare).filter(Boolean))];
    const options = {
      boost: { title: 4, aliases: 5, headings: 2, text: 1 },
      prefix: (term) => term.length > 3,
      fuzzy: (term) => (term.length > 5 && !/\d/.test(term) ? 0.18 : false),
      weights: { fuzzy: 0.3, prefix: 0.5 },
      boostDocument: (id, term, stored) => window.lossbookKinds[stored.kind] || 1,
    };
    // More of the words count for more: a page that has them all stands before one that repeats a few.
    const hits = engine
      .search(query, options)
      .map((hit) => ({ ...hit, score: hit.score * (new Set(hit.queryTerms).size / Math.max(1, asked.length)) ** 2 }))
      .sort((one, other) => other.score - one.score);
    return hits.filter((hit) => hit.score > hits[0].score / 25).slice(0, MOST);
  }

  function show() {
    const query = box.value.trim();
    list.textContent = "";
    if (!query) return (count.textContent = "");
    const hits = found(query);
    count.textContent = hits.length ? `${hits.length} found` : `Nothing found for “${query}”. Try fewer words.`;
    for (const hit of hits) {
      const item = list.appendChild(document.createElement("li"));
      const link = item.appendChild(document.createElement("a"));
      link.href = hit.address;
      link.textContent = hit.title;
      const about = item.appendChild(document.createElement("p"));
      about.textContent = hit.about;
    }
    list.dataset.query = query;
  }
  window.lossbookSearch = found; // for the tests

  box.value = new URLSearchParams(location.search).get("q") || "";
  box.addEventListener("input", show);
  box.form.addEventListener("submit", function (event) {
    event.preventDefault();
    history.replaceState(null, "", `?q=${encodeURIComponent(box.value)}`);
    show();
  });
  show();
})();
