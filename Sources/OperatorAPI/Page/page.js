"use strict";
// Everything that comes from the server is put in as text, never as markup.
const every = 5000, shown = 50;
const find = (id) => document.getElementById(id);
let before = null, isAsking = false;

function make(tag, traits, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(traits || {})) {
    if (name === "class") node.className = value; else node.setAttribute(name, value);
  }
  node.append(...children.filter((child) => child !== null && child !== undefined).map((c) => c instanceof Node ? c : String(c)));
  return node;
}

// columns: [title, row => text, node or [text, class], isNumber]
function table(columns, rows, none) {
  if (!rows.length) return make("p", { class: "faint" }, none);
  const head = make("tr", null, ...columns.map(([title, , isNumber]) => make("th", { scope: "col", class: isNumber ? "number" : "" }, title)));
  const body = rows.map((row) => make("tr", null, ...columns.map(([title, cell, isNumber]) => {
    const value = cell(row);
    const [text, tone] = Array.isArray(value) ? value : [value, ""];
    return make("td", { "data-name": title, class: (isNumber ? "number " : "word ") + (tone || "") }, text);
  })));
  return make("table", null, make("thead", null, head), make("tbody", null, ...body));
}

const number = (n) => n === undefined ? "?" : n.toLocaleString("en");
function span(seconds) {
  if (seconds === undefined) return "?";
  const s = Math.round(seconds);
  if (s < 60) return s + " s";
  if (s < 3600) return Math.floor(s / 60) + " min";
  if (s < 172800) return Math.floor(s / 3600) + " h " + Math.floor(s / 60 % 60) + " min";
  return Math.floor(s / 86400) + " d";
}
const time = (text) => text ? text.replace("T", " ").replace(/(\.\d+)?Z$/, "Z") : "";
const ago = (text) => span(Math.max(0, (Date.now() - Date.parse(text)) / 1000));
const orderPath = (entity, ref) => "/v1/orders/" + encodeURIComponent(entity) + "/" + ref.split("/").map(encodeURIComponent).join("/");
const orderLink = (entity, ref) => make("a", { href: "#" + encodeURIComponent(entity) + "/" + ref.split("/").map(encodeURIComponent).join("/") }, ref);

class Refused extends Error {
  constructor(status, problem) { super(problem.detail || "status " + status); this.status = status; this.problem = problem; }
}

async function ask(path) {
  const token = sessionStorage.getItem("token");
  const reply = await fetch(path, { headers: token ? { Authorization: "Bearer " + token } : {}, cache: "no-store", credentials: "omit" });
  const body = await reply.json().catch(() => ({}));
  if (!reply.ok) throw new Refused(reply.status, body);
  return body;
}

function put(id, node) { find(id).replaceChildren(node); }
function say(text) { const node = find("fault"); node.textContent = text; node.hidden = !text; }

function needToken(isWrong) {
  find("login").hidden = false;
  find("login-note").textContent = isWrong ? "This token is not valid here." : "";
}

// A learned limit may fall below what is under way: no call begins then until enough have ended.
const calls = (to) => to.in_flight > to.limit
  ? number(to.in_flight) + ", limit fell to " + number(to.limit) : number(to.in_flight) + " of " + number(to.limit);

const breakerTone = (state) => state === "closed" ? "good" : state === "open" ? "bad" : "warn";

function showEntities(reply) {
  const now = performance.now();
  const rates = new Map();
  if (before) for (const one of reply.entities) {
    const last = before.events.get(one.legal_entity);
    if (last !== undefined && one.events >= last) rates.set(one.legal_entity, (one.events - last) * 1000 / (now - before.at));
  }
  before = { at: now, events: new Map(reply.entities.map((one) => [one.legal_entity, one.events])) };
  const to = (one) => one.destination;
  put("entities", table([
    ["Legal entity", (e) => e.legal_entity],
    ["Events/s", (e) => rates.has(e.legal_entity) ? rates.get(e.legal_entity).toFixed(1) : "…", true],
    ["Backlog", (e) => [number(e.backlog_orders), e.backlog_orders > 0 ? "warn" : ""], true],
    ["Oldest", (e) => e.backlog_orders === 0 ? "" : span(e.backlog_oldest_seconds), true],
    ["Exceptions", (e) => [number(e.open_exceptions), e.open_exceptions > 0 ? "warn" : ""], true],
    ["Limiter", (e) => to(e) ? calls(to(e)) : "", true],
    ["Breaker", (e) => to(e) ? [to(e).breaker.replace("_", " "), breakerTone(to(e).breaker)] : "no Odoo"],
    ["Delivers", (e) => to(e) ? (to(e).is_owner ? "this instance" : "another instance") : ""],
  ], reply.entities, "No legal entity."));
  if (reply.unreachable_stores.length) say("No answer from store " + reply.unreachable_stores.join(", ") + ".");
}

function showExceptions(reply) {
  find("exceptions-count").textContent = reply.next ? "the newest " + reply.exceptions.length : String(reply.exceptions.length);
  put("exceptions", table([
    ["What", (x) => [x.code, x.severity === "error" ? "bad" : x.severity === "warning" ? "warn" : ""]],
    ["Legal entity", (x) => x.legal_entity],
    ["Order", (x) => !x.order_ref || x.order_ref.includes(" ") ? x.order_ref : orderLink(x.legal_entity, x.order_ref)],
    ["For", (x) => ago(x.first_seen), true],
    ["Times", (x) => number(x.count), true],
    ["Detail", (x) => x.detail],
  ], reply.exceptions, "None."));
}

function showLanes(reply) {
  const busy = reply.lanes.filter((lane) => lane.events > 0).sort((a, b) => b.oldest_seconds - a.oldest_seconds);
  find("lanes-count").textContent = busy.length + " of " + reply.lanes.length + (reply.next ? "+" : "") + " with events waiting";
  put("lanes", table([
    ["Lane", (l) => l.legal_entity + " / " + l.warehouse],
    ["Waiting", (l) => number(l.events), true],
    ["KiB", (l) => number(Math.ceil(l.bytes / 1024)), true],
    ["Oldest", (l) => l.oldest_seconds.toFixed(1) + " s", true],
  ], busy.slice(0, 20), "No event waits."));
}

function showPartitions(reply) {
  const tone = (s) => s === "ok" ? "good" : s === "stall" || s === "stop" ? "bad" : s === "revoked" ? "" : "warn";
  const rows = reply.partitions.filter((p) => p.status !== "revoked").sort((a, b) => b.lag_records - a.lag_records);
  find("partitions-count").textContent = number(rows.reduce((sum, p) => sum + p.lag_records, 0)) + " records in " + rows.length + " partitions";
  put("partitions", table([
    ["Partition", (p) => p.topic + " " + p.partition],
    ["Records", (p) => number(p.lag_records), true],
    ["Age", (p) => span(p.lag_seconds), true],
    ["Status", (p) => [p.status, tone(p.status)]],
  ], rows.slice(0, 20), "No partition is read here."));
}

async function refresh() {
  if (isAsking || document.hidden) return;
  isAsking = true;
  try {
    say("");
    const ready = await fetch("/readyz", { cache: "no-store" }).then((r) => r.json());
    const state = find("state");
    state.textContent = ready.reasons.length ? ready.reasons.map((r) => r.dependency + ": " + r.reason).join("; ") : "ready";
    state.className = ready.reasons.length ? "bad" : "good";
    showEntities(await ask("/v1/entities?limit=1000"));
    find("login").hidden = true;
    showExceptions(await ask("/v1/exceptions?limit=" + shown));
    showLanes(await ask("/v1/lanes?limit=1000"));
    try {
      showPartitions(await ask("/v1/partitions?limit=1000"));
      find("lag").hidden = false;
    } catch (error) {
      if (error.status !== 403) throw error;
      find("lag").hidden = true;
    }
    find("updated").textContent = "Updated " + new Date().toLocaleTimeString() + ", every " + every / 1000 + " s";
  } catch (error) {
    if (error.status === 401) needToken(sessionStorage.getItem("token") !== null);
    else say(error instanceof Refused ? error.message : "No answer; tried again in " + every / 1000 + " s.");
  } finally { isAsking = false; }
}

function pairs(list) {
  const shownPairs = list.filter(([, value]) => value !== undefined && value !== null && value !== "");
  return make("dl", null, ...shownPairs.flatMap(([name, value]) => [make("dt", null, name), make("dd", null, value)]));
}

function showOrder(order) {
  const waits = (order.waits_for || []).map((w) => w.what + (w.since ? ", for " + ago(w.since) : "")).join("; ");
  const parts = [
    make("h2", null, order.legal_entity + " " + order.order_ref),
    pairs([
      ["State", order.state.replaceAll("_", " ") + (order.state === "on_hold" ? " (underneath: " + order.path + ")" : "") + ", version " + order.version],
      ["Waits for", waits || "nothing"],
      ["Total", order.total ? order.total + " " + (order.currency || "") : ""],
      ["Known as", (order.references || []).join(", ")],
      ["Odoo", order.delivery ? "order " + order.delivery.odoo_id + ", confirmed " + time(order.delivery.confirmed_at) + ", version " + order.delivery.version : "not there"],
    ]),
    make("h3", null, "Systems"),
    table([["System", (s) => s.system], ["Last word", (s) => s.last_word], ["At", (s) => time(s.at)], ["Differs", (s) => [s.differs || "", "warn"]]], order.systems || [], "None has told anything."),
    make("h3", null, "Timeline"),
    table([
      ["Recorded", (t) => time(t.recorded_at)], ["Occurred", (t) => time(t.occurred_at)], ["Channel", (t) => t.channel],
      ["Told", (t) => [t.status, t.milestone].filter(Boolean).join(", ")],
      ["Outcome", (t) => [t.outcome + (t.released_as ? ", then " + t.released_as : ""), t.outcome === "rejected" ? "bad" : t.outcome === "parked" ? "warn" : ""]],
      ["State", (t) => t.from === t.to || !t.to ? t.to || "" : (t.from || "new") + " → " + t.to],
      ["Code", (t) => t.code || ""], ["Event", (t) => t.event_id], ["Trace", (t) => t.trace_id || ""],
    ], order.timeline || [], "No event."),
    make("h3", null, "Lines"),
    table([
      ["Line", (l) => l.line], ["Article", (l) => l.sku], ["Ordered", (l) => l.quantity || "", true], ["Allocated", (l) => l.allocated, true],
      ["Shipped", (l) => l.shipped, true], ["Invoiced", (l) => l.invoiced, true], ["Cancelled", (l) => l.cancelled, true],
    ], order.lines || [], "No line was told."),
    make("h3", null, "Exceptions"),
    table([
      ["What", (x) => [x.code, x.resolved_at ? "" : "bad"]], ["Since", (x) => time(x.first_seen)],
      ["Ended", (x) => x.resolved_at ? time(x.resolved_at) : "open"], ["Detail", (x) => x.detail],
    ], order.exceptions || [], "None."),
  ];
  find("order").replaceChildren(make("button", { type: "button", id: "close" }, "Close"), ...parts);
  find("close").addEventListener("click", () => { location.hash = ""; });
}

async function openOrder() {
  const section = find("order"), hash = location.hash.slice(1);
  section.hidden = !hash;
  if (!hash) return section.replaceChildren();
  const slash = hash.indexOf("/");
  try {
    if (slash > 0) {
      const order = await ask(orderPath(decodeURIComponent(hash.slice(0, slash)), hash.slice(slash + 1).split("/").map(decodeURIComponent).join("/")));
      if (order.order_ref) return showOrder(order);
      const waits = order.awaited.map((a) => a.events + " events wait for " + a.reference + " since " + time(a.since)).join("; ");
      return section.replaceChildren(make("p", null, "No order goes by this reference yet; " + waits + "."));
    }
    const ref = decodeURIComponent(hash);
    const found = (await ask("/v1/orders?ref=" + encodeURIComponent(ref))).orders;
    if (found.length === 1) { location.replace("#" + encodeURIComponent(found[0].legal_entity) + "/" + found[0].order_ref.split("/").map(encodeURIComponent).join("/")); return; }
    section.replaceChildren(make("h2", null, found.length ? "Several orders go by this" : "No order goes by this"),
      table([["Legal entity", (o) => o.legal_entity], ["Order", (o) => orderLink(o.legal_entity, o.order_ref)]], found, "Look at the reference again; a space or a letter may be wrong."));
  } catch (error) {
    if (error.status === 401) needToken(false);
    const several = error.problem && error.problem.orders;
    section.replaceChildren(make("p", { class: "bad" }, error.message), ...(several || []).map((ref) => make("p", null, orderLink(decodeURIComponent(hash.slice(0, slash)), ref))));
  }
}

find("search").addEventListener("submit", (event) => {
  event.preventDefault();
  const ref = find("ref").value.trim();
  if (ref) { const wanted = "#" + encodeURIComponent(ref); if (location.hash === wanted) openOrder(); else location.hash = wanted; }
});
find("login").addEventListener("submit", (event) => {
  event.preventDefault();
  sessionStorage.setItem("token", find("token").value.trim());
  find("token").value = "";
  refresh().then(openOrder);
});
addEventListener("hashchange", openOrder);
document.addEventListener("visibilitychange", refresh);
setInterval(refresh, every);
refresh().then(openOrder);
