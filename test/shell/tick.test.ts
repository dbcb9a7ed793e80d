import { expect, test } from "vitest";
import { createSqliteQueue } from "../../src/adapters/queue-sqlite.ts";
import { forward } from "../../src/tick.ts";
import { NOW, preview, repo, staging } from "../core/decision-fixture.ts";

/** What lands on a queue when this comes off the ordinary one. */
async function forwarded(...bodies: unknown[]) {
  const queue = createSqliteQueue(":memory:", () => NOW);
  for (const body of bodies) await forward(body, { queue, clock: { now: () => NOW } });
  return (["deployer", "reporter"] as const).flatMap((name) =>
    queue.receive(name, 10).map(({ group, body }) => ({ queue: name, group, body: JSON.parse(body) as unknown })),
  );
}

const tick = { v: 1, kind: "tick", target: preview, n: 4 };
const pushed = {
  source: "aws.ecr",
  id: "e1",
  "detail-type": "ECR Image Action",
  detail: { "action-type": "PUSH", result: "SUCCESS", "repository-name": "acme/shop-web", "image-tag": "v1" },
};

test("a tick goes into its target's group", async () => {
  expect(await forwarded(tick)).toEqual([{ queue: "deployer", group: "preview/12/7", body: tick }]);
});

test("a tick that comes twice is one, and another target's is another", async () => {
  expect(await forwarded(tick, tick, { ...tick, target: staging })).toHaveLength(2);
});

test("a report whose time has come goes to its installation", async () => {
  const report = { v: 1, kind: "report", installation: 3 };
  expect(await forwarded(report)).toEqual([{ queue: "reporter", group: "3", body: report }]);
});

test("an image that was pushed is told to whoever waits for it", async () => {
  const image = {
    v: 1,
    kind: "image",
    repository: "acme/shop-web",
    tag: "v1",
    delivery: "e1",
    receivedAt: NOW,
    because: "image pushed",
  };
  expect(await forwarded(pushed)).toEqual([{ queue: "deployer", group: "image/acme/shop-web/v1", body: image }]);
});

const look = {
  ...tick,
  kind: "look",
  sha: null,
  delivery: "d",
  installation: 3,
  repo,
  receivedAt: NOW,
  because: "test",
};
const unknown = "the message is of no known kind: undefined";
test.each([
  ["a push that failed", { ...pushed, detail: { ...pushed.detail, result: "FAILURE" } }, unknown],
  ["an image that was deleted", { ...pushed, detail: { ...pushed.detail, "action-type": "DELETE" } }, unknown],
  ["a push without a tag", { ...pushed, detail: { ...pushed.detail, "image-tag": undefined } }, unknown],
  ["a look", look, "a look message has no business on the tick queue"],
  ["something else", { hello: "world" }, unknown],
  ["nothing", null, "the message is not an object"],
])("%s goes nowhere, and the queue keeps it for a person", async (_, body, message) => {
  await expect(forwarded(body)).rejects.toThrow(message);
});
