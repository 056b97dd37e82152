"use strict";
// Elements, numbers as people read them, and plots of a minute.

const SVG = "http://www.w3.org/2000/svg";
const SECONDS = 60;

function make(tag, attributes, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes || {})) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

function draw(tag, attributes, parent) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes || {})) element.setAttribute(name, value);
  if (parent) parent.append(element);
  return element;
}

// Only what has changed is written, so that a screen reader says nothing twice, and what was selected stays so.
function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

function mark(element, name, value) {
  if (element.getAttribute(name) !== value) element.setAttribute(name, value);
}

const known = (value) => typeof value === "number";

function rate(bits) {
  if (!known(bits)) return "–";
  for (const unit of ["bit/s", "kbit/s", "Mbit/s", "Gbit/s", "Tbit/s"]) {
    if (bits < 999.5 || unit === "Tbit/s") return `${bits.toFixed(unit === "bit/s" || bits >= 99.95 ? 0 : 1)} ${unit}`;
    bits /= 1000;
  }
  return "–";
}

function size(bytes) {
  for (const unit of ["B", "kB", "MB", "GB", "TB"]) {
    if (bytes < 999.5 || unit === "TB") return `${bytes.toFixed(unit === "B" ? 0 : 1)} ${unit}`;
    bytes /= 1000;
  }
  return "";
}

const delay = (ms) => (known(ms) ? `${ms.toFixed(ms < 99.95 ? 1 : 0)} ms` : "–");
const percent = (share) => (known(share) ? `${(100 * share).toFixed(share < 0.0995 ? 1 : 0)} %` : "–");
const count = (number) => (known(number) ? number.toLocaleString("en") : "–");

function age(seconds) {
  const s = Math.floor(seconds);
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min`;
  if (s < 86400) return `${Math.floor(s / 3600)} h ${Math.floor((s / 60) % 60)} min`;
  return `${Math.floor(s / 86400)} d ${Math.floor((s / 3600) % 24)} h`;
}

const last = (values) => values[values.length - 1];
const most = (values) => values.reduce((highest, value) => (known(value) && value > highest ? value : highest), 0);

// The next of 1, 2 or 5 and zeros, so that a scale does not move all the time.
function round(value) {
  if (!(value > 0)) return 0;
  const zeros = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 5, 10].find((digit) => value <= digit * zeros * 1.000001) * zeros;
}

// The curve of values, with a gap where nothing is known: the outline, and the same closed at the ground.
function curves(values, top, height) {
  let line = "";
  let area = "";
  let begin = -1;
  for (let i = 0; i <= values.length; i++) {
    if (i < values.length && known(values[i])) {
      const y = (height - (top > 0 ? Math.min(values[i] / top, 1) : 0) * height).toFixed(2);
      line += `${begin < 0 ? "M" : "L"}${i} ${y}`;
      area += begin < 0 ? `M${i} ${height}L${i} ${y}` : `L${i} ${y}`;
      if (begin < 0) begin = i;
    } else if (begin >= 0) {
      if (begin === i - 1) line += "h.01"; // a point of its own
      area += `L${i - 1} ${height}Z`;
      begin = -1;
    }
  }
  return { line, area };
}

// A plot that keeps its elements. `kinds`: the class of each curve; the first one is filled.
class Plot {
  constructor(kinds, name) {
    this.element = draw("svg", { class: `plot ${name || ""}`, viewBox: `0 0 ${SECONDS - 1} 20`, preserveAspectRatio: "none", role: "img" });
    draw("line", { class: "ground", x1: 0, x2: SECONDS - 1, y1: 20, y2: 20 }, this.element);
    this.area = draw("path", { class: "area" }, this.element);
    this.lines = kinds.map((kind) => draw("path", { class: `curve ${kind}` }, this.element));
  }

  show(series, top, label) {
    series.forEach((values, i) => {
      const { line, area } = curves(values, top, 20);
      mark(this.lines[i], "d", line);
      if (i === 0) mark(this.area, "d", area);
    });
    this.element.classList.toggle("zero", series.every((values) => most(values) === 0));
    mark(this.element, "aria-label", label);
  }
}

const spoken = (what, values, text) => `${what} of the last minute: now ${text(last(values))}, at most ${text(most(values))}`;
