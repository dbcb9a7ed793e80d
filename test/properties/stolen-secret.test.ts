import { expect, test } from "vitest";
import type { Target } from "../../src/core/names.ts";
import { checkRun, comment, inPull, installation, pullRequest, push } from "../core/event-fixture.ts";
import { type Journey, startWorld } from "../journeys/harness.ts";
import { environment, live, previewNamespace, recordOf, statusIs } from "../journeys/races-support.ts";
import { deliverSigned } from "./deliver.ts";

/** Nobody wrote the comments, so the reactions that answer them find none. */
const FORGED = { tolerate: ["error lines"] } as const;
const unknown = "f".repeat(40);

/** Who they are, as every payload says it. */
const ours = ({ world, id }: Journey) => ({
  repository: { id, full_name: "acme/shop" },
  installation: { id: world.repo.installation, account: { login: "acme" } },
});

const said = (text: string, login: string, number: number) =>
  comment(text, { sender: { login, id: 1, type: "User" }, issue: { number, pull_request: {} } });

test("with the webhook's secret one can make Proa look, but not see anything that GitHub does not show", async (t) => {
  const shop = await startWorld(t, FORGED);
  const merged = await shop.person.push("main", "good");
  await live(shop, merged, "production");
  const pull = await shop.person.openPullRequest({ branch: "lamp" });
  await live(shop, pull.sha, "preview");
  await shop.quiet();

  const payloads: readonly (readonly [event: string, payload: object])[] = [
    // The preview of an open pull request is to go.
    [
      "pull_request",
      pullRequest("closed", { number: pull.number, pull_request: { merged: true, head: { sha: pull.sha } } }),
    ],
    // Commits are to go out that are no branch's tip, or nobody's at all.
    ["push", push({ ref: "refs/heads/main", after: pull.sha })],
    ["push", push({ ref: "refs/heads/main", after: unknown })],
    ["pull_request", pullRequest("synchronize", { number: pull.number, pull_request: { head: { sha: unknown } } })],
    ["pull_request", pullRequest("opened", { number: 99, pull_request: { head: { sha: pull.sha } } })],
    // A check is to have passed.
    ["check_run", checkRun("completed", { head_sha: pull.sha, conclusion: "success", pull_requests: [inPull(1)] })],
    // A stranger orders.
    ["issue_comment", said("/rollback production", "nobody-here", pull.number)],
  ];
  for (const [event, payload] of payloads)
    expect(await deliverSigned(shop, { event, payload: { ...payload, ...ours(shop) } })).toBe(202);
  await shop.quiet();

  const preview = await recordOf(shop, previewOf(shop, pull.number));
  expect([preview.live?.sha, preview.tombstone]).toEqual([pull.sha, null]);
  expect(await shop.namespace(previewNamespace(pull.number))).not.toBeNull();
  expect(await shop.namespace(previewNamespace(99))).toBeNull();
  for (const name of ["staging", "production"])
    expect((await recordOf(shop, environment(shop, name))).live?.sha).toBe(merged);
});

test("with the webhook's secret one can say that the App was uninstalled, until the next sweep asks GitHub", async (t) => {
  const shop = await startWorld(t);
  await shop.quiet();
  await deliverSigned(shop, { event: "installation", payload: { ...installation("deleted"), ...ours(shop) } });
  await shop.until(
    async () => (await shop.world.store.repos()).every(({ active }) => !active),
    "the repository is taken for one that the App has left",
  );
  await shop.world.sweep("github");
  const { sha } = await shop.person.openPullRequest({ branch: "lamp" });
  expect(await statusIs(shop, sha, "proa/preview", "success")).toContain("Live at");
});

test("with the webhook's secret one can order in the name of somebody who may", async (t) => {
  const shop = await startWorld(t, FORGED);
  const pull = await shop.person.openPullRequest({ branch: "lamp" });
  await live(shop, pull.sha, "preview");
  const payload = { ...said("/deploy", "maintainer", pull.number), ...ours(shop) };
  await deliverSigned(shop, { event: "issue_comment", payload });
  const answers = await shop.until(async () => {
    const { answers: given } = await recordOf(shop, previewOf(shop, pull.number));
    return given.length > 0 && given;
  }, "the order is answered");
  expect(answers).toMatchObject([{ verb: "deploy", by: "maintainer", accepted: true }]);
});

function previewOf(shop: Journey, number: number): Target {
  const { repoId } = environment(shop, "staging");
  return { kind: "preview", repoId, number };
}
