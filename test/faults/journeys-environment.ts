import { parseRepoId, type Target } from "../../src/core/names.ts";
import type { TargetState } from "../../src/core/state.ts";
import type { Act, FaultJourney } from "./journey.ts";
import { ciPasses, opensPullRequest } from "./journeys-preview.ts";
import type { Lane } from "./lane.ts";
import type { Town } from "./town.ts";

type Environments = Readonly<Record<string, Readonly<Record<string, unknown>>>>;

/** Pull requests are there to be merged and commented on. */
const onlyEnvironments =
  (environments: (owner: string) => Environments, more: Readonly<Record<string, unknown>> = {}): FaultJourney["seed"] =>
  (owner) => ({
    config: { previews: { when: { label: "preview" } }, environments: environments(owner), ...more },
    namespaces: Object.keys(environments(owner)).map((name) => `${owner}-${name}`),
  });

const staging = (owner: string, bake = "0s"): Environments => ({
  staging: { from: "main", namespace: `${owner}-staging`, bake },
});

const stagingAndProduction =
  (production: Readonly<Record<string, unknown>> = {}) =>
  (owner: string): Environments => ({
    ...staging(owner),
    production: { from: "staging", namespace: `${owner}-production`, bake: "0s", ...production },
  });

const pushesToMain =
  (name: string): Act =>
  async (lane) =>
    void (await lane.commit("main", name));

const released = (name: string): Act[] => [pushesToMain(name), ciPasses(name)];

const merges: Act = async (lane) => {
  const { data } = await lane.octokit.rest.pulls.merge({ ...lane.at, pull_number: lane.pull, merge_method: "squash" });
  lane.name(data.sha, "merged");
};

/** On a pull request of this telling's own, where the answers of the earlier ones do not stand. */
const comments =
  (body: string): Act =>
  async ({ octokit, at, pull }) =>
    void (await octokit.rest.issues.createComment({ ...at, issue_number: pull, body }));

/** A person reads what Proa says before they write a command. */
const oncePeopleRead =
  (environment: string, sentence: string, is: (state: TargetState) => boolean): Act =>
  async (lane, town) =>
    town.until(async () => {
      const state = await stateOf(lane, town, environment);
      return state !== null && is(state);
    }, `${environment} of ${lane.owner} ${sentence}`);

async function stateOf({ id }: Lane, { world }: Town, environment: string): Promise<TargetState | null> {
  const repoId = parseRepoId(id);
  if (repoId === null) return null;
  const target: Target = { kind: "env", repoId, environment };
  return (await world.store.load(target)).state;
}

export const merged: FaultJourney = {
  name: "a merge goes to staging, then to production",
  seed: onlyEnvironments(stagingAndProduction()),
  begin: released("first"),
  ready: [opensPullRequest],
  acts: [merges, ciPasses("merged")],
};

export const rolledBackByItself: FaultJourney = {
  name: "a rollout fails, is rolled back and held",
  // A pod that is never asked whether it is ready counts as ready until it has crashed: seen at once, or while it bakes.
  seed: onlyEnvironments((owner) => staging(owner, "20s")),
  begin: [],
  // A commit newer than the held one, and proven: there is nothing to go back to before that.
  ready: [
    ...released("good"),
    async (lane, town) => {
      const isProven = ({ live, rollout }: TargetState): boolean =>
        rollout === null && live?.sha === lane.commits.get("good");
      await oncePeopleRead("staging", "has the good commit", isProven)(lane, town);
    },
  ],
  acts: [
    pushesToMain("bad"),
    async (lane) => {
      const sha = lane.commits.get("bad") ?? "";
      await lane.build(sha, "crash");
      await lane.passTests(sha);
    },
  ],
};

export const approved: FaultJourney = {
  name: "production waits for an approval and gets it",
  seed: onlyEnvironments(stagingAndProduction({ approve: { permission: "write" } })),
  begin: [],
  ready: [opensPullRequest],
  acts: [
    ...released("pushed"),
    async (lane, town) => {
      const isAwaited = ({ awaiting }: TargetState): boolean => awaiting?.sha === lane.commits.get("pushed");
      await oncePeopleRead("production", "asks for an approval", isAwaited)(lane, town);
      await comments("/approve production")(lane, town);
    },
  ],
};

export const rolledBackAndReleased: FaultJourney = {
  name: "a person rolls back, and releases the hold again",
  seed: onlyEnvironments((owner) => staging(owner)),
  begin: [...released("first"), ...released("second")],
  ready: [opensPullRequest, ...released("third")],
  acts: [
    comments("/rollback staging"),
    async (lane, town) => {
      const isBack = ({ rollout, live }: TargetState): boolean =>
        rollout === null && live !== null && live.because.startsWith("rolled back");
      await oncePeopleRead("staging", "is rolled back", isBack)(lane, town);
      await comments("/release-hold staging")(lane, town);
    },
  ],
};

export const patched: FaultJourney = {
  name: "patch mode changes the image of somebody's Deployment",
  seed: onlyEnvironments((owner) => staging(owner), {
    deploy: { mode: "patch", workloads: { web: { deployment: "web", container: "app" } } },
  }),
  begin: [
    async ({ admin, owner }, { world }) => {
      const labels = { app: "web" };
      const image = world.fx.installation.defaultImage.replaceAll(/\{owner\}.*/g, `${owner}/app:none`);
      await admin.create({
        apiVersion: "apps/v1",
        kind: "Deployment",
        metadata: { name: "web", namespace: `${owner}-staging`, labels },
        spec: {
          replicas: 1,
          selector: { matchLabels: labels },
          template: { metadata: { labels }, spec: { containers: [{ name: "app", image }] } },
        },
      });
    },
    ...released("first"),
  ],
  ready: [],
  acts: released("pushed"),
};
