import { parseConfig } from "../../src/core/config-parse.ts";
import type { World } from "../world.ts";
import { type Focus, readConversation } from "./conversation.ts";
import type { BoardGitHub } from "./github.ts";
import { createTargetReader } from "./targets.ts";

const MOST_DEPLOYMENTS = 10;
const MOST_DELIVERIES = 30;

/** The whole page in one answer. `mark` changes whenever another answer may come out. */
export function createSnapshots(world: World, github: BoardGitHub) {
  const readTargets = createTargetReader(world);
  return {
    mark: async (): Promise<string> => JSON.stringify([await github.mark(), await readTargets()]),
    async take(focus: Focus) {
      const [conversation, targets, deployments, deliveries, environments] = await Promise.all([
        readConversation(github, focus),
        readTargets(),
        readDeployments(github),
        readDeliveries(github),
        environmentNames(github),
      ]);
      const { owner, name } = world.repo;
      const repo = { owner, name, clone: `${world.url}/git/${owner}/${name}.git` };
      return {
        now: world.clock.nowMs(),
        repo,
        ...conversation,
        ...targets,
        environmentNames: environments,
        deployments,
        deliveries,
      };
    },
  };
}

/** From the default branch's `.proa.yml`, so that an environment is on the page before anything is in it. */
async function environmentNames({ read, person, shop }: BoardGitHub): Promise<string[]> {
  const raw = { mediaType: { format: "raw" } };
  const text = await read("config", () => person.repos.getContent({ ...shop, path: ".proa.yml", ...raw }));
  // Asked for raw, GitHub answers with the file itself, which Octokit's types do not say.
  const parsed = parseConfig(text as unknown as string, "main");
  return "config" in parsed ? parsed.config.environments.map(({ name }) => name) : [];
}

async function readDeployments({ read, person, shop }: BoardGitHub) {
  const deployments = await read("deployments", () =>
    person.repos.listDeployments({ ...shop, per_page: MOST_DEPLOYMENTS }),
  );
  return Promise.all(
    deployments.map(async ({ id, sha, environment, description, task, created_at }) => {
      const statuses = await read(`deployment/${id}`, () =>
        person.repos.listDeploymentStatuses({ ...shop, deployment_id: id }),
      );
      const [latest] = statuses;
      const states = statuses.map(({ state }) => state).reverse();
      return {
        id,
        sha,
        environment,
        description,
        task,
        at: created_at,
        state: latest?.state ?? "pending",
        states,
        url: latest?.environment_url ?? null,
      };
    }),
  );
}

async function readDeliveries({ app }: BoardGitHub) {
  const { data } = await app.apps.listWebhookDeliveries({ per_page: MOST_DELIVERIES });
  return data.map(({ id, event, action, delivered_at, status_code, status, redelivery }) => ({
    id,
    event,
    action,
    at: delivered_at,
    code: status_code,
    status,
    redelivery,
  }));
}
