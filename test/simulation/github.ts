import type { BranchRules } from "../../src/core/checks.ts";
import type { Permission } from "../../src/core/config.ts";
import type { GitHub, GitHubApp } from "../../src/adapters/github.ts";
import { parseRepoName, type RepoId, type RepoName, splitRepo } from "../../src/core/names.ts";
import { authorized, refused } from "./github-access.ts";
import { moveBranch } from "./github-branches.ts";
import { createCi } from "./github-ci.ts";
import { createGit } from "./github-git.ts";
import { peopleActions } from "./github-people.ts";
import { pullActions } from "./github-pulls.ts";
import { readsOf, repositoryView } from "./github-reads.ts";
import type { GitHubOptions, Installation, Repo, Service, World } from "./github-state.ts";
import { type Truth, truthOf } from "./github-truth.ts";
import { createWebhooks, type Webhooks } from "./github-webhooks.ts";
import { writesOf } from "./github-writes.ts";
import type { Sim, Sync } from "./sim.ts";

export type { CiHabits } from "./github-ci.ts";
export { versionText } from "./github-ci.ts";
export type { GitHubOptions, Repo } from "./github-state.ts";
export type { Truth } from "./github-truth.ts";
export type { Delivery } from "./github-webhooks.ts";

/** GitHub as our App sees it, as the people who work there do, and as it is. */
export interface GitHubModel {
  readonly app: Omit<Sync<GitHubApp>, "installation"> & {
    readonly installation: (id: number) => Sync<GitHub>;
  };
  readonly people: ReturnType<typeof pullActions> & ReturnType<typeof peopleActions>;
  readonly truth: Truth;
  /** How a delivery that was handed over ended. */
  readonly answered: Webhooks["answered"];
  install(account: string): number;
  createRepository(seed: RepositorySeed): Repo;
  fork(repo: Repo, owner: string): Repo;
}

export interface RepositorySeed {
  readonly name: string;
  /** null: the App is not installed there. */
  readonly installation: number | null;
  readonly files: Readonly<Record<string, string>>;
  readonly services: readonly Service[];
  readonly people?: Readonly<Record<string, Permission>>;
  readonly rules?: Readonly<Record<string, BranchRules>>;
  readonly private?: boolean;
  readonly checksOn?: Repo["checksOn"];
}

/**
 * An in-memory GitHub that answers at once, as the adapter answers: null on 404, `OutsideError` for the rest. It is as fresh as
 * can be; what arrives late, twice or stale is for whoever calls it to arrange.
 */
export function createGitHubModel(sim: Sim, options: GitHubOptions): GitHubModel {
  const installations = new Map<number, Installation>();
  let ids = 0;
  const installationOf = (repo: Repo): Installation | null =>
    (repo.installation === null ? null : installations.get(repo.installation)) ?? null;
  const webhooks = createWebhooks(sim, options, installationOf);
  const world: World = {
    sim,
    options,
    repos: new Map(),
    names: new Map(),
    installations,
    webhooks,
    // Made after the world it works on, and asked only by what happens later.
    get ci() {
      return ci;
    },
    writes: [],
    nextId: () => ++ids,
    now: () => Math.floor(sim.now() / 1000) * 1000,
  };
  const ci = createCi(world);

  return {
    app: appOf(world),
    people: { ...pullActions(world), ...peopleActions(world) },
    truth: truthOf(world),
    answered: (id, ok) => webhooks.answered(id, ok),
    install(account) {
      const id = world.nextId();
      installations.set(id, { id, account, suspended: false });
      return id;
    },
    createRepository: (seed) => createRepository(world, seed),
    fork: (repo, owner) => forkRepository(world, repo, owner),
  };
}

function appOf(world: World): GitHubModel["app"] {
  const views = new Map<number, Sync<GitHub>>();
  return {
    installation(id) {
      const known = views.get(id);
      if (known !== undefined) return known;
      const fresh = { ...readsOf(world, id), ...writesOf(world, id) };
      views.set(id, fresh);
      return fresh;
    },
    installations: () => [...world.installations.values()].map(({ id, suspended }) => ({ id, suspended })),
    repositoriesOf(id) {
      authorized(world, id, "repositories");
      return [...world.repos.values()].filter(({ installation }) => installation === id).map(repositoryView);
    },
    failedDeliveries: (since) => world.webhooks.failed(since),
    redeliver(id) {
      if (!world.webhooks.redeliver(id)) throw refused("not-found", `redeliver ${id}: 404 Not Found`);
    },
  };
}

function createRepository(world: World, seed: RepositorySeed): Repo {
  const { installation, files, services, people = {}, rules = {}, private: isPrivate = true, checksOn = "push" } = seed;
  const git = createGit();
  const repo = blank(world, {
    name: nameOf(seed.name),
    git,
    installation,
    private: isPrivate,
    forkOf: null,
    rules: new Map(Object.entries(rules)),
    people: new Map(Object.entries(people)),
    services,
    checksOn,
  });
  const sha = git.create({
    files: new Map(Object.entries(files)),
    parents: [],
    message: "Initial commit",
    at: world.now(),
  });
  moveBranch(world, repo, repo.defaultBranch, sha, repo.owner);
  return repo;
}

/** With the branches there are. Nobody installed the App on a fork. */
function forkRepository(world: World, repo: Repo, owner: string): Repo {
  const fork = blank(world, {
    name: nameOf(`${owner}/${splitRepo(repo.name).repo}`),
    git: repo.git,
    installation: null,
    private: repo.private,
    forkOf: repo,
    rules: new Map(),
    people: new Map(),
    services: [],
    checksOn: repo.checksOn,
  });
  for (const [branch, sha] of repo.branches) fork.branches.set(branch, sha);
  return fork;
}

type Given = Pick<
  Repo,
  "name" | "git" | "installation" | "private" | "forkOf" | "rules" | "people" | "services" | "checksOn"
>;

function blank(world: World, given: Given): Repo {
  const repo: Repo = {
    ...given,
    id: world.nextId() as RepoId,
    owner: splitRepo(given.name).owner,
    defaultBranch: "main",
    branches: new Map(),
    pulls: new Map(),
    commits: new Map(),
    comments: new Map(),
    runs: new Map(),
    deployments: new Map(),
    archived: false,
    nextNumber: 1,
  };
  world.repos.set(repo.id, repo);
  world.names.set(repo.name, repo);
  return repo;
}

function nameOf(text: string): RepoName {
  const name = parseRepoName(text);
  if (name === null) throw new Error(`${text} is not owner/name`);
  return name;
}
