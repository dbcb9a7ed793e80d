import type { Sha } from "../../src/core/names.ts";
import { type Repo, versionText } from "./github.ts";
import { RARE } from "./github-deeds.ts";
import { HANDS } from "./people-cluster.ts";
import { type Action, type Deed, pick, type Play } from "./play.ts";
import {
  configText,
  folderOf,
  LABEL,
  meaningOf,
  randomBehaviour,
  randomMeaning,
  type RepositoryPlan,
} from "./scenario.ts";

/** What people do on GitHub, each as often as its weight says. null: there was nothing to do it to. */
const ON_GITHUB: readonly Action[] = [
  { weight: 14, act: (play) => open(play) },
  { weight: 12, act: (play) => pushToPull(play) },
  { weight: 4, act: (play) => forcePush(play) },
  { weight: 6, act: (play) => close(play) },
  { weight: 5, act: (play) => reopen(play) },
  { weight: 12, act: (play) => merge(play) },
  { weight: 3, act: (play) => retarget(play) },
  { weight: 3, act: (play) => draft(play) },
  { weight: 4, act: (play) => label(play) },
  { weight: 3, act: (play) => pushMain(play) },
  { weight: 4, act: (play) => mend(play) },
  { weight: 1, act: (play) => moveMainBack(play) },
  { weight: 4, act: (play) => editConfig(play) },
  { weight: 4, act: (play) => rerun(play) },
  { weight: 14, act: (play) => comment(play) },
  { weight: 2, act: (play) => deleteComment(play) },
  { weight: 5, act: (play) => press(play) },
  { weight: 1, act: (play) => suspend(play) },
  { weight: 1, act: (play) => rename(play) },
  { weight: 1, act: (play) => deleteBranch(play) },
];

const ACTIONS: readonly Action[] = [...ON_GITHUB, ...RARE, ...HANDS];

/** One thing that somebody does, drawn from what there is to do; a sentence, or null where it came to nothing. */
export function actOnce(play: Play, actions: readonly Action[] = ACTIONS): string | null {
  let left = play.draw() * actions.reduce((sum, { weight }) => sum + weight, 0);
  for (const { weight, act } of actions) {
    left -= weight;
    if (left < 0) return act(play);
  }
  return null;
}

const PEOPLE = ["maintainer", "writer", "acme", "reader", "stranger"] as const;
const somebody = ({ draw }: Play): string => PEOPLE[Math.floor(draw() ** 2 * PEOPLE.length)] ?? "maintainer";

const openPulls = (play: Play) => play.github.truth.openPulls(play.repo);
const about = ({ repo }: Play, number: number): string => `${repo.name}#${number}`;

/** A change of one service, in a file of its own, so that nothing conflicts but what changes the same twice. */
function change(play: Play, branch: string): { files: Record<string, string>; text: string } {
  const { draw, repo, planned } = play;
  const behaviour = randomBehaviour(draw());
  const tests = draw() < 0.08 ? "fail" : "pass";
  const service = pick(planned.services, draw()) ?? "web";
  const folder = folderOf(planned.services, service);
  const path = `${folder === "." ? "" : `${folder}/`}${branch}.txt`;
  const version = versionText(behaviour, repo.nextNumber * 1000 + Math.floor(draw() * 1000), tests);
  return { files: { [path]: version }, text: version };
}

export function open(play: Play): Deed {
  const { github, repo, draw } = play;
  const head = `change-${Math.floor(draw() * 1e6)}`;
  const { files, text } = change(play, head);
  if (github.people.push(repo, head, files, "writer") === null) return null;
  const base = draw() < 0.9 ? repo.defaultBranch : "develop";
  const isDraft = draw() < 0.1;
  const number = github.people.open(repo, { head, base, draft: isDraft, by: "writer" });
  if (number === null) return null;
  if (draw() < 0.6) github.people.label(repo, number, LABEL, "writer");
  return `opens ${about(play, number)} into ${base}${isDraft ? " as a draft" : ""} (${text})`;
}

function pushToPull(play: Play): Deed {
  const { github, repo, draw } = play;
  const pull = pick(openPulls(play), draw());
  if (pull === undefined) return null;
  const { files, text } = change(play, pull.head.ref);
  return github.people.push(repo, pull.head.ref, files, "writer") && `pushes to ${about(play, pull.number)} (${text})`;
}

function forcePush(play: Play): Deed {
  const { github, repo, draw } = play;
  const pull = pick(openPulls(play), draw());
  if (pull === undefined) return null;
  const { files, text } = change(play, pull.head.ref);
  return (
    github.people.forcePush(repo, pull.head.ref, files, "writer") &&
    `force-pushes ${about(play, pull.number)} (${text})`
  );
}

export function close(play: Play): Deed {
  const pull = pick(openPulls(play), play.draw());
  return pull !== undefined && play.github.people.close(play.repo, pull.number, "writer")
    ? `closes ${about(play, pull.number)}`
    : null;
}

export function reopen(play: Play): Deed {
  const closed = play.github.truth.pulls(play.repo).filter(({ state, merged }) => state === "closed" && !merged);
  const pull = pick(closed, play.draw());
  return pull !== undefined && play.github.people.reopen(play.repo, pull.number, "writer")
    ? `reopens ${about(play, pull.number)}`
    : null;
}

export function merge(play: Play): Deed {
  const { github, repo, draw } = play;
  const pull = pick(openPulls(play), draw());
  const method = pick(["merge", "squash", "rebase"] as const, draw()) ?? "merge";
  const by = draw() < 0.5 ? repo.owner : "maintainer";
  if (pull === undefined || github.people.merge(repo, pull.number, method, by) === null) return null;
  return `merges ${about(play, pull.number)} by ${method}`;
}

function retarget(play: Play): Deed {
  const { github, repo, draw } = play;
  const pull = pick(openPulls(play), draw());
  if (pull === undefined) return null;
  const base = pull.base.ref === "develop" ? repo.defaultBranch : "develop";
  return github.people.retarget(repo, pull.number, base, "writer")
    ? `retargets ${about(play, pull.number)} to ${base}`
    : null;
}

function draft(play: Play): Deed {
  const pull = pick(openPulls(play), play.draw());
  if (pull === undefined || !play.github.people.setDraft(play.repo, pull.number, !pull.draft, "writer")) return null;
  return `makes ${about(play, pull.number)} ${pull.draft ? "ready for review" : "a draft"}`;
}

function label(play: Play): Deed {
  const { github, repo, draw } = play;
  const pull = pick(openPulls(play), draw());
  if (pull === undefined) return null;
  const has = pull.labels.includes(LABEL);
  const done = has
    ? github.people.unlabel(repo, pull.number, LABEL, "writer")
    : github.people.label(repo, pull.number, LABEL, "writer");
  return done ? `${has ? "takes the label off" : "labels"} ${about(play, pull.number)}` : null;
}

export function pushMain(play: Play): Deed {
  const { files, text } = change(play, "main");
  const sha = play.github.people.push(play.repo, play.repo.defaultBranch, files, "maintainer");
  return sha && `pushes to ${play.repo.name} main (${text})`;
}

/** Every bad file of the default branch made good. */
function mend(play: Play): Deed {
  const { github, repo, draw } = play;
  const tip = github.truth.tip(repo, repo.defaultBranch);
  if (tip === null) return null;
  const bad = [...repo.git.files(tip)].filter(
    ([, text]) => /, tests (pass|fail): \d+$/.test(text) && !text.startsWith("good, tests pass"),
  );
  if (bad.length === 0) return null;
  const files = Object.fromEntries(bad.map(([path]) => [path, versionText("good", Math.floor(draw() * 1e6))]));
  return (
    github.people.push(repo, repo.defaultBranch, files, "maintainer") && `mends what is broken on ${repo.name} main`
  );
}

export function moveMainBack(play: Play): Deed {
  const { github, repo } = play;
  const [, before] = github.truth.firstParents(repo, repo.defaultBranch);
  if (before === undefined) return null;
  play.movedBack(repo);
  return github.people.resetBranch(repo, repo.defaultBranch, before, repo.owner)
    ? `force-pushes ${repo.name} main back by one commit`
    : null;
}

function editConfig(play: Play): Deed {
  const { github, repo, planned, draw } = play;
  const broken = draw() < 0.25;
  const meaning = { ...(draw() < 0.5 ? planned.config : randomMeaning(draw)), broken };
  const text = configText(planned, meaning);
  const sha = github.people.push(repo, repo.defaultBranch, { ".proa.yml": text }, "maintainer");
  const { label: wanted, drafts, cap, approve, bake } = meaning;
  const says = broken ? "with a mistake" : JSON.stringify({ label: wanted, drafts, cap, approve, bake });
  return sha && `edits .proa.yml of ${repo.name}: ${says}`;
}

export function rerun(play: Play): Deed {
  const { github, repo, draw } = play;
  const pull = pick(openPulls(play), draw());
  const sha = draw() < 0.5 || pull === undefined ? github.truth.tip(repo, repo.defaultBranch) : pull.head.sha;
  if (sha === null) return null;
  const all = draw() < 0.3;
  const done = all
    ? github.people.rerunAll(repo, sha, "writer")
    : github.people.rerunCheck(repo, sha, "test", "writer");
  return done ? `re-runs ${all ? "all checks" : "the test"} of ${repo.name} ${sha.slice(0, 7)}` : null;
}

const COMMANDS = [
  "/deploy",
  "/deploy staging",
  "/deploy production",
  "/approve production",
  "/approve",
  "/rollback staging",
  "/rollback production",
  "/release-hold staging",
  "/release-hold production",
  "/release-hold",
  "/deploy nowhere",
  "looks good",
] as const;

export function comment(play: Play, bodies: readonly string[] = COMMANDS): Deed {
  const { github, repo, draw } = play;
  const pull = pick(github.truth.pulls(repo), draw());
  const body = pick(bodies, draw()) ?? "/deploy";
  const by = somebody(play);
  if (pull === undefined) return null;
  const id = github.people.comment(repo, pull.number, body, by);
  if (id === null) return null;
  play.commanded({ repo, number: pull.number, commentId: id, body, by });
  return `@${by} comments ${body} on ${about(play, pull.number)}`;
}

function deleteComment(play: Play): Deed {
  const { github, repo, draw } = play;
  const pull = pick(github.truth.pulls(repo), draw());
  const ours = pull === undefined ? undefined : github.truth.ourComments(repo, pull.number)[0];
  if (pull === undefined || ours === undefined) return null;
  return github.people.deleteComment(repo, ours.id, "maintainer")
    ? `deletes Proa's comment on ${about(play, pull.number)}`
    : null;
}

function press(play: Play): Deed {
  const { github, repo, draw } = play;
  const runs = reported(repo).flatMap(({ sha, name, actions }) => actions.map((action) => ({ sha, name, action })));
  const button = pick(runs, draw());
  const by = somebody(play);
  if (button === undefined || !github.people.pressButton(repo, button.sha, button.name, button.action, by)) return null;
  play.pressed(repo, button.name);
  return `@${by} presses "${button.action}" on ${button.name} of ${repo.name} ${button.sha.slice(0, 7)}`;
}

function reported(repo: Repo): { sha: Sha; name: string; actions: string[] }[] {
  return [...repo.commits].flatMap(([sha, { runs }]) =>
    runs.flatMap(({ body, view }) =>
      body === null ? [] : [{ sha, name: view.name, actions: body.actions.map(({ identifier }) => identifier) }],
    ),
  );
}

function suspend(play: Play): Deed {
  const { github, repo, kernel, draw } = play;
  const { installation } = repo;
  if (installation === null || !github.people.suspend(installation, true, repo.owner)) return null;
  const minutes = 1 + Math.floor(draw() * 15);
  kernel.at(minutes * 60_000, "unsuspend", () => github.people.suspend(installation, false, repo.owner));
  return `suspends the installation of ${repo.owner} for ${minutes} minutes`;
}

function rename(play: Play): Deed {
  const { github, repo, draw } = play;
  const [owner = ""] = repo.name.split("/");
  const name = `${owner}/renamed-${Math.floor(draw() * 1000)}`;
  const before = repo.name;
  return github.people.rename(repo, name as Repo["name"], repo.owner) ? `renames ${before} to ${name}` : null;
}

function deleteBranch(play: Play): Deed {
  const pull = pick(openPulls(play), play.draw());
  if (pull === undefined || !play.github.people.deleteBranch(play.repo, pull.head.ref, "writer")) return null;
  return `deletes the branch of ${about(play, pull.number)}`;
}

export const describeConfig = (repo: Repo, planned: RepositoryPlan, text: string | null): string =>
  `${repo.name}: ${planned.services.join(", ")}; ${JSON.stringify(meaningOf(text))}`;
