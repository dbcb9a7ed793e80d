import { h } from "./dom.js";
import { markdown } from "./markdown.js";

/** Every view is a function of the server's snapshot `s` and what the reader chose, `ui`. */

const PHASE = {
  idle: ["quiet", "nothing here"],
  waiting: ["wait", "waiting"],
  blocked: ["bad", "blocked"],
  rolling: ["busy", "rolling out"],
  baking: ["busy", "being watched"],
  live: ["ok", "live"],
  failed: ["bad", "failed"],
  removing: ["quiet", "being removed"],
};
const TONE = {
  success: "ok",
  completed: "ok",
  live: "ok",
  merged: "merged",
  open: "ok",
  failure: "bad",
  error: "bad",
  timed_out: "bad",
  failed: "bad",
  pending: "busy",
  queued: "busy",
  in_progress: "busy",
  rolling: "busy",
  action_required: "wait",
};
const VERSIONS = [
  ["good", "Good", "ok"],
  ["slow-start", "Slow start", "busy"],
  ["failing-test", "Failing test", "bad"],
  ["crashing", "Crashing", "bad"],
  ["never-ready", "Never ready", "bad"],
];

const toneOf = (state) => TONE[state] ?? "quiet";
const chip = (tone, text) => h("span", { class: "chip", "data-tone": tone }, text);
const short = (sha) => sha.slice(0, 7);
const ended = (text) => (/[.!?…]$/.test(text) ? text : `${text}.`);
const away = (href, ...label) => h("a", { href, target: "_blank", rel: "noopener noreferrer" }, ...label);

function act(ui, label, action, input = {}, { look = "", title = null } = {}) {
  const data = JSON.stringify(input);
  const busy = ui.busy.has(`${action} ${data}`);
  return h(
    "button",
    {
      type: "button",
      class: look,
      title,
      "data-action": action,
      "data-input": data,
      disabled: busy,
      "aria-busy": busy,
    },
    label,
  );
}

const commit = (s, sha) =>
  h("a", { class: "sha", href: `/${s.repo.owner}/${s.repo.name}/commit/${sha}`, title: sha }, short(sha));

/** The colour comes from the digest: the same image looks the same wherever it runs. */
function image(digest) {
  const hex = digest.replace("sha256:", "");
  return h(
    "span",
    { class: "digest", title: digest, style: { "--hue": `${parseInt(hex.slice(0, 6), 16) % 360}` } },
    hex.slice(0, 8),
  );
}

function ago(s, at) {
  const ms = typeof at === "number" ? at : Date.parse(at);
  const passed = Math.max(0, Math.round((s.now + (Date.now() - s.readAt) - ms) / 1000));
  const clock = new Date(ms).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
  const text =
    passed < 5
      ? "just now"
      : passed < 60
        ? `${passed - (passed % 5)} s ago`
        : passed < 3600
          ? `${Math.floor(passed / 60)} min ago`
          : clock;
  return h("time", { datetime: new Date(ms).toISOString(), title: new Date(ms).toLocaleString() }, text);
}

export function story(s, ui) {
  const environment = (name) => s.environments.find((each) => each.name === name);
  const last = environment(s.environmentNames.at(-1))?.live;
  const first = environment(s.environmentNames[0])?.live;
  const merged = s.pulls.some(({ state }) => state === "merged");
  const open = s.pulls.find(({ state }) => state === "open");
  const all = s.deployments.flatMap(({ states }) => states);
  const through = merged && last && first && last.key === first.key && last.rev > 1;
  const steps = [
    [
      "Open a pull request",
      s.pulls.length > 0,
      "One version of the shop, on a branch of its own.",
      () => act(ui, "Open a pull request", "open", { variant: "good" }, { look: "primary" }),
    ],
    [
      "See its preview",
      s.deployments.some(({ environment: name, states }) => name === "preview" && states.includes("success")),
      "Tests run, an image is pushed, and a namespace of its own answers at its own address.",
      () => null,
    ],
    [
      "Break it",
      all.includes("failure"),
      "Push a version that crashes, and read on GitHub what is wrong. What served goes on serving.",
      () =>
        open &&
        act(ui, "Push a crashing version", "push", { number: open.number, variant: "crashing" }, { look: "primary" }),
    ],
    [
      "Repair and merge",
      merged,
      "Push a good version; when its checks are green, merge.",
      () =>
        open && [
          act(ui, "Push a good version", "push", { number: open.number, variant: "good" }, { look: "primary" }),
          act(ui, "Merge", "merge", { number: open.number }),
        ],
    ],
    [
      "Staging, then production",
      Boolean(through),
      "The same image, by digest, goes to staging and then to production.",
      () => null,
    ],
  ];
  // Who merged without breaking anything has seen enough of the steps before.
  const now = steps.findLastIndex(([, done]) => done) + 1;
  const current = steps[now];
  return [
    h(
      "ol",
      { class: "steps" },
      steps
        .map(([name], i) => [name, i < now, i])
        .map(([name, done, i]) =>
          h(
            "li",
            { "data-state": done ? "done" : i === now ? "now" : "later", "aria-current": i === now ? "step" : null },
            h("span", { class: "mark", "aria-hidden": "true" }, done ? "✓" : `${i + 1}`),
            h("span", {}, name, done && h("span", { class: "sr" }, " (done)")),
          ),
        ),
    ),
    h(
      "div",
      { class: "next" },
      h(
        "p",
        {},
        current
          ? current[2]
          : "That is the whole story. Try a version that never gets ready, roll production back, or clone the repository and push your own.",
      ),
      h("div", { class: "row" }, current?.[3]()),
    ),
  ];
}

export function pipeline(s, ui) {
  const preview = s.pull && s.previews.find(({ name }) => name === String(s.pull.number));
  const [first] = s.environmentNames;
  const shared = s.environments.find(({ name }) => name === first)?.live?.key;
  return [
    h(
      "nav",
      { class: "pulls", "aria-label": "Pull requests" },
      h(
        "ul",
        {},
        s.pulls.filter(({ number }, i) => i < 8 || number === s.pull?.number).map((pull) => pullTab(s, pull)),
      ),
      act(
        ui,
        "Open a pull request",
        "open",
        { variant: "good" },
        { look: s.pulls.some(({ state }) => state === "open") ? "" : "primary" },
      ),
    ),
    h(
      "ol",
      { class: "stages" },
      pullStage(s, ui),
      stage(s, ui, "preview", preview, {
        empty: s.pull
          ? "Comes once the tests have passed and the image is in the registry."
          : "Every pull request gets one of its own.",
      }),
      s.environmentNames.map((name) =>
        stage(
          s,
          ui,
          name,
          s.environments.find((each) => each.name === name),
          { empty: "Nothing has been deployed here yet.", same: name !== first && shared, from: first },
        ),
      ),
    ),
  ];
}

function pullTab(s, { number, title, state, url }) {
  const target = s.previews.find(({ name }) => name === String(number));
  const tone = state === "open" ? (PHASE[target?.phase]?.[0] ?? "wait") : toneOf(state);
  const current = s.pull?.number === number;
  return h(
    "li",
    { "data-key": `tab-${number}` },
    h(
      "a",
      { href: url, "aria-current": current ? "page" : null },
      h("span", { class: "dot", "data-tone": tone }),
      h("span", {}, `#${number} `, h("span", { class: "title" }, title)),
      h("span", { class: "sr" }, ` (${state})`),
    ),
  );
}

function pullStage(s, ui) {
  const { pull } = s;
  if (pull === null) {
    const [asked] = s.focus.kind === "newest" ? [] : s.commits;
    const body = asked
      ? h("p", {}, commit(s, asked.sha), ` ${asked.message.split("\n")[0]}`)
      : h("p", {}, "None yet. Open one, or push a branch of your own.");
    return h("li", { class: "stage", "data-key": "pull" }, h("h2", {}, asked ? "Commit" : "Pull request"), body);
  }
  const { number, title, state, mergeable, branch, base, sha } = pull;
  const head = s.commits.find((each) => each.sha === sha);
  const tests = head?.runs.filter(({ app }) => app !== "proa") ?? [];
  const open = state === "open";
  return h(
    "li",
    { class: "stage", "data-key": "pull", "data-tone": toneOf(state) },
    h("header", {}, h("h2", {}, `Pull request #${number}`), chip(toneOf(state), state)),
    h("p", { class: "because" }, title),
    h(
      "dl",
      {},
      fact("branch", h("code", {}, branch), " → ", base),
      fact("head", commit(s, sha)),
      fact("checks", tests.length === 0 ? "none yet" : tests.map(({ name, state: is }) => chip(toneOf(is), name))),
    ),
    open &&
      h(
        "div",
        { class: "versions" },
        h("p", {}, "Push a version"),
        h(
          "div",
          { class: "row" },
          VERSIONS.map(([variant, label, tone]) =>
            act(
              ui,
              [h("span", { class: "dot", "data-tone": tone }), label],
              "push",
              { number, variant },
              { look: "small" },
            ),
          ),
        ),
      ),
    h(
      "footer",
      { class: "row" },
      open &&
        act(
          ui,
          "Merge",
          "merge",
          { number },
          {
            look: mergeable === false ? "" : "go",
            title:
              mergeable === false ? "It conflicts with main: push a version, which brings the branch up to date" : null,
          },
        ),
      open && act(ui, "Close", "close", { number }),
      state === "closed" && act(ui, "Reopen", "reopen", { number }),
    ),
  );
}

const none = () => h("span", { class: "quiet" }, "none");
const fact = (name, ...value) => h("div", {}, h("dt", {}, name), h("dd", {}, ...value));

function stage(s, ui, name, target, { empty, same = null, from = "" }) {
  const [tone, word] = PHASE[target?.phase] ?? ["quiet", "nothing yet"];
  const { live = null, rollout = null, holds = [], clusters = [], url = null } = target ?? {};
  const because = target ? ended(target.because) : empty;
  const digest = live && Object.values(live.digests)[0];
  const served = live && s.pull?.merge === live.sha;
  return h(
    "li",
    { class: "stage", "data-key": name, "data-tone": tone },
    h("header", {}, h("h2", {}, name), chip(tone, word)),
    h("p", { class: "because", title: because }, because),
    h(
      "dl",
      {},
      fact(
        "serves",
        live ? [commit(s, live.sha), served && h("span", { class: "note" }, ` #${s.pull.number}, merged`)] : none(),
      ),
      fact(
        "image",
        digest
          ? [
              image(digest),
              same &&
                same === live.key &&
                h("span", { class: "same", title: `The same image as in ${from}` }, `= ${from}`),
            ]
          : none(),
      ),
      fact("pods", podDots(clusters)),
      rollout &&
        fact(
          "next",
          commit(s, rollout.sha),
          rollout.kind === "rollback" && " rolled back to",
          ` as revision ${rollout.rev}`,
        ),
    ),
    holds.map((hold) =>
      h("p", { class: "hold", "data-key": `hold-${hold.sha}` }, "On hold: ", commit(s, hold.sha), ` by ${hold.by}`),
    ),
    h(
      "footer",
      { class: "row" },
      url &&
        live &&
        h("a", { class: "button", href: url, target: "_blank", rel: "noopener noreferrer" }, "Open the app ↗"),
      target && commands(s, ui, target),
    ),
  );
}

/** Commands are comments on a pull request, so that everybody sees who asked for what. */
function commands(s, ui, { name, kind, previous, holds, failed, awaiting }) {
  const number = s.pull?.number ?? s.pulls[0]?.number;
  if (number === undefined) return null;
  const say = (label, text) =>
    act(ui, label, "comment", { number, text }, { look: "small", title: `Comments ${text} on #${number}` });
  if (kind === "preview") return failed && s.pull?.state === "open" && say("Try again", "/deploy");
  return [
    awaiting && say("Approve", `/approve ${name}`),
    previous && say("Roll back", `/rollback ${name}`),
    (holds.length > 0 || failed) && [
      say("Release hold", `/release-hold ${name}`),
      say("Deploy newest", `/deploy ${name}`),
    ],
  ];
}

function podDots(clusters) {
  const pods = clusters.flatMap((cluster) => cluster.pods);
  const [wanted, ready] = clusters
    .flatMap(({ deployments }) => deployments)
    .reduce(([w, r], d) => [w + d.replicas, r + d.ready], [0, 0]);
  const dots = pods.map(({ name, tone, text }) =>
    h("span", { class: "pod", "data-key": name, "data-tone": tone, title: `${name}: ${text}` }),
  );
  return pods.length === 0
    ? none()
    : [h("span", { class: "pods", "aria-hidden": "true" }, dots), ` ${ready} of ${wanted} ready`];
}

export function github(s, ui) {
  const { pull } = s;
  return [
    h("h2", {}, "On GitHub", pull && h("small", {}, ` #${pull.number} ${pull.title}`)),
    s.focus.kind !== "newest" && pull === null && h("p", { class: "quiet" }, "This commit is no pull request's head."),
    s.comments.map((comment) => commentView(s, comment)),
    pull &&
      h(
        "form",
        { class: "say", "data-comment": pull.number },
        h("label", { class: "sr", for: "say" }, `Comment on #${pull.number}`),
        h("input", {
          id: "say",
          name: "text",
          placeholder: "Comment, or /deploy, /rollback staging, /release-hold staging …",
          autocomplete: "off",
        }),
        h("button", { type: "submit" }, "Comment"),
      ),
    s.commits.map((each) => commitView(s, ui, each)),
    deployments(s),
    s.comments.length + s.commits.length === 0 &&
      h(
        "p",
        { class: "empty" },
        "Comment, statuses, check runs and Deployments appear here, exactly as GitHub shows them.",
      ),
  ];
}

function commentView(s, { id, body, author, at, up, down }) {
  return h(
    "article",
    { class: "comment", "data-key": `comment-${id}`, "data-bot": author.endsWith("[bot]") },
    h(
      "header",
      {},
      h("strong", {}, author),
      " ",
      ago(s, at),
      up > 0 && h("span", { title: "accepted" }, " 👍"),
      down > 0 && h("span", { title: "refused" }, " 👎"),
    ),
    markdown(body),
  );
}

function commitView(s, ui, { sha, message, statuses, runs }) {
  const role = sha === s.pull?.merge ? "merge commit" : sha === s.pull?.sha ? "head" : null;
  return h(
    "div",
    { class: "commit", "data-key": `commit-${sha}` },
    h("h3", {}, commit(s, sha), ` ${message.split("\n")[0]}`, role && h("small", {}, ` ${role}`)),
    h(
      "ul",
      { class: "checks" },
      statuses.map((status) =>
        h(
          "li",
          { "data-key": status.context },
          chip(toneOf(status.state), status.state),
          h(
            "div",
            {},
            h("strong", {}, status.context),
            " ",
            status.url ? away(status.url, status.description ?? "") : (status.description ?? ""),
          ),
        ),
      ),
    ),
    runs.map((run) => runView(s, ui, run)),
    statuses.length + runs.length === 0 && h("p", { class: "quiet" }, "No statuses or check runs yet."),
  );
}

function runView(s, ui, { id, name, app, state, title, summary, text, annotations, buttons, at }) {
  const asked = s.focus.kind === "run" && s.focus.id === id;
  const open = asked || (app === "proa" && (state === "failure" || state === "action_required"));
  return h(
    "details",
    { class: "run", id: `run-${id}`, "data-key": `run-${id}-${state}`, "data-asked": asked, open },
    h(
      "summary",
      {},
      chip(toneOf(state), state.replace("_", " ")),
      h("span", {}, h("strong", {}, name), title && title !== name && [" ", h("span", { class: "quiet" }, title)]),
    ),
    h(
      "div",
      { class: "report" },
      annotations.map(({ path, line, message }) =>
        h("p", { class: "hold" }, h("code", {}, `${path}:${line}`), ` ${message}`),
      ),
      summary && markdown(summary),
      text && markdown(text),
      h(
        "footer",
        { class: "row" },
        buttons.map(({ label, description, identifier }) =>
          act(
            ui,
            label,
            "press",
            { run: id, identifier },
            { look: identifier === "approve" ? "go" : "", title: description },
          ),
        ),
        app !== "proa" && state !== "in_progress" && act(ui, "Run again", "rerun", { run: id }, { look: "small" }),
        at && ago(s, at),
      ),
    ),
  );
}

function deployments(s) {
  if (s.deployments.length === 0) return null;
  const row = ({ id, environment, sha, state, states, at, task, url }) =>
    h(
      "tr",
      { "data-key": `deployment-${id}` },
      h("td", {}, chip(toneOf(state), state.replace("_", " "))),
      h("td", {}, environment, task === "rollback" && " (rollback)"),
      h("td", {}, commit(s, sha)),
      h(
        "td",
        { class: "quiet", title: states.join(" → ") },
        url && state === "success" ? away(url, new URL(url).host) : states.join(" → ").replaceAll("_", " "),
      ),
      h("td", { class: "quiet" }, ago(s, at)),
    );
  const head = ["state", "environment", "commit", "how it went", "when"].map((name) => h("th", { scope: "col" }, name));
  return h(
    "div",
    { class: "group" },
    h("h3", {}, "Deployments"),
    h(
      "div",
      { class: "scroll" },
      h("table", {}, h("thead", {}, h("tr", {}, head)), h("tbody", {}, s.deployments.map(row))),
    ),
  );
}

/** The target whose inside is shown: the reader's choice, else what moves, else what failed, else the preview. */
export function shownTarget(s, ui) {
  const mine = s.previews.filter(({ name }) => name === String(s.pull?.number));
  const targets = [
    ...mine,
    ...s.environmentNames.flatMap((name) => s.environments.filter((each) => each.name === name)),
  ];
  const phase = (...phases) => targets.find((each) => phases.includes(each.phase));
  const shown =
    targets.find(({ id }) => id === ui.target) ??
    targets.find(({ id, clusters }) => id === ui.log?.target && clusters.length > 0) ??
    phase("rolling", "baking") ??
    phase("failed") ??
    targets.find(({ clusters }) => clusters.length > 0) ??
    targets[0] ??
    null;
  return { targets, shown };
}

export function cluster(s, ui) {
  const { targets, shown } = shownTarget(s, ui);
  const tab = ({ id, name, kind, phase }) =>
    h(
      "button",
      { type: "button", "data-target": id, "data-key": id, "aria-pressed": id === shown?.id ? "true" : "false" },
      h("span", { class: "dot", "data-tone": PHASE[phase][0] }),
      kind === "preview" ? `preview #${name}` : name,
    );
  return [
    h("h2", {}, "In the cluster"),
    h("div", { class: "tabs", role: "group", "aria-label": "What to look into" }, targets.map(tab)),
    shown === null
      ? h("p", { class: "empty" }, "Pods, events and logs appear here.")
      : h(
          "div",
          { "data-key": `inside-${shown.id}` },
          shown.rollout && rolloutView(s, shown),
          shown.clusters.map((place) => placeView(s, ui, shown, place)),
          shown.clusters.length === 0 && h("p", { class: "empty" }, "Nothing of it is in a cluster now."),
          history(s, shown),
        ),
  ];
}

function rolloutView(s, { rollout, clusters, releases }) {
  const all = clusters.flatMap(({ deployments: inside }) => inside);
  const wanted = all.reduce((sum, { replicas }) => sum + replicas, 0);
  const { digest } = releases.find(({ rev }) => rev === rollout.rev) ?? {};
  const ready = clusters.flatMap(({ pods }) => pods).filter((pod) => pod.digest === digest && pod.tone === "ok").length;
  const what = {
    applying: "writing to the cluster",
    observing: "waiting for pods to be ready",
    baking: "healthy, watched a little longer",
  }[rollout.step];
  return h(
    "div",
    { class: "rollout" },
    h(
      "p",
      {},
      h("strong", {}, rollout.kind === "rollback" ? "Rolling back to " : "Rolling out "),
      commit(s, rollout.sha),
      ` as revision ${rollout.rev}: ${what}. Began `,
      ago(s, rollout.startedAt),
      ".",
    ),
    h("progress", {
      max: `${Math.max(1, wanted)}`,
      value: rollout.step === "applying" ? null : `${ready}`,
      "aria-label": "updated pods that are ready",
    }),
  );
}

function placeView(s, ui, target, { cluster: name, namespace, problem, pods, events }) {
  const log = ui.log?.target === target.id && ui.log.cluster === name ? ui.log : null;
  const button = (pod, label, previous) =>
    h(
      "button",
      {
        type: "button",
        class: "small",
        "data-log": JSON.stringify({
          target: target.id,
          cluster: name,
          pod: pod.name,
          container: pod.container,
          previous,
        }),
        "aria-pressed": log?.pod === pod.name && log.previous === previous ? "true" : "false",
      },
      label,
    );
  const row = (pod) =>
    h(
      "li",
      { "data-key": pod.name },
      h(
        "div",
        { class: "row" },
        chip(pod.tone, pod.text),
        h("code", {}, pod.name),
        pod.digest && image(pod.digest),
        pod.restarts > 0 && h("span", { class: "quiet" }, `${pod.restarts} restart${pod.restarts === 1 ? "" : "s"}`),
        h(
          "span",
          { class: "row end" },
          pod.container && pod.previous && button(pod, "Log before the crash", true),
          pod.container && button(pod, "Log", false),
        ),
      ),
      pod.detail && h("p", { class: "quiet detail", title: pod.detail }, pod.detail),
    );
  return h(
    "div",
    { class: "group", "data-key": `${name}/${namespace}` },
    h("h3", {}, "Pods", h("small", {}, ` namespace ${namespace}`)),
    problem && h("p", { class: "hold" }, problem),
    pods.length === 0 ? h("p", { class: "empty" }, "No pods yet.") : h("ul", { class: "podlist" }, pods.map(row)),
    log &&
      h(
        "div",
        { class: "log", "data-key": `log-${log.pod}-${log.previous}` },
        h(
          "header",
          {},
          h("code", {}, log.pod),
          log.previous && " before its last restart",
          h("button", { type: "button", class: "small", "data-log": "null" }, "Close"),
        ),
        h("pre", { tabindex: "0" }, ui.logText || "No lines yet."),
      ),
    events.length > 0 &&
      h(
        "details",
        { class: "events", open: true },
        h("summary", {}, `Events (${events.length})`),
        h(
          "ul",
          {},
          events.map((event) =>
            h(
              "li",
              { "data-tone": event.type === "Warning" ? "bad" : null },
              h("strong", {}, event.reason),
              h(
                "span",
                {},
                event.about.split("/")[0].toLowerCase(),
                ": ",
                event.message.replace(/(sha256:[0-9a-f]{12})[0-9a-f]{52}/g, "$1…"),
                event.count > 1 && ` (${event.count} times)`,
              ),
              h("span", { class: "quiet" }, event.lastAt && ago(s, event.lastAt)),
            ),
          ),
        ),
      ),
  );
}

function history(s, { releases, name, kind }) {
  if (releases.length === 0) return null;
  const row = ({ rev, kind: how, sha, digest, outcome, actor, createdAt }) =>
    h(
      "tr",
      { "data-key": `rev-${rev}` },
      h("td", { class: "number" }, `${rev}`),
      h("td", {}, chip(toneOf(outcome), outcome)),
      h("td", {}, commit(s, sha), how === "rollback" && " rollback"),
      h("td", {}, digest && image(digest)),
      h("td", { class: "quiet" }, actor && `by ${actor} `, ago(s, createdAt)),
    );
  const head = ["rev", "outcome", "commit", "image", "released"].map((label) => h("th", { scope: "col" }, label));
  return h(
    "div",
    { class: "group" },
    h("h3", {}, "Releases", h("small", {}, ` of ${kind === "preview" ? `preview #${name}` : name}`)),
    h("div", { class: "scroll" }, h("table", {}, h("thead", {}, h("tr", {}, head)), h("tbody", {}, releases.map(row)))),
  );
}

export function activity(s, ui) {
  const row = ({ id, event, action, at, code, redelivery }) =>
    h(
      "li",
      { "data-key": `delivery-${id}` },
      chip(code < 300 ? "ok" : "bad", `${code}`),
      h("span", {}, h("strong", {}, event), action && `.${action}`, redelivery && " again"),
      h("span", { class: "quiet" }, ago(s, at)),
      act(ui, "Redeliver", "redeliver", { id }, { look: "small" }),
    );
  return [
    h("h2", {}, "Webhooks", h("small", {}, " what GitHub told Proa, newest first")),
    s.deliveries.length === 0
      ? h("p", { class: "empty" }, "None yet.")
      : h("ul", { class: "deliveries" }, s.deliveries.map(row)),
  ];
}
