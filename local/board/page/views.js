import { el } from "./dom.js";
import { inline, markdown } from "./markdown.js";

/** Every view is a function of the server's snapshot `s` and what the reader chose, `ui`. */

const PHASE = {
  idle: ["quiet", "nothing here"],
  waiting: ["wait", "waiting"],
  blocked: ["bad", "blocked"],
  rolling: ["busy", "rolling out"],
  baking: ["busy", "watching"],
  live: ["ok", "live"],
  failed: ["bad", "failed"],
  removing: ["quiet", "being removed"],
};
const TONES = {
  ok: ["success", "live", "open"],
  merged: ["merged"],
  bad: ["failure", "error", "timed_out", "failed"],
  busy: ["pending", "queued", "in_progress", "rolling"],
  wait: ["action_required"],
};
const VERSIONS = [
  ["good", "Good", "ok"],
  ["slow-start", "Slow start", "busy"],
  ["failing-test", "Failing test", "bad"],
  ["crashing", "Crashing", "bad"],
  ["never-ready", "Never ready", "bad"],
];

const toneOf = (state) => Object.keys(TONES).find((tone) => TONES[tone].includes(state)) ?? "quiet";
const chip = (tone, text) => el`<span class="chip" data-tone=${tone}>${text.replaceAll("_", " ")}</span>`;
const dot = (tone) => el`<span class="dot" data-tone=${tone}></span>`;
const short = (sha) => sha.slice(0, 7);
const ended = (text) => (/[.!?…]$/.test(text) ? text : `${text}.`);
const firstLine = (text) => text.split("\n")[0];
const away = (href, label, look) =>
  el`<a class=${look} href=${href} target="_blank" rel="noopener noreferrer">${label}</a>`;
const commit = (s, sha) =>
  el`<a class="sha" href=${`/${s.repo.owner}/${s.repo.name}/commit/${sha}`} title=${sha}>${short(sha)}</a>`;
const none = () => el`<span class="quiet">none</span>`;
const fact = (name, ...value) => el`<div><dt>${name}</dt><dd>${value}</dd></div>`;
const table = (head, rows) => el`<div class="scroll"><table>
  <thead><tr>${head.map((name) => el`<th scope="col">${name}</th>`)}</tr></thead><tbody>${rows}</tbody>
</table></div>`;

/** A button that does something in the world: the page sends `action` with `input`. */
function act(ui, label, action, input = {}, { look = "", title = null } = {}) {
  const data = JSON.stringify(input);
  const busy = ui.busy.has(`${action} ${data}`);
  return el`<button type="button" class=${look} title=${title} data-action=${action} data-input=${data} disabled=${busy}>${label}</button>`;
}

/** The colour comes from the digest: the same image looks the same wherever it runs. */
function image(digest) {
  const hex = digest.replace("sha256:", "");
  return el`<span class="digest" title=${digest} hue=${parseInt(hex.slice(0, 6), 16) % 360}>${hex.slice(0, 8)}</span>`;
}

function ago(s, at) {
  const then = new Date(at);
  const passed = Math.max(0, Math.round((s.now + (Date.now() - s.readAt) - then.getTime()) / 1000));
  const clock = then.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
  const minutes = passed < 3600 ? `${Math.floor(passed / 60)} min ago` : clock;
  const text = passed < 5 ? "just now" : passed < 60 ? `${passed - (passed % 5)} s ago` : minutes;
  return el`<time datetime=${then.toISOString()} title=${then.toLocaleString()}>${text}</time>`;
}

const THE_END =
  "That is the whole story. Try a version that never gets ready, roll production back, or clone the repository and push your own.";

export function story(s, ui) {
  const open = s.pulls.find(({ state }) => state === "open");
  const merged = s.pulls.some(({ state }) => state === "merged");
  const happened = (state) =>
    s.deployments.some(({ environment, states }) => environment === "preview" && states.includes(state));
  const last = s.environments.find(({ name }) => name === s.environmentNames.at(-1));
  const push = (label, variant) =>
    open && act(ui, label, "push", { number: open.number, variant }, { look: "primary" });
  const steps = [
    [
      "Open a pull request",
      s.pulls.length > 0,
      "One version of the shop, on a branch of its own.",
      () => act(ui, "Open a pull request", "open", { variant: "good" }, { look: "primary" }),
    ],
    [
      "See its preview",
      happened("success"),
      "Tests run, an image is pushed, and a namespace of its own answers at its own address.",
      () => null,
    ],
    [
      "Break it",
      happened("failure"),
      "Push a version that crashes, and read on GitHub what is wrong. What served goes on serving.",
      () => push("Push a crashing version", "crashing"),
    ],
    [
      "Repair and merge",
      merged,
      "Push a good version; when its checks are green, merge.",
      () => [push("Push a good version", "good"), open && act(ui, "Merge", "merge", { number: open.number })],
    ],
    [
      "Staging, then production",
      merged && last?.live?.rev > 1,
      "The same image, by digest, goes to staging and then to production.",
      () => null,
    ],
  ];
  // Who merged without breaking anything has seen enough of the steps before.
  const now = steps.findLastIndex(([, done]) => done) + 1;
  const [, , told, button] = steps[now] ?? ["", true, THE_END, () => null];
  const step = ([name], i) => {
    const state = i < now ? "done" : i === now ? "now" : "later";
    const mark = i < now ? "✓" : `${i + 1}`;
    return el`<li data-state=${state} aria-current=${i === now && "step"}>
      <span class="mark" aria-hidden="true">${mark}</span><span>${name}${i < now && el`<span class="sr"> (done)</span>`}</span>
    </li>`;
  };
  return [
    el`<ol class="steps">${steps.map(step)}</ol>`,
    el`<div class="next"><p>${told}</p><div class="row">${button()}</div></div>`,
  ];
}

export function pipeline(s, ui) {
  const preview = s.previews.find(({ name }) => name === String(s.pull?.number));
  const environment = (name) => s.environments.find((each) => each.name === name);
  const [first] = s.environmentNames;
  const same = environment(first)?.live?.key;
  const listed = s.pulls.filter(({ number }, i) => i < 8 || number === s.pull?.number);
  const coming = s.pull
    ? "Comes once the tests have passed and the image is in the registry."
    : "Every pull request gets one of its own.";
  return [
    el`<nav class="pulls" aria-label="Pull requests"><ul>${listed.map((pull) => pullTab(s, pull))}</ul>${act(ui, "Open a pull request", "open", { variant: "good" })}</nav>`,
    el`<ol class="stages">
      ${pullStage(s, ui)}
      ${stage(s, ui, { name: "preview", target: preview, empty: coming })}
      ${s.environmentNames.map((name) => stage(s, ui, { name, target: environment(name), empty: "Nothing has been deployed here yet.", same: name !== first && same, first }))}
    </ol>`,
  ];
}

function pullTab(s, { number, title, state, url }) {
  const phase = s.previews.find(({ name }) => name === String(number))?.phase;
  const tone = state === "open" ? (PHASE[phase]?.[0] ?? "wait") : toneOf(state);
  return el`<li data-key=${`tab-${number}`}><a href=${url} aria-current=${s.pull?.number === number && "page"}>
    ${dot(tone)}<span>#${number} <span class="title">${title}</span></span><span class="sr"> (${state})</span>
  </a></li>`;
}

function pullStage(s, ui) {
  if (s.pull === null) {
    const [asked] = s.focus.kind === "newest" ? [] : s.commits;
    const body = asked
      ? [commit(s, asked.sha), ` ${firstLine(asked.message)}`]
      : "None yet. Open one, or push a branch of your own.";
    return el`<li class="stage" data-key="pull"><h2>${asked ? "Commit" : "Pull request"}</h2><p>${body}</p></li>`;
  }
  const { number, title, state, mergeable, branch, base, sha } = s.pull;
  const tests = s.commits.find((each) => each.sha === sha)?.runs.filter(({ app }) => app !== "proa") ?? [];
  const open = state === "open";
  const conflict =
    mergeable === false ? "It conflicts with main: push a version, which brings the branch up to date" : null;
  const version = ([variant, label, tone]) =>
    act(ui, [dot(tone), label], "push", { number, variant }, { look: "small" });
  return el`<li class="stage" data-key="pull" data-tone=${toneOf(state)}>
    <header><h2>Pull request #${number}</h2>${chip(toneOf(state), state)}</header>
    <p class="because">${title}</p>
    <dl>
      ${fact("branch", el`<code>${branch}</code>`, ` → ${base}`)}
      ${fact("head", commit(s, sha))}
      ${fact("checks", tests.length === 0 ? none() : tests.map((run) => chip(toneOf(run.state), run.name)))}
    </dl>
    ${open && el`<div class="versions"><p>Push a version</p><div class="row">${VERSIONS.map(version)}</div></div>`}
    <footer class="row">
      ${open && [act(ui, "Merge", "merge", { number }, { look: conflict ? "" : "go", title: conflict }), act(ui, "Close", "close", { number })]}
      ${state === "closed" && act(ui, "Reopen", "reopen", { number })}
    </footer>
  </li>`;
}

function stage(s, ui, { name, target, empty, same = null, first = "" }) {
  const [tone, word] = PHASE[target?.phase] ?? ["quiet", "nothing yet"];
  const { live = null, rollout = null, holds = [], clusters = [], url = null } = target ?? {};
  const because = target ? ended(target.because) : empty;
  const [digest] = Object.values(live?.digests ?? {});
  const merged = live && s.pull?.merge === live.sha && el`<span class="note"> #${s.pull.number}, merged</span>`;
  const equal =
    same && same === live?.key && el`<span class="same" title=${`The same image as in ${first}`}>= ${first}</span>`;
  return el`<li class="stage" data-key=${name} data-tone=${tone}>
    <header><h2>${name}</h2>${chip(tone, word)}</header>
    <p class="because" title=${because}>${inline(because)}</p>
    <dl>
      ${fact("serves", live ? [commit(s, live.sha), merged] : none())}
      ${fact("image", digest ? [image(digest), equal] : none())}
      ${fact("pods", podDots(clusters))}
      ${rollout && fact("next", commit(s, rollout.sha), rollout.kind === "rollback" && " rolled back to", ` as revision ${rollout.rev}`)}
    </dl>
    ${holds.map((hold) => el`<p class="hold" data-key=${`hold-${hold.sha}`}>On hold: ${commit(s, hold.sha)} by ${hold.by}</p>`)}
    <footer class="row">${url && live && away(url, "Open the app ↗", "button")}${target && commands(s, ui, target)}</footer>
  </li>`;
}

/** Commands are comments on a pull request, so that everybody sees who asked for what. */
function commands(s, ui, { name, kind, previous, holds, failed, awaiting }) {
  const number = s.pull?.number ?? s.pulls[0]?.number;
  if (number === undefined) return null;
  const say = (label, text) =>
    act(ui, label, "comment", { number, text }, { look: "small", title: `Comments ${text} on #${number}` });
  if (kind === "preview") return failed && s.pull?.state === "open" && say("Try again", "/deploy");
  const stuck = holds.length > 0 || failed;
  return [
    awaiting && say("Approve", `/approve ${name}`),
    previous && say("Roll back", `/rollback ${name}`),
    stuck && [say("Release hold", `/release-hold ${name}`), say("Deploy newest", `/deploy ${name}`)],
  ];
}

function podDots(clusters) {
  const pods = clusters.flatMap((cluster) => cluster.pods);
  if (pods.length === 0) return none();
  const deployments = clusters.flatMap((cluster) => cluster.deployments);
  const sum = (field) => deployments.reduce((total, each) => total + each[field], 0);
  const square = ({ name, tone, text }) =>
    el`<span class="pod" data-key=${name} data-tone=${tone} title=${`${name}: ${text}`}></span>`;
  return [
    el`<span class="pods" aria-hidden="true">${pods.map(square)}</span>`,
    ` ${sum("ready")} of ${sum("replicas")} ready`,
  ];
}

export function github(s, ui) {
  const { pull } = s;
  const nothing = s.comments.length + s.commits.length === 0;
  return [
    el`<h2>On GitHub${pull && el`<small> #${pull.number} ${pull.title}</small>`}</h2>`,
    s.comments.map((comment) => commentView(s, comment)),
    pull &&
      el`<form class="say" data-comment=${pull.number}>
      <label class="sr" for="say">Comment on #${pull.number}</label>
      <input id="say" name="text" placeholder="Comment, or /deploy, /rollback staging, /release-hold staging …" autocomplete="off">
      <button type="submit">Comment</button>
    </form>`,
    s.commits.map((each) => commitView(s, ui, each)),
    s.deployments.length > 0 && deployments(s),
    nothing &&
      el`<p class="empty">Comment, statuses, check runs and Deployments appear here, exactly as GitHub shows them.</p>`,
  ];
}

function commentView(s, { id, body, author, at, up, down }) {
  const reactions = [up > 0 && chip("ok", "accepted"), down > 0 && chip("bad", "refused")];
  return el`<article class="comment" data-key=${`comment-${id}`}>
    <header><strong>${author}</strong> ${ago(s, at)} ${reactions}</header>${markdown(body)}
  </article>`;
}

function commitView(s, ui, { sha, message, statuses, runs }) {
  const role = sha === s.pull?.merge ? " merge commit" : sha === s.pull?.sha ? " head" : "";
  const status = ({ context, state, description, url }) => el`<li data-key=${context}>
    ${chip(toneOf(state), state)}<div><strong>${context}</strong> ${url ? away(url, description ?? url) : description}</div>
  </li>`;
  return el`<div class="commit" data-key=${`commit-${sha}`}>
    <h3>${commit(s, sha)} ${firstLine(message)}<small>${role}</small></h3>
    <ul class="checks">${statuses.map(status)}</ul>
    ${runs.map((run) => runView(s, ui, run))}
    ${statuses.length + runs.length === 0 && el`<p class="quiet">No statuses or check runs yet.</p>`}
  </div>`;
}

function runView(s, ui, { id, name, app, state, title, summary, text, annotations, buttons, at }) {
  const asked = s.focus.kind === "run" && s.focus.id === id;
  const open = asked || (app === "proa" && (state === "failure" || state === "action_required"));
  const button = ({ label, description, identifier }) =>
    act(
      ui,
      label,
      "press",
      { run: id, identifier },
      { look: identifier === "approve" ? "go" : "", title: description },
    );
  return el`<details class="run" id=${`run-${id}`} data-key=${`run-${id}-${state}`} data-asked=${asked} open=${open}>
    <summary>${chip(toneOf(state), state)}<span><strong>${name}</strong> <span class="quiet">${title !== name && title}</span></span></summary>
    <div class="report">
      ${annotations.map(({ path, line, message }) => el`<p class="hold"><code>${path}:${line}</code> ${message}</p>`)}
      ${[summary, text].map((part) => part && markdown(part))}
      <footer class="row">
        ${buttons.map(button)}
        ${app !== "proa" && state !== "in_progress" && act(ui, "Run again", "rerun", { run: id }, { look: "small" })}
        ${at && ago(s, at)}
      </footer>
    </div>
  </details>`;
}

function deployments(s) {
  const row = ({ id, environment, sha, state, states, at, task, url }) => el`<tr data-key=${`deployment-${id}`}>
    <td>${chip(toneOf(state), state)}</td>
    <td>${environment}</td>
    <td>${commit(s, sha)}</td>
    <td class="quiet">${task === "rollback" && "rollback: "}${url && state === "success" ? away(url, new URL(url).host) : states.join(" → ").replaceAll("_", " ")}</td>
    <td class="quiet">${ago(s, at)}</td>
  </tr>`;
  const head = ["state", "environment", "commit", "how it went", "when"];
  return el`<div class="group"><h3>Deployments</h3>${table(head, s.deployments.map(row))}</div>`;
}

/** The target whose inside is shown: the reader's choice, else what moves, else what failed, else the first with pods. */
export function shownTarget(s, ui) {
  const mine = s.previews.filter(({ name }) => name === String(s.pull?.number));
  const targets = [
    ...mine,
    ...s.environmentNames.flatMap((name) => s.environments.filter((each) => each.name === name)),
  ];
  const shown =
    targets.find(({ id }) => id === ui.target) ??
    targets.find(({ id, clusters }) => id === ui.log?.target && clusters.length > 0) ??
    targets.find(({ phase }) => phase === "rolling" || phase === "baking") ??
    targets.find(({ phase }) => phase === "failed") ??
    targets.find(({ clusters }) => clusters.length > 0) ??
    targets[0];
  return { targets, shown: shown ?? null };
}

export function cluster(s, ui) {
  const { targets, shown } = shownTarget(s, ui);
  const tab = (
    target,
  ) => el`<button type="button" data-target=${target.id} data-key=${target.id} aria-pressed=${`${target === shown}`}>
    ${dot(PHASE[target.phase][0])}${titleOf(target)}
  </button>`;
  const inside =
    shown &&
    el`<div data-key=${`inside-${shown.id}`}>
    ${shown.rollout && rolloutView(s, shown)}
    ${shown.clusters.map((place) => placeView(s, ui, shown, place))}
    ${shown.clusters.length === 0 && el`<p class="empty">Nothing of it is in a cluster now.</p>`}
    ${shown.releases.length > 0 && releases(s, shown)}
  </div>`;
  return [
    el`<h2>In the cluster</h2>`,
    el`<div class="tabs" role="group" aria-label="What to look into">${targets.map(tab)}</div>`,
    inside ?? el`<p class="empty">Pods, events and logs appear here.</p>`,
  ];
}

const titleOf = ({ kind, name }) => (kind === "preview" ? `preview #${name}` : name);
const STEP = {
  applying: "writing to the cluster",
  observing: "waiting for pods to be ready",
  baking: "healthy, watched a little longer",
};

function rolloutView(s, { rollout, clusters, releases: all }) {
  const { rev, kind, sha, step, startedAt } = rollout;
  const digest = all.find((release) => release.rev === rev)?.digest;
  const wanted = clusters.flatMap(({ deployments: inside }) => inside).reduce((sum, { replicas }) => sum + replicas, 0);
  const ready = clusters.flatMap(({ pods }) => pods).filter((pod) => pod.digest === digest && pod.tone === "ok").length;
  return el`<div class="rollout">
    <p><strong>${kind === "rollback" ? "Rolling back to" : "Rolling out"}</strong> ${commit(s, sha)} as revision ${rev}: ${STEP[step]}. Began ${ago(s, startedAt)}.</p>
    <progress max=${Math.max(1, wanted)} value=${ready} aria-label="new pods that are ready"></progress>
  </div>`;
}

function placeView(s, ui, target, { cluster: name, namespace, problem, pods, events }) {
  const log = ui.log?.target === target.id && ui.log.cluster === name ? ui.log : null;
  const button = ({ name: pod, container }, label, previous) => {
    const wanted = JSON.stringify({ target: target.id, cluster: name, pod, container, previous });
    return el`<button type="button" class="small" data-log=${wanted} aria-pressed=${`${log?.pod === pod && log.previous === previous}`}>${label}</button>`;
  };
  const row = (pod) => el`<li data-key=${pod.name}>
    <div class="row">
      ${chip(pod.tone, pod.text)}<code>${pod.name}</code>${pod.digest && image(pod.digest)}
      ${pod.restarts > 0 && el`<span class="quiet">${pod.restarts} restart${pod.restarts > 1 && "s"}</span>`}
      <span class="row end">${pod.previous && button(pod, "Log before the crash", true)}${pod.container && button(pod, "Log", false)}</span>
    </div>
    ${pod.detail && el`<p class="quiet detail" title=${pod.detail}>${pod.detail}</p>`}
  </li>`;
  return el`<div class="group" data-key=${`${name}/${namespace}`}>
    <h3>Pods<small> namespace ${namespace}</small></h3>
    ${problem && el`<p class="hold">${problem}</p>`}
    ${pods.length === 0 ? el`<p class="empty">No pods yet.</p>` : el`<ul class="podlist">${pods.map(row)}</ul>`}
    ${log && logView(log, ui.logText)}
    ${events.length > 0 && el`<details class="events" open><summary>Events (${events.length})</summary><ul>${events.map((event) => eventView(s, event))}</ul></details>`}
  </div>`;
}

const logView = ({ pod, previous }, text) => el`<div class="log" data-key=${`log-${pod}-${previous}`}>
  <header><code>${pod}</code>${previous && " before its last restart"}<button type="button" class="small" data-log="null">Close the log</button></header>
  <pre tabindex="0">${text || "No lines yet."}</pre>
</div>`;

const eventView = (
  s,
  { type, reason, about, message, count, lastAt },
) => el`<li data-tone=${type === "Warning" && "bad"}>
  <strong>${reason}</strong>
  <span>${about.split("/")[0].toLowerCase()}: ${message.replace(/(sha256:[0-9a-f]{12})[0-9a-f]{52}/g, "$1…")}${count > 1 && ` (${count} times)`}</span>
  <span class="quiet">${lastAt > 0 && ago(s, lastAt)}</span>
</li>`;

function releases(s, target) {
  const row = ({ rev, kind, sha, digest, outcome, actor, createdAt }) => el`<tr data-key=${`rev-${rev}`}>
    <td class="number">${rev}</td>
    <td>${chip(toneOf(outcome), outcome)}</td>
    <td>${commit(s, sha)}${kind === "rollback" && " rollback"}</td>
    <td>${digest && image(digest)}</td>
    <td class="quiet">${actor && `by ${actor} `}${ago(s, createdAt)}</td>
  </tr>`;
  const head = ["rev", "outcome", "commit", "image", "released"];
  return el`<div class="group"><h3>Releases<small> of ${titleOf(target)}</small></h3>${table(head, target.releases.map(row))}</div>`;
}

export function activity(s, ui) {
  const row = ({ id, event, action, at, code, redelivery }) => el`<li data-key=${`delivery-${id}`}>
    ${chip(code < 300 ? "ok" : "bad", `${code}`)}
    <span><strong>${event}</strong>${action && `.${action}`}${redelivery && " again"}</span>
    <span class="quiet">${ago(s, at)}</span>
    ${act(ui, "Redeliver", "redeliver", { id }, { look: "small" })}
  </li>`;
  return [
    el`<h2>Webhooks<small> what GitHub told Proa, newest first</small></h2>`,
    s.deliveries.length === 0
      ? el`<p class="empty">None yet.</p>`
      : el`<ul class="deliveries">${s.deliveries.map(row)}</ul>`,
  ];
}
