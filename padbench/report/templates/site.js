"use strict";

const all = (selector, within = document) => Array.from(within.querySelectorAll(selector));

/* Light and dark: the system's choice until the reader makes one. */
function setUpTheme() {
  const button = document.getElementById("theme");
  const remembered = () => { try { return localStorage.getItem("padbench-theme"); } catch { return null; } };
  const isDark = () => (document.documentElement.dataset.theme || (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light")) === "dark";
  const show = () => { button.textContent = isDark() ? "Light colours" : "Dark colours"; };
  if (remembered()) document.documentElement.dataset.theme = remembered();
  button.hidden = false;
  button.addEventListener("click", () => {
    document.documentElement.dataset.theme = isDark() ? "light" : "dark";
    try { localStorage.setItem("padbench-theme", document.documentElement.dataset.theme); } catch { /* not remembered */ }
    show();
  });
  show();
}

/* Tables: a click on a heading sorts, a second one turns the order; rows without a figure stay last. */
function setUpSorting(table) {
  all("thead th", table).forEach((heading, column) => {
    const button = heading.querySelector("button");
    if (!button) return;
    button.addEventListener("click", () => {
      const given = heading.getAttribute("aria-sort");
      const first = heading.dataset.better === "higher" ? "descending" : "ascending";
      const order = given === null ? first : given === "ascending" ? "descending" : "ascending";
      all("thead th", table).forEach((other) => other.removeAttribute("aria-sort"));
      heading.setAttribute("aria-sort", order);
      sortRows(table.tBodies[0], column, order === "ascending" ? 1 : -1);
    });
  });
}

function sortRows(body, column, sign) {
  const key = (row) => row.cells[column].dataset.value ?? row.cells[column].textContent.trim();
  const absent = (row) => row.cells[column].classList.contains("absent");
  const figures = Array.from(body.rows).some((row) => row.cells[column].dataset.value !== undefined);
  const sorted = Array.from(body.rows).sort((a, b) => {
    if (absent(a) !== absent(b)) return absent(a) ? 1 : -1;
    return sign * (figures ? Number(key(a)) - Number(key(b)) : key(a).localeCompare(key(b), undefined, { numeric: true }));
  });
  body.append(...sorted);
}

/* Filters of a data set: words, class, published rows. */
function setUpFilters(form) {
  const scope = document.getElementById(form.dataset.scope);
  const apply = () => {
    const words = form.elements.words.value.toLowerCase().split(/\s+/).filter(Boolean);
    const chosen = form.elements.class ? form.elements.class.value : "";
    const published = form.elements.published ? form.elements.published.checked : true;
    let shown = 0;
    all("tbody tr[data-words]", scope).forEach((row) => {
      const fits = words.every((word) => row.dataset.words.includes(word)) && (!chosen || row.dataset.class === undefined || row.dataset.class === chosen);
      row.hidden = !fits;
      if (fits && (published || !row.closest(".published"))) shown += 1;
    });
    all(".section", scope).forEach((section) => {
      const empty = !section.querySelector("tbody tr:not([hidden])");
      section.hidden = empty || (!published && section.classList.contains("published"));
    });
    all(".board", scope).forEach((board) => { board.hidden = !board.querySelector(".section:not([hidden])"); });
    form.elements.count.value = `${shown} rows`;
  };
  form.hidden = false;
  form.addEventListener("input", apply);
  form.addEventListener("submit", (event) => event.preventDefault());
  apply();
}

/* The gallery: cases by class and kind, worst first as written; a dialog shows one. */
function setUpGallery(gallery) {
  const form = gallery.querySelector("form.filters");
  const cases = all(".cases > li", gallery);
  const dialog = document.getElementById("viewer");
  const viewer = new Viewer(dialog);
  const visible = () => cases.filter((item) => !item.hidden);
  const apply = () => {
    cases.forEach((item) => {
      const fits = (name) => !form.elements[name] || !form.elements[name].value || form.elements[name].value === item.dataset[name];
      item.hidden = !(fits("task") && fits("kind"));
    });
    form.elements.count.value = `${visible().length} queries`;
  };
  form.hidden = false;
  form.addEventListener("input", apply);
  form.addEventListener("submit", (event) => event.preventDefault());
  apply();
  let current = null;
  const open = (item) => { current = item; viewer.show(item.querySelector("button")); };
  const step = (by) => { const list = visible(); open(list[(list.indexOf(current) + by + list.length) % list.length]); };
  cases.forEach((item) => item.querySelector("button").addEventListener("click", () => open(item)));
  dialog.querySelector("[name=previous]").addEventListener("click", () => step(-1));
  dialog.querySelector("[name=next]").addEventListener("click", () => step(1));
  dialog.addEventListener("keydown", (event) => {
    if (event.target.type === "range") return;
    if (event.key === "ArrowLeft") step(-1);
    if (event.key === "ArrowRight") step(1);
    if (event.key === "b") viewer.toggleBlink();
  });
  dialog.addEventListener("close", () => { viewer.stop(); if (current) current.querySelector("button").focus(); });
}

/* One query: a layer above it, revealed from the left by the slider; blinking shows the layer in turns. */
class Viewer {
  constructor(dialog) {
    this.dialog = dialog;
    this.query = dialog.querySelector("img.query");
    this.layer = dialog.querySelector("img.layer");
    this.truth = dialog.querySelector("img.truth");
    this.edge = dialog.querySelector(".edge");
    this.slider = dialog.querySelector("[name=reveal]");
    this.blink = dialog.querySelector("[name=blink]");
    this.outline = dialog.querySelector("[name=outline]");
    this.choices = all("[name=layer]", dialog);
    this.chosen = "map";
    this.timer = null;
    this.choices.forEach((button) => button.addEventListener("click", () => { this.chosen = button.value; this.refresh(); }));
    this.slider.addEventListener("input", () => this.reveal());
    this.blink.addEventListener("click", () => this.toggleBlink());
    this.outline.addEventListener("change", () => this.refresh());
    dialog.querySelector("[name=close]").addEventListener("click", () => dialog.close());
  }

  show(button) {
    this.data = button.dataset;
    this.dialog.querySelector("h2").textContent = this.data.title;
    this.dialog.querySelector(".about").textContent = this.data.facts;
    this.query.src = this.data.query;
    this.query.alt = `query ${this.data.title}`;
    this.refresh();
    if (!this.dialog.open) this.dialog.showModal();
  }

  refresh() {
    const source = this.data[this.chosen];
    this.choices.forEach((button) => {
      button.setAttribute("aria-pressed", String(button.value === this.chosen));
      button.disabled = !this.data[button.value];
    });
    this.layer.hidden = !source;
    if (source) { this.layer.src = source; this.layer.alt = this.chosen === "map" ? "anomaly map" : "normal rendering"; }
    this.truth.hidden = !(this.data.truth && this.outline.checked);
    if (this.data.truth) this.truth.src = this.data.truth;
    this.reveal();
  }

  reveal() {
    const share = Number(this.slider.value);
    this.layer.style.clipPath = `inset(0 ${100 - share}% 0 0)`;
    this.edge.style.left = `${share}%`;
    this.edge.hidden = this.layer.hidden || share === 0 || share === 100;
  }

  toggleBlink() {
    if (this.timer) { this.stop(); return; }
    this.blink.setAttribute("aria-pressed", "true");
    this.layer.style.clipPath = "none";
    this.edge.hidden = true;
    this.timer = setInterval(() => { this.layer.style.visibility = this.layer.style.visibility === "hidden" ? "" : "hidden"; }, 600);
  }

  stop() {
    clearInterval(this.timer);
    this.timer = null;
    this.layer.style.visibility = "";
    this.reveal();
    this.blink.setAttribute("aria-pressed", "false");
  }
}

setUpTheme();
all("table.sortable").forEach(setUpSorting);
all("form.filters[data-scope]").forEach(setUpFilters);
all(".gallery").forEach(setUpGallery);
