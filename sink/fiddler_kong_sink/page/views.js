// The content of each view. All of it is built from elements and text nodes: text that users sent is never parsed as markup.

/** An element. Children are nodes or text; null and false are left out. */
function el(tag, props = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (value !== null && value !== undefined && value !== false) node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

const number = new Intl.NumberFormat("en");
const clock = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" });
const day = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", second: "2-digit" });

const plural = (count, noun) => `${number.format(count)} ${noun}${count === 1 ? "" : "s"}`;
const time = (iso, format = clock) => el("time", { datetime: iso, title: iso }, format.format(new Date(iso)));
const chip = (text, kind = "") => el("span", { class: `chip ${kind}` }, text);
const mono = (text, title = null) => el("code", { title }, text);
const short = (id) => (id.length > 20 ? `${id.slice(0, 8)}…${id.slice(-4)}` : id);
const duration = (ms) => (ms >= 1000 ? `${(ms / 1000).toFixed(2)} s` : `${Math.round(ms)} ms`);
const sessionLink = (item) => `#/session/${encodeURIComponent(item.application_id)}/${encodeURIComponent(item.session_id)}`;

function figures(...pairs) {
  return el("dl", { class: "figures" }, pairs.map(([label, value]) => el("div", {}, el("dt", {}, label), el("dd", {}, value))));
}

/** The list of sessions. */
export function sessions(state) {
  const dropped = state.drop_counts.reduce((sum, item) => sum + item.count, 0);
  return [
    el("h1", {}, "Sessions"),
    figures(
      ["Sessions", number.format(state.session_count)],
      ["Spans kept", number.format(state.span_count)],
      ["Tokens", number.format(state.total_tokens)],
      ["Spans dropped", number.format(dropped)],
    ),
    el("ul", { class: "list", "aria-label": "Sessions" }, state.sessions.map(sessionCard)),
    state.session_count > state.sessions.length && el("p", { class: "hint" }, `The newest ${state.sessions.length} are shown.`),
  ].filter(Boolean);
}

function sessionCard(item) {
  const unknown = item.llm_count === 0;
  return el(
    "li",
    {},
    el(
      "a",
      { class: "card session", href: sessionLink(item), "data-key": `s:${item.application_id}/${item.session_id}` },
      el("span", { class: "line" }, mono(short(item.session_id), item.session_id), item.by_trace && chip("no conversation id", "warn"), unknown && chip("Unknown", "bad"), el("span", { class: "push" }, time(item.ended_at))),
      el("span", { class: item.input ? "said" : "said none" }, item.input || "No prompt text captured"),
      item.output && el("span", { class: "said answer" }, item.output),
      el("span", { class: "line meta" }, plural(item.span_count, "span"), dot(), `${number.format(item.input_tokens)} in`, dot(), `${number.format(item.output_tokens)} out`, [...item.providers, ...item.models].map((name) => chip(name))),
    ),
  );
}

const dot = () => el("span", { class: "dot", "aria-hidden": "true" }, "·");

/** One session: its calls as a conversation. */
export function session(item, where) {
  const back = el("a", { class: "back", href: "#/sessions" }, "← All sessions");
  if (!item) return [back, el("section", { class: "card" }, el("h1", {}, "No such session"), el("p", {}, "The sink has no session ", mono(where.id), " (any more)."))];
  return [
    back,
    el("h1", {}, "Session ", el("code", { class: "id" }, item.session_id)),
    el("p", { class: "line meta" }, item.application_name, dot(), mono(item.application_id), dot(), time(item.started_at, day), [...item.providers, ...item.models].map((name) => chip(name))),
    figures(
      ["Spans", number.format(item.span_count)],
      ["Input tokens", number.format(item.input_tokens)],
      ["Output tokens", number.format(item.output_tokens)],
      ["Total tokens", number.format(item.total_tokens)],
    ),
    ...advice(item),
    el("ol", { class: "spans", "aria-label": "Spans" }, item.spans.map(span)),
  ];
}

/** The advice of the integration page's troubleshooting for this session. */
function advice(item) {
  const llm = item.spans.filter((one) => one.span_type === "llm");
  return [
    item.by_trace && ["This call is a session of its own.", "No conversation id reached the span, so Fiddler falls back to the trace id. Send the same X-Fiddler-Conversation-Id header with each call of a conversation."],
    llm.length > 0 && llm.every((one) => !one.input && !one.output) && ["There is no text, only counts.", "Kong captures prompts and answers when ai-proxy has logging.log_payloads set to true (payloads: Captured in a binding). They may hold personal data."],
    llm.length < item.spans.length && ["Spans of the type Unknown.", "Fiddler recognises Kong's spans by the resource attribute service.name with the exact value kong, and LLM spans by their name (chat, text_completion or generate_content, and the model)."],
  ].filter(Boolean).map(([title, text]) => el("p", { class: "note" }, el("strong", {}, title), " ", text));
}

function span(item) {
  const failed = item.status_code === "ERROR";
  return el(
    "li",
    { class: "card span" },
    el(
      "div",
      { class: "line" },
      el("h2", {}, item.name),
      chip(item.span_type, item.span_type === "llm" ? "good" : "bad"),
      failed && chip("error", "bad"),
      el("span", { class: "push meta" }, time(item.start_time), dot(), duration(item.duration_ms)),
    ),
    failed && item.status_message && el("p", { class: "note" }, item.status_message),
    bubble("System", item.system, "system"),
    bubble("Input", item.input, "input"),
    bubble("Output", item.output, "output"),
    el(
      "p",
      { class: "line meta" },
      `${number.format(item.input_tokens)} in`, dot(), `${number.format(item.output_tokens)} out`, dot(), `${number.format(item.total_tokens)} total`,
      item.agent_name && [dot(), `agent ${item.agent_name}`], [item.provider, item.model].filter(Boolean).map((name) => chip(name)),
    ),
    attributes("Attributes in Fiddler", `m:${item.span_id}`, item.attributes),
    attributes("As received from the gateway", `r:${item.span_id}`, { ...item.received_attributes, ...prefixed("resource · ", item.resource), "trace id": item.trace_id, "span id": item.span_id, "parent span id": item.received_parent_span_id || "(none)" }),
  );
}

const prefixed = (prefix, values) => Object.fromEntries(Object.entries(values).map(([name, value]) => [prefix + name, value]));

function bubble(label, text, kind) {
  return text && el("div", { class: `bubble ${kind}` }, el("span", { class: "who" }, label), el("div", { class: "text" }, text));
}

function attributes(label, key, values) {
  const rows = Object.entries(values).sort(([a], [b]) => (a < b ? -1 : 1));
  return el(
    "details",
    { "data-key": key },
    el("summary", { "data-key": `summary:${key}` }, label, " ", el("small", {}, rows.length)),
    el("div", { class: "scroll" }, el("table", {}, el("tbody", {}, rows.map(([name, value]) => el("tr", {}, el("th", { scope: "row" }, name), el("td", {}, typeof value === "string" ? value : JSON.stringify(value))))))),
  );
}

/** Spans that were dropped, by reason and one by one. */
export function dropped(state) {
  if (!state.drop_counts.length) return [el("h1", {}, "Dropped spans"), el("section", { class: "card blank" }, el("p", {}, "No span was dropped so far. Fiddler drops spans silently: this list has the spans it would drop, each with the reason."))];
  return [
    el("h1", {}, "Dropped spans"),
    el("p", { class: "hint" }, "Fiddler answers 200 and drops these silently. The sink does the same, and tells you."),
    el("ul", { class: "list reasons" }, state.drop_counts.map((item) => el("li", { class: "card" }, el("div", { class: "line" }, chip(item.reason, item.reason === "Infrastructure" ? "" : "bad"), el("strong", { class: "push" }, number.format(item.count))), el("p", {}, item.explanation)))),
    table("The latest dropped spans", ["Time", "Reason", "Span", "service.name", "Trace"], state.drops.map((item) => [time(item.at), item.reason, mono(item.name), mono(item.service_name), mono(short(item.trace_id), item.trace_id)])),
  ];
}

/** Requests to /v1/traces. */
export function deliveries(state) {
  if (!state.deliveries.length) return [el("h1", {}, "Deliveries"), el("section", { class: "card blank" }, el("p", {}, "No request has reached ", mono("/v1/traces"), " so far."))];
  return [
    el("h1", {}, "Deliveries"),
    el("p", { class: "hint" }, `${plural(state.delivery_count, "request")} to /v1/traces, ${number.format(state.refused_count)} refused.`),
    table("The latest requests to /v1/traces", ["Time", "Answer", "Spans", "Kept", "Dropped", "Bytes", "Key", "Sender", "Remark"], state.deliveries.map(delivery)),
  ];
}

function delivery(item) {
  const lost = Object.values(item.dropped).reduce((sum, count) => sum + count, 0);
  const remarks = [item.fault && `fault ${item.fault}`, item.error, item.repeated && `${plural(item.repeated, "span")} sent before`].filter(Boolean);
  const answer = item.status === null ? "none" : String(item.status);
  return [time(item.at), chip(answer, item.status === 200 ? "good" : "bad"), number.format(item.spans), number.format(item.kept), number.format(lost), number.format(item.size), item.key, item.user_agent || "–", remarks.join("; ")];
}

function table(caption, heads, rows) {
  return el(
    "div",
    { class: "card scroll", tabindex: "0", role: "region", "aria-label": caption },
    el("table", { class: "grid" }, el("caption", {}, caption), el("thead", {}, el("tr", {}, heads.map((head) => el("th", { scope: "col" }, head)))), el("tbody", {}, rows.map((cells) => el("tr", {}, cells.map((cell) => el("td", {}, cell)))))),
  );
}

/** The view before the first session: things to check, in the order in which a span passes them. */
export function empty(state) {
  const arrived = state.delivery_count > 0;
  return [
    el("h1", {}, "No traces yet"),
    el(
      "section",
      { class: "card blank" },
      el("p", {}, arrived ? `${plural(state.delivery_count, "request")} reached /v1/traces (one without spans is the operator's probe), but no LLM span was kept. Look at ` : "Send one LLM call through the gateway; it shows up here within seconds. If it does not:", arrived && el("a", { href: "#/deliveries" }, "the deliveries"), arrived && " and ", arrived && el("a", { href: "#/dropped" }, "the dropped spans"), arrived && ", or check:"),
      el("ol", { class: "checks" }, CHECKS.map(([title, ...text]) => el("li", {}, el("strong", {}, title), " ", text.map((part) => (part.startsWith("`") ? mono(part.slice(1)) : part))))),
    ),
  ];
}

const CHECKS = [
  ["Can the gateway reach this address?", "Kong's log has a line for each export that fails: search it for ", "`otel", "."],
  ["Does Kong make spans?", "Its process needs ", "`KONG_TRACING_INSTRUMENTATIONS=all", " and ", "`KONG_TRACING_SAMPLING_RATE=1.0", ". They cannot be set in the declarative configuration."],
  ["Is it Kong Gateway 3.13 or later?", "Earlier versions and the open-source image have no LLM spans."],
  ["Are both application ids there?", "The header ", "`fiddler-application-id", " and the resource attribute ", "`application.id", " must both hold the application's UUID. Otherwise spans are dropped silently; see Dropped spans."],
  ["Is the span type Unknown?", "The resource attribute ", "`service.name", " must be exactly ", "`kong", "."],
  ["Is there a placeholder left?", "Kong does not replace ", "`${...}", " in its configuration."],
];
