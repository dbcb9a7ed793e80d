import { el, morph, nodes } from "./dom.js";
import { activity, cluster, github, pipeline, shownTarget, story } from "./views.js";

const VIEWS = { story, pipeline, github, cluster, activity };
const ui = { target: null, log: null, logText: "", busy: new Set() };
const byId = (id) => document.getElementById(id);
let snapshot = null;
let reading = false;
let again = false;
let scrolledTo = null;

/** One read at a time; what changes meanwhile is read right after. */
async function refresh() {
  again = reading;
  if (reading) return;
  reading = true;
  try {
    const at = location.pathname;
    const response = await fetch(`/_board/state?at=${encodeURIComponent(at)}`);
    const body = await response.json();
    if (!response.ok) throw new Error(body.error);
    if (at === location.pathname) snapshot = { ...body, readAt: Date.now() };
    await readLog();
    render();
    connection("ok", "live");
  } catch (error) {
    if (snapshot === null || !(error instanceof TypeError)) toast(error.message, "bad");
    connection("bad", "not connected");
  } finally {
    reading = false;
    if (again) void refresh();
  }
}

async function readLog() {
  if (ui.log === null) return;
  const { shown } = shownTarget(snapshot, ui);
  // A pod that is gone leaves the lines that were read last.
  if (!shown?.clusters.some(({ pods }) => pods.some(({ name }) => name === ui.log.pod))) return;
  const response = await fetch(`/_board/log?${new URLSearchParams(ui.log)}`);
  if (response.ok) ui.logText = await response.text();
}

function render() {
  if (snapshot === null) return;
  const { repo, pull, focus } = snapshot;
  const log = document.querySelector(".log pre");
  const following = log !== null && log.scrollTop + log.clientHeight >= log.scrollHeight - 8;
  for (const [id, view] of Object.entries(VIEWS)) {
    const section = byId(id);
    const next = section.cloneNode(false);
    next.append(...nodes(view(snapshot, ui)));
    morph(section, next);
  }
  byId("repo").textContent = `${repo.owner}/${repo.name}`;
  byId("clone").textContent = `git clone ${repo.clone}`;
  document.title = pull ? `#${pull.number} ${pull.title} · Proa` : "Proa";
  const shown = document.querySelector(".log pre");
  if (shown !== null && (following || log !== shown)) shown.scrollTop = shown.scrollHeight;
  const run = focus.kind === "run" ? byId(`run-${focus.id}`) : null;
  if (run !== null && scrolledTo !== run.id) run.scrollIntoView({ block: "center" });
  scrolledTo = run?.id ?? null;
}

async function press(action, input) {
  const key = `${action} ${JSON.stringify(input)}`;
  if (ui.busy.has(key)) return;
  ui.busy.add(key);
  render();
  try {
    const options = { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(input) };
    const response = await fetch(`/_board/actions/${action}`, options);
    const body = await response.json();
    if (!response.ok) throw new Error(body.error);
    toast(body.said, "ok");
    if (body.go) go(body.go);
  } catch (error) {
    toast(
      error instanceof TypeError ? "The local world does not answer: is npm start still running?" : error.message,
      "bad",
    );
  } finally {
    ui.busy.delete(key);
    await refresh();
  }
}

function toast(text, tone) {
  const shown = el`<p class="toast" data-tone=${tone}>
    <span>${text}</span><button type="button" class="small" data-dismiss aria-label="Dismiss">×</button>
  </p>`;
  byId("toasts").append(shown);
  // What went wrong stays until it has been read.
  if (tone === "ok") setTimeout(() => shown.remove(), 6_000);
}

function connection(tone, text) {
  const place = byId("connection");
  place.dataset.tone = tone;
  if (place.textContent !== text) place.textContent = text;
}

function go(path) {
  if (path !== location.pathname) history.pushState(null, "", path);
  ui.target = null;
  ui.log = null;
  void refresh();
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  const link = event.target.closest("a");
  if (
    link !== null &&
    link.target === "" &&
    !link.hash &&
    link.origin === location.origin &&
    !event.metaKey &&
    !event.ctrlKey &&
    event.button === 0
  ) {
    event.preventDefault();
    go(link.pathname);
    return;
  }
  if (button === null) return;
  const { action, input, target, log, copy } = button.dataset;
  if (action !== undefined) void press(action, JSON.parse(input));
  if (target !== undefined) {
    ui.target = target;
    render();
  }
  if (log !== undefined) {
    ui.log = JSON.parse(log);
    ui.logText = "";
    void readLog().then(render);
  }
  if (copy !== undefined)
    void navigator.clipboard
      .writeText(byId(copy).textContent)
      .then(() => toast("Copied. To push, give the token in .proa/local.json as the password.", "ok"));
  if ("dismiss" in button.dataset) button.closest(".toast").remove();
});

document.addEventListener("submit", (event) => {
  event.preventDefault();
  const { text } = event.target.elements;
  if (text.value.trim() === "") return text.focus();
  void press("comment", { number: Number(event.target.dataset.comment), text: text.value });
  text.value = "";
});

window.addEventListener("popstate", () => go(location.pathname));
const events = new EventSource("/_board/events");
events.addEventListener("open", () => void refresh());
events.addEventListener("message", () => void refresh());
events.addEventListener("error", () => connection("bad", "not connected"));
// “12 s ago” moves on by itself.
setInterval(render, 5_000);
