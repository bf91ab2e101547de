// The page's state: which view the address names, what the sink last said, and when to ask again.
import { deliveries, dropped, empty, sessions, session } from "./views.js";

const POLL_MS = 1000;
const byId = (id) => document.getElementById(id);
const current = { state: null, etag: "", detail: null, shown: "" };

/** The view that the address names: {view, application, id}. */
function place() {
  const [view = "sessions", application = "", id = ""] = location.hash.replace(/^#\/?/, "").split("/").map(decodeSafely);
  return { view: ["sessions", "session", "dropped", "deliveries"].includes(view) ? view : "sessions", application, id };
}

function decodeSafely(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** Ask for the state; false when nothing changed. */
async function fetchState() {
  const response = await fetch("api/state", { headers: current.etag ? { "If-None-Match": current.etag } : {}, cache: "no-store" });
  if (response.status === 304) return false;
  if (!response.ok) throw new Error(`the sink answered ${response.status}`);
  current.state = await response.json();
  current.etag = response.headers.get("ETag") ?? "";
  return true;
}

async function fetchDetail({ application, id }) {
  const response = await fetch(`api/session?${new URLSearchParams({ application, id })}`, { cache: "no-store" });
  current.detail = response.ok ? await response.json() : null;
}

function content(where) {
  const { state, detail } = current;
  if (where.view === "session") return session(detail, where);
  if (where.view === "dropped") return dropped(state);
  if (where.view === "deliveries") return deliveries(state);
  return state.session_count ? sessions(state) : empty(state);
}

/** Which <details> are open, by key, so that a refresh does not close them while they are read. */
const openDetails = () => new Set([...document.querySelectorAll("details[open]")].map((node) => node.dataset.key));

function render(where) {
  const open = openDetails();
  const focused = document.activeElement?.dataset?.key;
  byId("main").replaceChildren(...content(where));
  for (const node of document.querySelectorAll("details")) node.open = open.has(node.dataset.key);
  if (focused) document.querySelector(`[data-key="${CSS.escape(focused)}"]`)?.focus({ preventScroll: true });
  renderFrame(where);
}

function renderFrame(where) {
  const { state } = current;
  byId("n-sessions").textContent = state.session_count;
  byId("n-dropped").textContent = state.drop_counts.reduce((sum, item) => sum + item.count, 0);
  byId("n-deliveries").textContent = state.delivery_count;
  for (const link of byId("tabs").children) {
    const active = link.dataset.view === where.view || (where.view === "session" && link.dataset.view === "sessions");
    active ? link.setAttribute("aria-current", "page") : link.removeAttribute("aria-current");
  }
  const banner = byId("fault");
  banner.hidden = !state.fault;
  banner.textContent = state.fault ? `Failing on purpose: ${describeFault(state.fault)}. DELETE /api/faults ends it.` : "";
}

function describeFault({ mode, count, surface }) {
  const left = count ? `, ${count} more ${count === 1 ? "request" : "requests"}` : "";
  return `${mode} (${surface}${left})`;
}

function say(text, kind) {
  const live = byId("live");
  if (live.textContent !== text) live.textContent = text;
  live.dataset.kind = kind;
}

/** Bring the page up to date; a view that is already shown is left alone while nothing changed. */
async function refresh() {
  try {
    const changed = await fetchState();
    const where = place();
    if (changed || current.shown !== location.hash) {
      if (where.view === "session") await fetchDetail(where);
      render(where);
      arrive(where);
    }
    say("Live", "on");
  } catch (error) {
    say("Sink not reachable, trying again", "off");
  }
}

const TITLES = { sessions: "Sessions", session: "Session", dropped: "Dropped spans", deliveries: "Deliveries" };

function arrive(where) {
  if (current.shown !== location.hash && current.shown !== "") {
    byId("main").focus({ preventScroll: true });
    scrollTo(0, 0);
  }
  current.shown = location.hash || "#/sessions";
  if (!location.hash) history.replaceState(null, "", current.shown);
  document.title = `${TITLES[where.view]} · Fiddler sink`;
}

async function poll() {
  if (!document.hidden) await refresh();
  setTimeout(poll, POLL_MS);
}

byId("clear").addEventListener("click", async () => {
  await fetch("api/traces", { method: "DELETE" });
  await refresh();
});
addEventListener("hashchange", (event) => {
  if (location.hash === "#main") {
    history.replaceState(null, "", new URL(event.oldURL).hash);
    byId("main").focus();
    return;
  }
  refresh();
});
addEventListener("visibilitychange", refresh);
poll();
