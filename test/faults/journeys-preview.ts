import type { Act, FaultJourney } from "./journey.ts";
import { configFile, type Lane } from "./lane.ts";
import type { Town } from "./town.ts";

const WITHOUT_ENVIRONMENTS = () => ({ config: {}, namespaces: [] });

/** CI has built the newest commit, and its tests pass. */
export const ciPasses =
  (name: string): Act =>
  async (lane) => {
    const sha = lane.commits.get(name) ?? "";
    await lane.build(sha);
    await lane.passTests(sha);
  };

export const opensPullRequest: Act = async (lane) => {
  const branch = `branch-${lane.pull + 1}`;
  await lane.branch(branch);
  await lane.commit(branch, "head");
  const { data } = await lane.octokit.rest.pulls.create({ ...lane.at, head: branch, base: "main", title: branch });
  lane.pull = data.number;
};

const setState = async ({ octokit, at, pull }: Lane, state: "open" | "closed"): Promise<void> =>
  void (await octokit.rest.pulls.update({ ...at, pull_number: pull, state }));

const closes: Act = async (lane) => {
  if (lane.pull > 0) await setState(lane, "closed");
};

const pushes: Act = async (lane) => void (await lane.commit(`branch-${lane.pull}`, "pushed"));

/** Whatever else happens: while the old namespace is Terminating there is nothing to come back to. */
async function isGone(lane: Lane, { world }: Town): Promise<boolean> {
  const name = `${lane.owner}-app-pr-${lane.pull}`;
  return (await world.fx.clusters.get("default")?.namespace(name)) === null;
}

export const opened: FaultJourney = {
  name: "a pull request is opened and comes live",
  seed: WITHOUT_ENVIRONMENTS,
  begin: [],
  ready: [closes],
  acts: [opensPullRequest, ciPasses("head")],
};

export const pushed: FaultJourney = {
  name: "a push brings a new version",
  seed: WITHOUT_ENVIRONMENTS,
  begin: [opensPullRequest, ciPasses("head")],
  ready: [],
  acts: [pushes, ciPasses("pushed")],
};

let setting = 0;
const changesSetting: Act = async (lane) => {
  const text = configFile(lane.owner, {}, { SETTING: `${++setting}` });
  await lane.commit(`branch-${lane.pull}`, "pushed", { path: ".proa.yml", text });
};

export const reconfigured: FaultJourney = {
  ...pushed,
  name: "a push changes more than the image",
  acts: [changesSetting, ciPasses("pushed")],
};

export const closedAndReopened: FaultJourney = {
  name: "a pull request is closed, and opened again",
  seed: WITHOUT_ENVIRONMENTS,
  begin: [opensPullRequest, ciPasses("head")],
  ready: [],
  acts: [
    closes,
    async (lane, town) => {
      await town.until(() => isGone(lane, town), "the preview's namespace is gone");
      await setState(lane, "open");
    },
  ],
};

export const withSecret: FaultJourney = {
  name: "a preview copies a secret",
  seed: (owner) => ({
    config: { previews: { secrets: { from: `${owner}-source`, keys: ["API_KEY"] } } },
    namespaces: [],
  }),
  begin: [
    async ({ owner, id, admin }, { world }) => {
      const namespace = world.fx.installation.secretsNamespace;
      await admin.create({ apiVersion: "v1", kind: "Namespace", metadata: { name: namespace } });
      const labels = { "proa.dev/allow-previews": "true", "proa.dev/repository-id": `${id}` };
      const metadata = { name: `${owner}-source`, namespace, labels };
      await admin.create({ apiVersion: "v1", kind: "Secret", metadata, stringData: { API_KEY: "a-secret" } });
    },
    ...opened.acts,
  ],
  ready: [],
  acts: pushed.acts,
};
