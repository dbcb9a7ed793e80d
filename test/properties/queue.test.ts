import { expect, test } from "vitest";
import type { Message } from "../../src/core/message.ts";
import { parseRepoName, type RepoName, type Target, targetId } from "../../src/core/names.ts";
import { type Journey, startWorld } from "../journeys/harness.ts";
import { environment, live, previewNamespace, recordOf, shopConfig } from "../journeys/races-support.ts";

/** As from somebody who may write to the queue. */
const put = ({ world }: Journey, body: unknown, group: string): Promise<void> =>
  world.queue.send(body as Message, group, `forged-${JSON.stringify(body)}`);

const previewOf = (shop: Journey, number: number): Target => {
  const { repoId } = environment(shop, "staging");
  return { kind: "preview", repoId, number };
};

test("a message that nobody can read leaves its group to the next one, and is kept for a person", async (t) => {
  const shop = await startWorld(t, { tolerate: ["dead letters", "error lines"] });
  const { number, sha } = await shop.person.openPullRequest({ branch: "lamp" });
  await live(shop, sha, "preview");

  const group = targetId(previewOf(shop, number));
  const poison = ["x", { v: 1, kind: "look", target: { kind: "preview" } }];
  for (const body of poison) await put(shop, body, group);
  const pushed = await shop.person.push("lamp", "good");
  await live(shop, pushed, "preview");

  const kept = await shop.world.queue.deadLetters();
  expect(kept.map(({ body }) => JSON.parse(body) as unknown)).toEqual(poison);
});

test("a message that names another repository by this one's number changes nothing here", async (t) => {
  const shop = await startWorld(t);
  const { number, sha } = await shop.person.openPullRequest({ branch: "lamp" });
  await live(shop, sha, "preview");
  await shop.quiet();

  // Elsewhere the same number is closed, and staging is something else, in this repository's own namespace.
  const evil = await shop.repository("evil", {
    "package.json": "{}",
    ".proa.yml": shopConfig({ services: { web: { command: ["evil"] } } }),
  });
  const pull = await evil.person.openPullRequest({ branch: "x", version: { "a.txt": "a" } });
  expect(pull.number).toBe(number);
  await evil.person.close(pull.number);
  await shop.quiet();
  const before = await recordOf(shop, previewOf(shop, number));
  const repo = parseRepoName("acme/evil") as RepoName;
  const forged = (target: Target) => ({
    v: 1,
    kind: "look",
    target,
    sha: null,
    delivery: "forged",
    installation: shop.world.repo.installation,
    repo,
    receivedAt: shop.world.clock.nowMs(),
    because: "forged",
  });
  for (const target of [previewOf(shop, number), environment(shop, "staging")]) {
    await put(shop, forged(target), targetId(target));
    await shop.until(
      () =>
        shop.log.some(
          (line) => line.includes(`"target":"${targetId(target)}"`) && line.includes("acme/evil is repository"),
        ),
      `the look at ${targetId(target)} ends with what is wrong`,
    );
  }

  const after = await recordOf(shop, previewOf(shop, number));
  expect([after.live, after.placements, after.tombstone]).toEqual([before.live, before.placements, null]);
  expect(await shop.namespace(previewNamespace(number))).not.toBeNull();
  expect((await recordOf(shop, environment(shop, "staging"))).live?.sha).not.toBe(pull.sha);
  // The next event of its own says its name again.
  const pushed = await shop.person.push("lamp", "good");
  await live(shop, pushed, "preview");
});
