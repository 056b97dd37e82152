// The page itself: it listens to events, keeps a minute of each series, and shows them.

const $ = (id) => document.getElementById(id);
const LISTS = ["links", "paths", "tunnels"];
const keys = {
  links: (link) => link.name,
  paths: (path) => `${path.peer}\n${path.link}\n${path.endpoint}`,
  tunnels: (tunnel) => tunnel.name,
};
let session = { token: false, signed_in: true, changes: false };
let view = null; // as it is shown
let newest = null; // as it came, where the page is paused
let paused = false;
let source = null; // of the stream that is followed: what ends it
let token = stored("token", () => sessionStorage);

// What a browser keeps: here for this tab, or for this place. It may keep nothing.
function stored(name, where) {
  try { return where().getItem(name) || ""; } catch { return ""; }
}

function keep(name, where, value) {
  try { where().setItem(name, value); } catch { /* then it is typed again */ }
}

function know(text) {
  token = text;
  keep("token", () => sessionStorage, text);
}

const known_by = () => (token ? { Authorization: `Bearer ${token}` } : {});

// --- What comes ---

// Puts the seconds since the last view behind those that are there.
function grow(before, now) {
  return (before || new Array(SECONDS).fill(null)).concat(now).slice(-SECONDS);
}

function growAll(before, now) {
  return Object.fromEntries(Object.entries(now.series).map(([name, values]) => [name, grow(before && before.series[name], values)]));
}

function take(step) {
  const before = newest && newest.node ? newest : { links: [], paths: [], tunnels: [] };
  for (const list of step.node ? LISTS : []) {
    const old = new Map(before[list].map((item) => [keys[list](item), item]));
    for (const item of step[list]) item.series = growAll(old.get(keys[list](item)), item);
  }
  newest = step;
}

// Events as a stream of the server's (text/event-stream). They are not read by EventSource, which says no token.
function hear(event) {
  const name = /^event: (.*)$/m.exec(event);
  const data = /^data: (.*)$/m.exec(event);
  if (!name || !data) return;
  const now = JSON.parse(data[1]);
  if (name[1] === "view") newest = now;
  else if (now.seconds > 0) take(now);
  show();
}

async function follow(signal) {
  const answer = await fetch("/api/events", { headers: known_by(), cache: "no-store", signal });
  if (!answer.ok) return;
  live("live");
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    const events = (text + part.value).split("\n\n");
    text = events.pop();
    events.forEach(hear);
  }
}

async function listen() {
  if (source) source.abort();
  const mine = new AbortController();
  source = mine;
  await follow(mine.signal).catch(() => {});
  if (source !== mine) return;
  live("gone");
  setTimeout(() => source === mine && begin(), 2000);
}

function live(is) {
  mark($("live"), "data-is", paused && is === "live" ? "paused" : is);
  say($("live"), is === "gone" ? "no connection" : paused ? "paused" : "live");
}

// --- Lists that keep their elements, and so the focus within them ---

function list(parent, items, key, create, update) {
  const there = new Map([...parent.children].map((child) => [child.key, child]));
  let next = parent.firstElementChild;
  for (const item of items) {
    let element = there.get(key(item));
    if (element) {
      there.delete(element.key);
    } else {
      element = create(item);
      element.key = key(item);
    }
    update(element, item);
    if (element === next) next = next.nextElementSibling;
    else parent.insertBefore(element, next);
  }
  for (const element of there.values()) element.remove();
}

// --- What is shown ---

const SIGNS = { good: "✓", worn: "!", bad: "×" };

function showAnswer() {
  mark($("answer"), "data-health", view.health);
  say(document.querySelector(".sign"), SIGNS[view.health] || "?");
  say($("answer-text"), view.answer);
  say($("answer-reason"), view.reason);
  document.title = `${view.health === "good" ? "" : `${SIGNS[view.health]} `}WARP: ${view.answer}`;
  $("bad").hidden = view.troubles.length === 0;
  list($("troubles"), view.troubles, (trouble) => trouble.what.replace(/[\d.]+%/, ""), () => {
    const item = make("li", { class: "card" });
    item.what = make("span");
    item.since = make("span", { class: "since" });
    item.why = make("p", { class: "quiet" });
    item.advice = make("p", { class: "advice" });
    item.append(make("h3", {}, item.what, " ", item.since), item.why, item.advice);
    return item;
  }, (item, trouble) => {
    mark(item, "data-health", trouble.health);
    say(item.what, trouble.what);
    say(item.since, known(trouble.since_s) ? `for ${age(trouble.since_s)}` : "");
    say(item.why, trouble.why);
    if (item.said !== trouble.advice) {
      item.said = trouble.advice;
      // What is to be typed stands between backquotes.
      item.advice.replaceChildren(...trouble.advice.split("`").map((part, i) => (i % 2 ? make("code", {}, part) : part)));
    }
  });
}

function linkHealth(link) {
  if (link.state !== "up") return ["bad", link.state || "unknown"];
  const trouble = view.troubles.find((one) => one.link === link.name);
  if (trouble) return ["worn", link.carries ? "up, but look" : "carries nothing"];
  return link.carries ? ["good", "carries"] : ["", "up, idle"];
}

function figure(parent, name, kinds, style) {
  const value = make("span", { class: "value" });
  const plot = new Plot(kinds, style);
  parent.append(make("div", {}, make("dt", {}, name, value), make("dd", {}, plot.element)));
  return { value, plot };
}

function createLink(link) {
  const card = make("article", { class: "card link", "aria-label": `Link ${link.name}` });
  card.chip = make("span", { class: "chip" });
  card.what = make("p", { class: "what quiet" });
  const figures = make("dl", { class: "figures" });
  card.rate = figure(figures, "Rate", ["out", "in"]);
  card.delay = figure(figures, "Delay", [""], "delay");
  card.loss = figure(figures, "Loss", [""], "loss");
  card.worth = make("p", { class: "what" });
  card.bottom = make("div", { class: "bottom" });
  card.use = make("span", { class: "what quiet" });
  card.button = make("button", { type: "button" });
  card.bottom.append(card.use, card.button);
  card.append(make("div", { class: "top" }, make("h3", {}, link.name), card.chip), card.what, figures, card.worth, card.bottom);
  card.button.addEventListener("click", () => changeLink(card.link));
  return card;
}

function updateLink(card, link) {
  card.link = link;
  const [is, word] = linkHealth(link);
  mark(card.chip, "data-is", is);
  say(card.chip, word);
  const cap = link.cap ? `, ${size(link.cap.used)} of ${size(link.cap.bytes)}` : "";
  say(card.what, `${link.device || "no device"}${link.driver ? `, ${link.driver}` : ""}${link.tier > 1 ? `, tier ${link.tier}` : ""}${cap}`);
  const { out, in: received, rtt, loss } = link.series;
  say(card.rate.value, `▲ ${rate(last(out))}  ▼ ${rate(last(received))}`);
  card.rate.plot.show([out, received], round(Math.max(most(out), most(received))), `${spoken("Sent", out, rate)}. ${spoken("Received", received, rate)}`);
  say(card.delay.value, delay(last(rtt)));
  card.delay.plot.show([rtt], round(most(rtt)), spoken("Delay", rtt, delay));
  say(card.loss.value, percent(last(loss)));
  card.loss.plot.show([loss], Math.max(round(most(loss)), 0.1), spoken("Loss", loss, percent));
  card.worth.hidden = !link.worth;
  say(card.worth, `Worth: ${link.worth}`);
  const tunnels = view.tunnels.filter((tunnel) => tunnel.paths).length;
  card.bottom.hidden = tunnels === 0;
  say(card.use, link.used_by === tunnels ? "for all tunnels" : `for ${link.used_by} of ${tunnels} tunnels`);
  card.button.hidden = !session.changes;
  say(card.button, link.used_by > 0 ? "Exclude" : "Include");
  mark(card.button, "aria-label", `${link.used_by > 0 ? "Exclude" : "Include"} link ${link.name}`);
}

const STATES = { active: "good", lost: "bad", candidate: "worn" };

function cell(label, kind, ...children) {
  return make("td", { "data-label": label, class: kind || "" }, ...children);
}

function createPath(path) {
  const row = make("tr");
  row.chip = make("span", { class: "chip" });
  row.why = make("span", { class: "why" });
  row.plots = [["Rate", ["out", "in"], ""], ["Delay", [""], "delay"], ["Loss", [""], "loss"]].map(([label, kinds, style]) => {
    const value = make("span", { class: "value" });
    const plot = new Plot(kinds, style);
    return { value, plot, cell: cell(label, label === "Rate" ? "plotted whole" : "plotted", value, plot.element) };
  });
  row.first = cell("Arrives first", "number");
  row.skew = cell("Behind", "number");
  row.append(
    make("th", { scope: "row" }, path.link || "closed port", make("span", { class: "far" }, `${path.peer}, ${path.endpoint}`)),
    make("td", {}, row.chip, row.why), ...row.plots.map((plot) => plot.cell), row.first, row.skew);
  return row;
}

function updatePath(row, path) {
  mark(row.chip, "data-is", path.suspect || (path.state === "active" && path.loss >= 0.05) ? "worn" : STATES[path.state] || "");
  say(row.chip, path.state);
  say(row.why, path.state === "active" ? (path.carries ? "" : "without payloads") : `${path.reason}${path.reason ? ", " : ""}for ${age(path.since_s)}`);
  const { out, in: received, rtt, loss } = path.series;
  say(row.plots[0].value, `▲ ${rate(last(out))} ▼ ${rate(last(received))}`);
  row.plots[0].plot.show([out, received], round(Math.max(most(out), most(received))), `${spoken("Sent", out, rate)}. ${spoken("Received", received, rate)}`);
  say(row.plots[1].value, delay(path.rtt_ms));
  row.plots[1].plot.show([rtt], round(most(rtt)), spoken("Delay", rtt, delay));
  say(row.plots[2].value, percent(path.loss));
  row.plots[2].plot.show([loss], Math.max(round(most(loss)), 0.1), spoken("Loss", loss, percent));
  say(row.first, percent(path.first_share));
  say(row.skew, delay(path.skew_ms));
}

const MODES = ["replicate", "stripe", "adaptive", "backup"];

function createTunnel(tunnel) {
  const row = make("tr");
  row.mode = cell("Mode");
  row.word = make("span");
  row.select = make("select", { "aria-label": `Mode of tunnel ${tunnel.name}` }, ...MODES.map((mode) => make("option", {}, mode)));
  row.apply = make("button", { type: "button" }, "Apply");
  row.choice = make("div", { class: "mode" }, row.select, row.apply);
  row.mode.append(row.word, row.choice);
  row.apply.addEventListener("click", () => changeMode(row));
  row.select.addEventListener("change", () => { row.apply.hidden = row.select.value === row.tunnel.mode; });
  row.links = cell("Links");
  row.value = make("span", { class: "value" });
  row.plot = new Plot(["out", "in"]);
  [row.queued, row.lost, row.dropped] = ["Queued", "Lost", "Dropped"].map((label) => cell(label, "number"));
  row.append(
    make("th", { scope: "row" }, tunnel.name, make("span", { class: "far" }, `${tunnel.peer}, ${tunnel.gate} ${tunnel.listen}`)),
    row.mode, row.links, cell("Rate", "plotted whole", row.value, row.plot.element), row.queued, row.lost, row.dropped);
  return row;
}

function updateTunnel(row, tunnel) {
  const edited = row.tunnel && row.select.value !== row.tunnel.mode;
  row.tunnel = tunnel;
  row.word.hidden = session.changes;
  row.choice.hidden = !session.changes;
  say(row.word, tunnel.mode);
  if (!edited) row.select.value = tunnel.mode;
  row.apply.hidden = row.select.value === tunnel.mode;
  say(row.links, tunnel.trouble || (tunnel.paths || "–").replaceAll(",", ", "));
  const { out, in: received } = tunnel.series;
  say(row.value, `▲ ${rate(tunnel.out)} ▼ ${rate(tunnel.in)}`);
  row.plot.show([out, received], round(Math.max(most(out), most(received))), `${spoken("Sent", out, rate)}. ${spoken("Received", received, rate)}`);
  say(row.queued, count(tunnel.queued));
  say(row.lost, count(tunnel.lost));
  say(row.dropped, count(tunnel.dropped));
}

function pairs(parent, items, name, value) {
  list(parent, items, (item) => item[name], (item) => {
    const row = make("tr", {}, make("th", { scope: "row" }, item[name]), make("td", { class: "number" }));
    return row;
  }, (row, item) => say(row.lastElementChild, value(item)));
}

function showMap() {
  const peers = view.peers.map((peer) => peer.name);
  $("map-section").hidden = view.paths.length === 0;
  $("peer-choice").hidden = peers.length < 2;
  list($("peer"), peers, (name) => name, (name) => make("option", {}, name), () => {});
  if (view.paths.length > 0) drawMap($("map"), view, peers.includes($("peer").value) ? $("peer").value : peers[0]);
}

// Replication makes copies that nobody needs: as one number with them, a loss would not be seen.
function dropSum(drops) {
  const copies = drops.filter((drop) => drop.name === "duplicate").reduce((sum, drop) => sum + drop.count, 0);
  const others = drops.reduce((sum, drop) => sum + drop.count, 0) - copies;
  return `${others === 0 ? "none" : count(others)}${copies === 0 ? "" : `, and ${count(copies)} copies of what had come before`}`;
}

function showRest() {
  pairs($("drops"), view.drops, "name", (drop) => count(drop.count));
  say($("drop-sum"), dropSum(view.drops));
  pairs($("maps"), view.maps, "address", (map) => `${map.state}${map.reason ? `: ${map.reason}` : ""}`);
  say($("map-sum"), `${view.maps.filter((map) => map.state === "registered").length} of ${view.maps.length} registered`);
  pairs($("counts"), view.counts, "name", (one) => count(one.count));
  $("maps-details").hidden = view.maps.length === 0;
  $("counts-details").hidden = view.counts.length === 0;
}

function show() {
  if (paused && view) return;
  const before = view;
  view = newest;
  if (!view) return;
  live("live");
  showAnswer();
  document.body.classList.toggle("stale", !view.node);
  if (!view.node) { // the last that is known stays, greyed
    if (before && before.node) newest = view = { ...before, ...view, node: before.node };
    return;
  }
  say($("node"), `${view.node.key.slice(0, 8)}… · ${view.node.version} · up ${age(view.node.uptime_s)}`);
  for (const name of LISTS) $(`${name}-section`).hidden = view[name].length === 0;
  list($("links"), view.links, keys.links, createLink, updateLink);
  list($("paths"), view.paths, keys.paths, createPath, updatePath);
  list($("tunnels"), view.tunnels, keys.tunnels, createTunnel, updateTunnel);
  showMap();
  showRest();
}

// --- What is changed ---

async function ask(method, path, body) {
  const answer = await fetch(path, {
    method, cache: "no-store", headers: { "X-Warp": "1", ...known_by(), ...(body ? { "Content-Type": "application/json" } : {}) },
    ...(body ? { body: JSON.stringify(body) } : {}),
  });
  const json = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Error(json.error || `the answer is ${answer.status}`);
  return json;
}

// Whoever waits for the answer of the dialog. That it closed is told later, and it may be open again by then, for
// somebody else.
let asker = null;

function answer(yes) {
  const waits = asker;
  asker = null;
  if (waits) waits(yes);
}

function sure(what, why, yes) {
  answer(false);
  return new Promise((resolve) => {
    asker = resolve;
    say($("sure-what"), what);
    say($("sure-why"), why);
    say($("sure-yes"), yes);
    $("sure").returnValue = "no";
    $("sure").showModal();
  });
}

async function change(body, button) {
  button.disabled = true;
  say($("problem"), "");
  try {
    await ask("POST", "/api/change", body);
  } catch (problem) {
    say($("problem"), `It was not changed: ${problem.message}`);
  }
  button.disabled = false;
  button.focus();
}

async function changeLink(link) {
  const include = link.used_by === 0;
  const button = document.activeElement;
  const why = include
    ? "Tunnels send payloads over it again."
    : "Tunnels send nothing over it. It is still probed, and it can be included again. Both last until warpd ends.";
  if (await sure(`${include ? "Include" : "Exclude"} link ${link.name}?`, why, include ? "Include" : "Exclude")) {
    await change({ link: link.name, include }, button);
  }
}

async function changeMode(row) {
  await change({ tunnel: row.tunnel.name, mode: row.select.value }, row.select);
}

// --- Around it ---

const THEMES = { auto: "auto", light: "light", dark: "dark" };

function theme(name) {
  if (name === "auto") document.documentElement.removeAttribute("data-theme");
  else document.documentElement.setAttribute("data-theme", name);
  say($("theme"), `Colours: ${THEMES[name]}`);
  keep("theme", () => localStorage, name);
}

function lock(locked) {
  $("signin").hidden = !locked;
  $("shown").hidden = locked;
  $("signout").hidden = locked || !session.token;
  if (locked) $("token").focus();
}

async function begin() {
  try {
    session = await ask("GET", "/api/session");
  } catch {
    live("gone");
    setTimeout(begin, 2000);
    return;
  }
  lock(!session.signed_in);
  if (session.signed_in) listen();
  else say($("live"), "locked");
}

$("signin").addEventListener("submit", async (event) => {
  event.preventDefault();
  say($("signin-error"), "");
  know($("token").value.trim());
  await begin();
  if (session.signed_in) {
    $("token").value = "";
    $("main").focus();
  } else {
    know("");
    say($("signin-error"), "this is not the token");
    $("token").select();
  }
});
$("signout").addEventListener("click", () => {
  if (source) source.abort();
  source = view = newest = null;
  know("");
  begin();
});
$("pause").addEventListener("click", () => {
  paused = !paused;
  mark($("pause"), "aria-pressed", String(paused));
  say($("pause"), paused ? "Go on" : "Pause");
  live($("live").getAttribute("data-is") === "gone" ? "gone" : "live");
  show();
});
$("theme").addEventListener("click", () => {
  const names = Object.keys(THEMES);
  const now = document.documentElement.getAttribute("data-theme") || "auto";
  theme(names[(names.indexOf(now) + 1) % names.length]);
});
$("sure").addEventListener("close", () => $("sure").open || answer($("sure").returnValue === "yes"));
$("peer").addEventListener("change", () => view && showMap());
window.addEventListener("resize", () => view && view.node && showMap());
const colours = stored("theme", () => localStorage);
theme(colours in THEMES ? colours : "auto");
// The address that `warp web` says has the token behind #.
if (location.hash.length > 32) {
  know(location.hash.slice(1));
  history.replaceState(null, "", location.pathname);
}
begin();
