// Filters above the living matrix. Without this file every row stands as it is.
document.addEventListener("DOMContentLoaded", function () {
  var rows = Array.from(document.querySelectorAll("table.matrix tbody tr"));
  var place = document.querySelector(".matrix-filters");
  if (!rows.length || !place) return;
  var fields = {task: "Task", layer: "Last layer", labels: "Labels", loss: "Loss", verdict: "Verdict"};
  var wanted = new URLSearchParams(location.search);
  var choices = {};

  function values(row, name) {
    return name === "task" ? [row.closest("table").dataset.task] : row.dataset[name].split("|");
  }

  function fits(row, but) {
    return Object.keys(fields).every(function (name) {
      var chosen = choices[name].value;
      return name === but || !chosen || values(row, name).includes(chosen);
    });
  }

  Object.keys(fields).forEach(function (name) {
    var label = document.createElement("label");
    choices[name] = document.createElement("select");
    label.append(fields[name] + " ", choices[name]);
    place.append(label);
    choices[name].add(new Option("any", ""));
    new Set(rows.flatMap(function (row) { return values(row, name); })).forEach(function (value) {
      choices[name].add(new Option(value, value));
    });
    if (wanted.has(name)) choices[name].value = wanted.get(name);
    choices[name].addEventListener("change", show);
  });
  var clear = document.createElement("button");
  clear.type = "button";
  clear.textContent = "Clear";
  clear.addEventListener("click", function () {
    Object.values(choices).forEach(function (choice) { choice.value = ""; });
    show();
  });
  var count = document.createElement("output");
  count.setAttribute("aria-live", "polite");
  place.append(clear, count);
  place.hidden = false;

  function show() {
    var shown = rows.filter(function (row) { return !(row.hidden = !fits(row)); });
    count.textContent = shown.length + " of " + rows.length + " rows";
    Object.keys(fields).forEach(function (name) {  // what would leave no row cannot be chosen
      var left = new Set(rows.filter(function (row) { return fits(row, name); })
        .flatMap(function (row) { return values(row, name); }));
      Array.from(choices[name].options).forEach(function (option) {
        option.disabled = option.value !== "" && !left.has(option.value);
      });
    });
    document.querySelectorAll("table.matrix").forEach(function (table) {
      table.closest("section").hidden = !table.querySelector("tbody tr:not([hidden])");
    });
    mark();
  }

  function mark() {  // the row of an address is seen, whatever is filtered
    rows.forEach(function (row) { row.classList.remove("found"); });
    var target = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
    var row = target && target.closest("table.matrix tr");
    if (!row) return;
    row.hidden = false;
    row.closest("section").hidden = false;
    row.classList.add("found");
  }

  window.addEventListener("hashchange", function () {
    mark();
    var row = document.querySelector("tr.found");
    if (row) row.scrollIntoView({block: "center"});
  });
  show();
  if (document.querySelector("tr.found")) document.querySelector("tr.found").scrollIntoView({block: "center"});
});
