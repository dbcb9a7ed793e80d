import { Field } from "../../src/adapters/github-field.ts";
import { type Variant, variants } from "../seed/variants.ts";
import type { World } from "../world.ts";
import type { BoardGitHub } from "./github.ts";
import { pushVersion } from "./push.ts";
import { Refused } from "./refused.ts";

export interface Done {
  /** A sentence for the person who pressed the button. */
  readonly said: string;
  /** The page to go to. */
  readonly go?: string;
}

type Action = (input: Field, on: { readonly world: World; readonly github: BoardGitHub }) => Promise<Done>;

/** What the page's buttons do, through GitHub's API and git alone, as the maintainer could from a terminal. */
export const ACTIONS: ReadonlyMap<string, Action> = new Map<string, Action>([
  [
    "open",
    async (input, { world, github }) => {
      const { person, shop } = github;
      const { branch, title } = await pushVersion({ ...remote(world), branch: null, variant: variant(input) });
      const body = "Opened from the board.";
      const { data } = await person.pulls.create({ ...shop, title, body, head: branch, base: "main" });
      return {
        said: `Pull request #${data.number} is open. Its tests run now, and its preview follows.`,
        go: new URL(data.html_url).pathname,
      };
    },
  ],
  [
    "push",
    async (input, { world, github }) => {
      const { person, shop } = github;
      const number = input.at("number").integer();
      const { data } = await person.pulls.get({ ...shop, pull_number: number });
      const { title } = await pushVersion({ ...remote(world), branch: data.head.ref, variant: variant(input) });
      return { said: `Pushed “${title}” to #${number}.` };
    },
  ],
  [
    "merge",
    async (input, { github: { person, shop } }) => {
      const number = input.at("number").integer();
      const { data } = await person.pulls.get({ ...shop, pull_number: number });
      if (data.mergeable === false)
        throw new Refused(422, `#${number} conflicts with main. Push a version: that brings the branch up to date.`);
      await person.pulls.merge({ ...shop, pull_number: number });
      return { said: `Merged #${number}. Staging gets it next, then production.` };
    },
  ],
  ["close", (input, { github }) => setState(input, github, "closed")],
  ["reopen", (input, { github }) => setState(input, github, "open")],
  [
    "comment",
    async (input, { github: { person, shop } }) => {
      const number = input.at("number").integer();
      const body = input.at("text").string();
      await person.issues.createComment({ ...shop, issue_number: number, body });
      return { said: `Commented “${body.slice(0, 60)}” on #${number}.` };
    },
  ],
  [
    "press",
    async (input, { github: { person, shop } }) => {
      const at = { ...shop, id: input.at("run").integer(), identifier: input.at("identifier").string() };
      await person.request("POST /repos/{owner}/{repo}/check-runs/{id}/actions/{identifier}", at);
      return { said: `Pressed “${at.identifier}”.` };
    },
  ],
  [
    "rerun",
    async (input, { github: { person, shop } }) => {
      await person.checks.rerequestRun({ ...shop, check_run_id: input.at("run").integer() });
      return { said: "Asked for this check again." };
    },
  ],
  [
    "redeliver",
    async (input, { github: { app } }) => {
      await app.apps.redeliverWebhookDelivery({ delivery_id: input.at("id").integer() });
      return { said: "GitHub delivers it once more. Nothing should change: an event is only a hint." };
    },
  ],
]);

const remote = ({ url, repo, secrets }: World) => ({
  gitUrl: `${url}/git/${repo.owner}/${repo.name}.git`,
  token: secrets.token,
});

const variant = (input: Field): Variant => input.at("variant").oneOf(...(Object.keys(variants) as Variant[]));

async function setState(input: Field, { person, shop }: BoardGitHub, state: "open" | "closed"): Promise<Done> {
  const number = input.at("number").integer();
  await person.pulls.update({ ...shop, pull_number: number, state });
  return { said: state === "open" ? `Reopened #${number}.` : `Closed #${number}. Its preview is taken down.` };
}
