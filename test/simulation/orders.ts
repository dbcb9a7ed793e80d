import type { Sha } from "../../src/core/names.ts";
import { createChronicle } from "./chronicle.ts";
import { previewNamespaces, previewTarget, recordOf } from "./ends.ts";
import { CALM } from "./faults.ts";
import { type Delivery, type Repo, versionText } from "./github.ts";
import { CHECK, folderOf, LABEL, PLAIN, type Plan } from "./scenario.ts";
import { createWorld, type World } from "./world.ts";

/** What happens to a pull request, in the order in which it happens. GitHub may tell of it in any. */
export const STORY = ["opened", "synchronize", "checks passed", "labeled", "closed", "reopened"] as const;

/** Every order of the six, then those with one of them told twice, then those with one never told: 720, 15,120 and 720. */
export function orders(): number[][] {
  const six = [0, 1, 2, 3, 4, 5];
  return [
    ...permutations(six),
    ...six.flatMap((twice) => permutations([...six, twice])),
    ...six.flatMap((lost) => permutations(six.filter((each) => each !== lost))),
  ];
}

/** Each arrangement once, also where something is there twice. */
function permutations(items: readonly number[]): number[][] {
  if (items.length === 0) return [[]];
  return [...new Set(items)].flatMap((first) => {
    const at = items.indexOf(first);
    return permutations([...items.slice(0, at), ...items.slice(at + 1)]).map((rest) => [first, ...rest]);
  });
}

const SECOND = 1_000;
/** One pull request every so often, so that they do not all wait for one another. */
const APART_MS = SECOND;
const STEP_MS = 2 * SECOND;
/** Time for one sweep of GitHub, which finds what was never told. */
const SETTLE_MS = 13 * 60 * SECOND;

const PLAN: Plan = {
  repositories: [
    {
      name: "acme/shop",
      services: ["web"],
      config: { ...PLAIN, label: LABEL, cap: 1000 },
      checksOn: "push",
      protected: false,
    },
  ],
  ci: {
    check: CHECK,
    registersAfterMs: [0, 0],
    startsAfterMs: [0, 0],
    takesMs: [0, 0],
    buildsMs: [0, 0],
    imageAfterChecks: 0,
    imageNever: 0,
    flaky: 0,
    rebuildsDiffer: 0,
    cancelsOlder: 0,
  },
  stormMs: 0,
  actions: 0,
};

/**
 * One pull request for each of the orders, all in one repository. Answers, for each, what it came to without its name: all are the same
 * if the order in which GitHub tells does not matter.
 */
export async function playOrders(tellings: readonly (readonly number[])[]): Promise<string[]> {
  const chronicle = createChronicle({ only: null, keep: false });
  const posts = new Map<string, Post>();
  const world = createWorld({
    seed: 1,
    plan: PLAN,
    weather: CALM,
    chronicle,
    carry: (delivery, send) => hold(posts, delivery, send),
  });
  const [repo] = world.repositories;
  if (repo === undefined) throw new Error("the plan has no repository");
  const began = world.kernel.now();
  tellings.forEach((telling, index) =>
    world.kernel.at(index * APART_MS, "open", () => play(world, repo, `change-${index}`, telling, posts)),
  );
  await world.kernel.runUntil(began + tellings.length * APART_MS + SETTLE_MS);
  return tellings.map((_, index) => outcome(world, repo, index + 1));
}

/** The deliveries about one pull request, by what they tell, until their turn has come. */
type Post = Map<number, (() => void)[]>;

/** What a delivery tells of the story; null: something else, which goes its way. */
function told({ event, payload }: Delivery): number | null {
  const action = payload["action"];
  if (event === "pull_request" && typeof action === "string") return STORY.indexOf(action as never);
  if (event === "check_run" && action === "completed") return 2;
  return null;
}

function hold(posts: Map<string, Post>, delivery: Delivery, send: () => void): void {
  const about = told(delivery);
  const branch = branchOf(delivery);
  const post = branch === null ? undefined : posts.get(branch);
  // Only the six are told at all: a push of a branch or a suite would tell the same by another way.
  if (about === null || post === undefined) return;
  post.set(about, [...(post.get(about) ?? []), send]);
}

function branchOf({ payload }: Delivery): string | null {
  const pull =
    payload["pull_request"] ?? (payload["check_run"] as { pull_requests?: unknown[] } | undefined)?.pull_requests?.[0];
  return (pull as { head?: { ref?: string } } | undefined)?.head?.ref ?? null;
}

function play(world: World, repo: Repo, branch: string, telling: readonly number[], posts: Map<string, Post>): void {
  const { github, kernel } = world;
  const { people } = github;
  const post: Post = new Map();
  posts.set(branch, post);
  const push = (n: number): Sha | null =>
    people.push(repo, branch, { [`${folderOf(["web"], "web")}/${branch}.txt`]: versionText("good", n) }, "writer");
  push(1);
  const number = people.open(repo, { head: branch, by: "writer" });
  if (number === null) throw new Error(`${branch} could not be opened`);
  const head = { sha: null as Sha | null };
  const steps: (() => void)[] = [
    () => undefined,
    () => void (head.sha = push(2)),
    () => undefined,
    () => void people.label(repo, number, LABEL, "writer"),
    () => void people.close(repo, number, "writer"),
    () => void people.reopen(repo, number, "writer"),
  ];
  steps.forEach((step, at) => kernel.at(at * STEP_MS, "step", step));
  // Told in the given order, none before it has happened and each a little after the one before.
  let free = 0;
  const next = new Map<number, number>();
  for (const each of telling) {
    free = Math.max(free, each * STEP_MS) + 500;
    kernel.at(free, "tell", () => {
      const sends = post.get(each) ?? [];
      const turn = next.get(each) ?? 0;
      next.set(each, turn + 1);
      // The last of a kind: the check that passed is the newest commit's.
      sends.at(-1)?.();
    });
  }
}

/** Phase, what serves and what was written, names and numbers aside. */
function outcome(world: World, repo: Repo, number: number): string {
  const end = { world, plan: PLAN } as never;
  const record = recordOf(end, previewTarget(repo, number));
  const pull = repo.pulls.get(number);
  const place = previewNamespaces(end).find((each) => each.repoId === repo.id && each.number === number);
  const [deployment] = place?.namespace.deployments ?? [];
  const runs = deployment?.serving.map(
    (image) => world.github.truth.built(image.slice(image.indexOf("@") + 1) as never)?.sha,
  );
  const is = (sha: string | null = null): string =>
    sha === null ? "nothing" : sha === pull?.head.sha ? "the head" : "something else";
  return [
    `${pull?.state}, ${record?.phase}`,
    `live: ${is(record?.live?.sha)}`,
    `namespace: ${place === undefined ? "none" : place.namespace.terminating ? "going" : "there"}`,
    `serves: ${(runs ?? []).map(is).join(" and ") || "nothing"}`,
  ].join("; ");
}
