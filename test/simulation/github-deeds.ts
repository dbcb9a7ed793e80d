import { type Repo, versionText } from "./github.ts";
import { type Action, type Deed, pick, type Play } from "./play.ts";

/** The rarer things that people do on GitHub: several at once, from outside, to the settings, and to names. */
export const RARE: readonly Action[] = [
  { weight: 3, act: (play) => pushTwice(play) },
  { weight: 2, act: (play) => mergeTwo(play) },
  { weight: 2, act: (play) => deleteMergedBranch(play) },
  { weight: 2, act: (play) => pushToClosed(play) },
  { weight: 3, act: (play) => updateBranch(play) },
  { weight: 2, act: (play) => stack(play) },
  { weight: 2, act: (play) => openFromFork(play) },
  { weight: 1, act: (play) => pushToFork(play) },
  { weight: 2, act: (play) => editIntoCommand(play) },
  { weight: 2, act: (play) => reportOther(play) },
  { weight: 1, act: (play) => requireMore(play) },
  { weight: 1, act: (play) => takeOut(play) },
  { weight: 1, act: (play) => archive(play) },
  { weight: 1, act: (play) => takeName(play) },
];

const MINUTE = 60_000;

const isOwn = ({ head, base }: { head: { repoId: number | null }; base: { repoId: number } }): boolean =>
  head.repoId === base.repoId;

const openPulls = ({ github, repo }: Play) => github.truth.openPulls(repo);
const closedPulls = ({ github, repo }: Play) => github.truth.pulls(repo).filter(({ state }) => state === "closed");
const about = ({ repo }: Play, number: number): string => `${repo.name}#${number}`;

/** A file of its own for each branch, so that nothing conflicts but what changes the same twice. */
const change = ({ draw }: Play, branch: string): Record<string, string> => ({
  [`${branch}.txt`]: versionText("good", Math.floor(draw() * 1e6)),
});

function pushTwice(play: Play): Deed {
  const pull = pick(openPulls(play).filter(isOwn), play.draw());
  if (pull === undefined) return null;
  for (let push = 0; push < 2; push++)
    play.github.people.push(play.repo, pull.head.ref, change(play, pull.head.ref), "writer");
  return `pushes to ${about(play, pull.number)} twice within a moment`;
}

function mergeTwo(play: Play): Deed {
  const { github, repo } = play;
  const merged = openPulls(play)
    .filter(({ base }) => base.ref === repo.defaultBranch)
    .slice(0, 2)
    .filter(({ number }) => github.people.merge(repo, number, "squash", repo.owner) !== null);
  return merged.length < 2 ? null : `merges ${merged.map(({ number }) => about(play, number)).join(" and ")} at once`;
}

function deleteMergedBranch(play: Play): Deed {
  const { github, repo, draw } = play;
  const pull = pick(
    closedPulls(play).filter(({ merged, head }) => merged && repo.branches.has(head.ref)),
    draw(),
  );
  if (pull === undefined || !github.people.deleteBranch(repo, pull.head.ref, "writer")) return null;
  return `deletes the branch of ${about(play, pull.number)}, which is merged`;
}

function pushToClosed(play: Play): Deed {
  const { github, repo, draw } = play;
  const pull = pick(
    closedPulls(play).filter((each) => !each.merged && isOwn(each) && repo.branches.has(each.head.ref)),
    draw(),
  );
  if (pull === undefined) return null;
  github.people.push(repo, pull.head.ref, change(play, pull.head.ref), "writer");
  return `pushes to the branch of ${about(play, pull.number)}, which is closed`;
}

function updateBranch(play: Play): Deed {
  const pull = pick(openPulls(play), play.draw());
  if (pull === undefined || play.github.people.update(play.repo, pull.number, "writer") === null) return null;
  return `merges ${pull.base.ref} into ${about(play, pull.number)}`;
}

/** It goes to the default branch by itself once the one below is merged and its branch deleted. */
function stack(play: Play): Deed {
  const { github, repo, draw } = play;
  const below = pick(openPulls(play).filter(isOwn), draw());
  if (below === undefined) return null;
  const head = `above-${below.number}-${Math.floor(draw() * 1e6)}`;
  github.people.resetBranch(repo, head, below.head.sha, "writer");
  github.people.push(repo, head, change(play, head), "writer");
  const number = github.people.open(repo, { head, base: below.head.ref, by: "writer" });
  return number === null ? null : `opens ${about(play, number)} on top of ${about(play, below.number)}`;
}

function openFromFork(play: Play): Deed {
  const { github, repo, draw } = play;
  const fork = github.fork(repo, `stranger-${Math.floor(draw() * 1e6)}`);
  github.people.push(fork, "patch", change(play, "patch"), "stranger");
  const number = github.people.open(repo, { head: "patch", from: fork, by: "stranger" });
  return number === null ? null : `opens ${about(play, number)} from a fork`;
}

function pushToFork(play: Play): Deed {
  const { github, draw } = play;
  const pull = pick(
    openPulls(play).filter((each) => !isOwn(each)),
    draw(),
  );
  const fork = github.truth.repositories().find(({ id }) => id === pull?.head.repoId);
  if (pull === undefined || fork === undefined) return null;
  if (draw() < 0.3) {
    github.people.deleteFork(fork);
    return `deletes the fork of ${about(play, pull.number)}`;
  }
  github.people.push(fork, pull.head.ref, change(play, pull.head.ref), "stranger");
  return `pushes to the fork of ${about(play, pull.number)}`;
}

/** Only what was said first counts. */
function editIntoCommand(play: Play): Deed {
  const { github, repo, draw } = play;
  const pull = pick(github.truth.pulls(repo), draw());
  const id = pull === undefined ? null : github.people.comment(repo, pull.number, "looks good", "maintainer");
  if (pull === undefined || id === null) return null;
  github.people.editComment(repo, id, "/rollback production", "maintainer");
  return `comments on ${about(play, pull.number)} and turns it into /rollback production`;
}

/** What nobody requires decides nothing. */
function reportOther(play: Play): Deed {
  const { github, repo, draw } = play;
  const pull = pick(openPulls(play), draw());
  if (pull === undefined) return null;
  const state = draw() < 0.5 ? "failure" : "success";
  const status = { context: "coverage", state, description: "", targetUrl: null } as const;
  github.people.reportStatus(repo, pull.head.sha, status, "coverage[bot]");
  return `coverage of ${about(play, pull.number)}: ${state}`;
}

/** For a while: a check that nobody reports, or Proa's own report, becomes required. */
function requireMore(play: Play): Deed {
  const { github, repo, kernel, draw } = play;
  const before = repo.rules.get(repo.defaultBranch) ?? { required: [], workflows: [] };
  const context = draw() < 0.5 ? "extra" : "proa/preview";
  if (before.required.some((each) => each.context === context)) return null;
  const added = { context, appId: null, source: "ruleset" as const };
  github.people.requireChecks(repo, repo.defaultBranch, [...before.required, added], before.workflows);
  const minutes = 1 + Math.floor(draw() * 15);
  kernel.at(minutes * MINUTE, "require less", () => {
    const { required, workflows } = repo.rules.get(repo.defaultBranch) ?? before;
    const others = required.filter((each) => each.context !== context);
    github.people.requireChecks(repo, repo.defaultBranch, others, workflows);
  });
  return `requires ${context} on ${repo.name} for ${minutes} minutes`;
}

/** The installation covers the repository no more, for a while. */
function takeOut(play: Play): Deed {
  const { github, repo, kernel, draw } = play;
  const { installation } = repo;
  if (installation === null || !github.people.setInstallation(repo, null, repo.owner)) return null;
  const minutes = 1 + Math.floor(draw() * 15);
  kernel.at(minutes * MINUTE, "put back", () => github.people.setInstallation(repo, installation, repo.owner));
  return `takes ${repo.name} out of the installation for ${minutes} minutes`;
}

function archive(play: Play): Deed {
  const { github, repo, kernel, draw } = play;
  if (repo.archived) return null;
  github.people.archive(repo, true);
  const minutes = 1 + Math.floor(draw() * 10);
  kernel.at(minutes * MINUTE, "unarchive", () => github.people.archive(repo, false));
  return `archives ${repo.name} for ${minutes} minutes`;
}

/** Renames the repository, and somebody makes another one of the old name, whose pull requests are all closed. */
function takeName(play: Play): Deed {
  const { github, repo, draw } = play;
  const before = repo.name;
  const pulls = repo.nextNumber - 1;
  const name = `${repo.owner}/moved-${Math.floor(draw() * 1e6)}` as Repo["name"];
  if (!github.people.rename(repo, name, repo.owner)) return null;
  const other = github.createRepository({
    name: before,
    installation: draw() < 0.5 ? repo.installation : null,
    files: { "README.md": "another one" },
    services: [],
    private: false,
  });
  for (let each = 1; each <= pulls; each++) {
    github.people.push(other, `branch-${each}`, { [`${each}.txt`]: "" }, "stranger");
    const number = github.people.open(other, { head: `branch-${each}`, by: "stranger" });
    if (number !== null) github.people.close(other, number, "stranger");
  }
  return `renames ${before} to ${name}, and somebody takes the old name`;
}
