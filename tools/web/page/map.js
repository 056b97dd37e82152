// The map of paths: this node's links at the left, the peer's endpoints at the right, and a line for each path.

const ROW = 52; // pixels from one box to the next
const BOX = 38;
const MAX_ROWS = 40;

// Of a path what its line looks like.
function wayOf(path) {
  if (path.state === "lost") return "lost";
  if (path.state !== "active") return "idle";
  if (path.suspect || path.loss >= 0.05) return "worn";
  return path.carries ? "carries" : "idle";
}

// Thicker where more goes: a step for each factor of ten beyond 10 kbit/s.
function widthOf(path) {
  const bits = (last(path.series.out) || 0) + (last(path.series.in) || 0);
  return 1.5 + Math.min(Math.max(Math.log10(bits / 1e4), 0), 5) * 0.9;
}

function box(svg, x, y, width, title, below) {
  draw("rect", { x, y, width, height: BOX, rx: 8 }, svg);
  const room = Math.floor((width - 16) / 6.6);
  const cut = (text) => (text.length > room ? `${text.slice(0, room - 1)}…` : text);
  draw("text", { x: x + 8, y: y + (below ? 16 : 24) }, svg).textContent = cut(title);
  if (below) draw("text", { x: x + 8, y: y + 30, class: "small" }, svg).textContent = cut(below);
}

// Of an endpoint its address, and its port where another one has the same address.
function nameOf(endpoint, ends) {
  const address = endpoint.replace(/:\d+$/, "");
  return ends.filter((end) => end.replace(/:\d+$/, "") === address).length > 1 ? endpoint : address;
}

function drawMap(svg, view, peer) {
  const paths = view.paths.filter((path) => path.peer === peer);
  const links = view.links.map((link) => link.name).slice(0, MAX_ROWS);
  const ends = [...new Set(paths.map((path) => path.endpoint))].slice(0, MAX_ROWS);
  const width = Math.max(svg.clientWidth || 320, 280);
  const rows = Math.max(links.length, ends.length, 1);
  const height = rows * ROW + 14;
  const side = Math.min(Math.max(width * 0.3, 104), 210);
  const middle = (index, of) => (height - of * ROW) / 2 + index * ROW + ROW / 2;
  svg.replaceChildren();
  svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
  svg.setAttribute("height", height);
  for (const path of paths) {
    const from = links.indexOf(path.link);
    const to = ends.indexOf(path.endpoint);
    if (from < 0 || to < 0) continue;
    const x1 = 12 + side;
    const x2 = width - 12 - side;
    const bend = (x2 - x1) * 0.45;
    const y1 = middle(from, links.length);
    const y2 = middle(to, ends.length);
    const way = draw("path", { class: `way ${wayOf(path)}`, d: `M${x1} ${y1}C${x1 + bend} ${y1} ${x2 - bend} ${y2} ${x2} ${y2}` }, svg);
    way.style.strokeWidth = `${widthOf(path).toFixed(1)}px`;
    draw("title", {}, way).textContent = `${path.link} to ${path.endpoint}: ${path.state}, ${delay(path.rtt_ms)}, ${percent(path.loss)} lost`;
  }
  links.forEach((name, i) => {
    const link = view.links[i];
    box(svg, 12, middle(i, links.length) - BOX / 2, side, name, link.state === "up" ? rate(last(link.series.out)) : link.state);
  });
  ends.forEach((endpoint, i) => {
    const arriving = paths.filter((path) => path.endpoint === endpoint && path.state === "active").length;
    box(svg, width - 12 - side, middle(i, ends.length) - BOX / 2, side, nameOf(endpoint, ends), `${arriving} of ${links.length} links`);
  });
  const active = paths.filter((path) => path.state === "active").length;
  svg.setAttribute("aria-label", `${links.length} links here and ${ends.length} addresses of ${peer}: ${active} of ${paths.length} paths are active. The table of paths says it in words.`);
}
