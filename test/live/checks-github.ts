import { OutsideError } from "../../src/core/problem.ts";
import { parseSha } from "../../src/core/names.ts";
import { difference } from "../../scripts/setup/difference.ts";
import { asAssumed, eventually, type Finding, type LiveCheck, notTold, otherwise } from "./check.ts";
import { type GitHubWorld, idOf, nothing } from "./github-world.ts";

const MINUTE = 60_000;
const CHECK_RUNS = "POST /repos/{owner}/{repo}/check-runs";

export const githubChecks: readonly LiveCheck<GitHubWorld>[] = [
  {
    name: "app permissions",
    question: "Does GitHub show the App with the permissions and events of our manifest?",
    untilThen: "`proa doctor` names what an App lacks",
    async run({ admin }) {
      const found = difference(await admin.app());
      const lacks = [...found.missingPermissions, ...found.missingEvents];
      return lacks.length === 0 ? asAssumed("all of them") : otherwise(`it lacks ${lacks.join(", ")}`);
    },
  },
  {
    name: "required deployments",
    question: "Do Deployments made by the API satisfy a ruleset's `required_deployments`?",
    untilThen: "Not relied on: nothing waits for a merge that only this rule holds back",
    run: requiredDeployments,
  },
  {
    name: "classic protection",
    question: "Does `GET /branches/{branch}` show classic protection to an installation token?",
    untilThen: "Contexts found there are added to the required ones; `gate.require` says the rest",
    run: classicProtection,
  },
  {
    name: "environment deletion",
    question: "Is `DELETE /environments/{name}` refused to our permissions?",
    untilThen: "Proa deletes no environment: previews share one, and their Deployments become inactive",
    async run({ asApp, at, run }) {
      const route = "DELETE /repos/{owner}/{repo}/environments/{environment_name}";
      const refused = await refusalOf(() => asApp.send(route, { ...at, environment_name: run }, nothing));
      if (refused === "forbidden") return asAssumed("403, it takes administration: write");
      return refused === null ? otherwise("it is allowed") : notTold(`GitHub says ${refused}`);
    },
  },
  {
    name: "head of Actions",
    question: "Which commit do the check runs of a `pull_request` workflow hang on?",
    untilThen:
      "The pull request's head is asked; checks that hang elsewhere count as not there, so nothing is deployed",
    async run({ client, repo, pull, patience }) {
      const sha = parseSha(pull.sha);
      if (sha === null) return notTold("GitHub gave no commit");
      const runs = await eventually(async () => {
        const found = (await client.checks(repo, sha)).runs.filter(({ name }) => name.startsWith("proa-live"));
        return found.length === 0 ? null : found;
      }, patience);
      return runs === null
        ? notTold("no check run named proa-live… in time: add the workflows of docs/live-checks.md")
        : asAssumed(`the pull request's head (${runs.length} check runs)`);
    },
  },
  {
    name: "latest check runs",
    question: "With `filter=latest`, do two workflows' jobs of the same name both show?",
    untilThen: "All runs of one name have to pass; suites are read beside them, and one that runs holds back",
    async run({ client, repo, pull }) {
      const sha = parseSha(pull.sha);
      const { runs, suites } = sha === null ? { runs: [], suites: [] } : await client.checks(repo, sha);
      const named = runs.filter(({ name }) => name === "proa-live");
      if (suites.length < 2 || named.length === 0) return notTold("it takes two workflows with a job proa-live");
      return named.length >= 2 ? asAssumed("both: the latest of each suite") : otherwise("one: the latest of the app");
    },
  },
  {
    name: "required workflow",
    question: "Which name has a ruleset's required workflow among the check runs?",
    untilThen: "Its name, or `name / job`; where none fits, every check counts",
    async run({ client, repo, pull }) {
      const sha = parseSha(pull.sha);
      const { workflows } = await client.branchRules(repo, "main");
      const [required] = workflows;
      if (required === undefined || sha === null) return notTold("no ruleset of main requires a workflow");
      const names = (await client.checks(repo, sha)).runs.map(({ name }) => name);
      const file = required.split("/").at(-1) ?? required;
      const spellings = [required, file, file.replace(/\.ya?ml$/, "")];
      const fits = names.some((name) => spellings.some((each) => name === each || name.startsWith(`${each} / `)));
      return fits
        ? asAssumed(`${required} shows as one of ${names.join(", ")}`)
        : otherwise(`${required}: ${names.join(", ")}`);
    },
  },
  {
    name: "merge groups",
    question: "Does `merge_group` reach an App whose merge queues permission is read?",
    untilThen: "What a queue merges arrives as a push, which is enough",
    async run({ admin }) {
      const came = (await admin.deliveries(0)).some(({ event }) => event === "merge_group");
      return came ? asAssumed("it was sent") : notTold("none was: merge a pull request through a queue first");
    },
  },
  {
    name: "redelivery window",
    question: "How far back does GitHub list deliveries?",
    untilThen: "The sweep asks for failed ones of the last days, and compares the whole state besides",
    async run({ admin }) {
      const all = await admin.deliveries(0);
      const oldest = all.at(-1);
      if (oldest === undefined) return notTold("there is none yet");
      const days = (Date.now() - oldest.deliveredAt) / (24 * 60 * MINUTE);
      return days <= 4 ? asAssumed(`the oldest is ${days.toFixed(1)} days old`) : otherwise(`${days.toFixed(1)} days`);
    },
  },
  {
    name: "check run limits",
    question: "Are 65,535 characters of text and 50 annotations the most a check run takes at once?",
    untilThen: "Texts are cut below that, and annotations are few",
    run: checkRunLimits,
  },
  {
    name: "own comments",
    question: "Is `performed_via_github_app` filled on our own comments?",
    untilThen: "The login `<slug>[bot]` counts as well",
    async run({ asApp, at, pull, appSlug }) {
      const number = { ...at, issue_number: pull.number };
      const id = await asApp.send(
        "POST /repos/{owner}/{repo}/issues/{issue_number}/comments",
        { ...number, body: "live" },
        idOf,
      );
      const slug = await asApp.send(
        "GET /repos/{owner}/{repo}/issues/comments/{comment_id}",
        { ...at, comment_id: id },
        (reply) => reply.at("performed_via_github_app").orNull((app) => app.at("slug").string()),
      );
      return slug === appSlug ? asAssumed("yes") : otherwise(`it is ${slug ?? "empty"}`);
    },
  },
  {
    name: "comment events",
    question: "Does a comment on a pull request reach an App whose issues permission is read?",
    untilThen: "The check run's buttons need no comment",
    async run({ admin, asPerson, at, pull, patience }) {
      const since = Date.now() - MINUTE;
      const number = { ...at, issue_number: pull.number };
      await asPerson.send(
        "POST /repos/{owner}/{repo}/issues/{issue_number}/comments",
        { ...number, body: "live" },
        nothing,
      );
      const came = await eventually(
        async () => (await admin.deliveries(since)).find(({ event }) => event === "issue_comment") ?? null,
        patience,
      );
      return came === null ? otherwise("no issue_comment in time") : asAssumed("it was sent");
    },
  },
];

async function requiredDeployments({ asPerson, asApp, at, base, pull, run, patience }: GitHubWorld): Promise<Finding> {
  const ruleset = await asPerson.send(
    "POST /repos/{owner}/{repo}/rulesets",
    {
      ...at,
      name: run,
      target: "branch",
      enforcement: "active",
      conditions: { ref_name: { include: [`refs/heads/${base}`], exclude: [] } },
      rules: [{ type: "required_deployments", parameters: { required_deployment_environments: [run] } }],
    },
    idOf,
  );
  const state = (): Promise<string | null> =>
    eventually(
      () =>
        asPerson.send("GET /repos/{owner}/{repo}/pulls/{pull_number}", { ...at, pull_number: pull.number }, (reply) => {
          const found = reply.at("mergeable_state").orNull((text) => text.string());
          return found === "unknown" ? null : found;
        }),
      patience,
    );
  try {
    const before = await state();
    if (before !== "blocked")
      return notTold(`without a Deployment the pull request is ${before ?? "unknown"}, not blocked`);
    const id = await asApp.send(
      "POST /repos/{owner}/{repo}/deployments",
      { ...at, ref: pull.sha, environment: run, auto_merge: false, required_contexts: [], transient_environment: true },
      idOf,
    );
    const route = "POST /repos/{owner}/{repo}/deployments/{deployment_id}/statuses";
    await asApp.send(route, { ...at, deployment_id: id, state: "success", auto_inactive: false }, nothing);
    const after = await eventually(async () => ((await state()) === "blocked" ? null : "open"), patience);
    return after === null ? otherwise("no: it stays blocked") : asAssumed("yes: it may be merged");
  } finally {
    await asPerson.send("DELETE /repos/{owner}/{repo}/rulesets/{ruleset_id}", { ...at, ruleset_id: ruleset }, nothing);
  }
}

async function classicProtection({ asPerson, client, repo, at, base, run }: GitHubWorld): Promise<Finding> {
  const branch = { ...at, branch: base };
  await asPerson.send(
    "PUT /repos/{owner}/{repo}/branches/{branch}/protection",
    {
      ...branch,
      required_status_checks: { strict: false, contexts: [run] },
      enforce_admins: false,
      required_pull_request_reviews: null,
      restrictions: null,
    },
    nothing,
  );
  try {
    const { required } = await client.branchRules(repo, base);
    return required.some(({ context }) => context === run)
      ? asAssumed("yes")
      : otherwise("no: the context is not shown");
  } finally {
    await asPerson.send("DELETE /repos/{owner}/{repo}/branches/{branch}/protection", branch, nothing);
  }
}

async function checkRunLimits({ asApp, at, pull, run }: GitHubWorld): Promise<Finding> {
  const annotation = { path: `${run}.txt`, start_line: 1, end_line: 1, annotation_level: "notice", message: "live" };
  const attempt = (name: string, text: number, annotations: number) =>
    refusalOf(() =>
      asApp.send(
        CHECK_RUNS,
        {
          ...at,
          name: `${run} ${name}`,
          head_sha: pull.sha,
          status: "completed",
          conclusion: "neutral",
          output: {
            title: name,
            summary: name,
            text: "x".repeat(text),
            annotations: Array.from({ length: annotations }, () => annotation),
          },
        },
        nothing,
      ),
    );
  const within = await attempt("within", 65_535, 50);
  const [text, many] = [await attempt("text", 65_536, 0), await attempt("annotations", 1, 51)];
  if (within !== null) return otherwise(`65,535 characters and 50 annotations are refused: ${within}`);
  if (text !== null && many !== null) return asAssumed("yes: one more of either is refused");
  return otherwise(`${text === null ? "65,536 characters" : "51 annotations"} are taken`);
}

/** null: it was allowed. */
async function refusalOf(call: () => Promise<unknown>): Promise<string | null> {
  try {
    await call();
    return null;
  } catch (error) {
    if (error instanceof OutsideError) return error.problem.code;
    throw error;
  }
}
