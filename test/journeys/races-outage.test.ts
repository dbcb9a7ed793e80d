import { expect, test } from "vitest";
import { OutsideError } from "../../src/core/problem.ts";
import { startWorld } from "./harness.ts";
import { commentSays, configure, kubectl, live, onGitHub, previewNamespace, setSuspended } from "./races-support.ts";

test("race 31: beyond the cap previews queue with their position, and each comes up when one goes", async (t) => {
  const shop = await startWorld(t);
  await configure(shop, { previews: { cap: 1 } });
  const { person } = shop;
  const first = await person.openPullRequest({ branch: "lamp" });
  await live(shop, first.sha, "preview");
  const second = await person.openPullRequest({ branch: "oar" });
  await commentSays(shop, 2, "number 1 in the queue: 1 previews of this repository are up, which is its cap");
  const third = await person.openPullRequest({ branch: "sail" });
  await commentSays(shop, 3, "number 2 in the queue");

  await person.close(1);
  await live(shop, second.sha, "preview");
  await commentSays(shop, 3, "number 1 in the queue");
  await person.close(2);
  await live(shop, third.sha, "preview");
  expect(await shop.namespace(previewNamespace(2))).toBeNull();
});

test("race 32: while GitHub refuses writes the preview comes up all the same, and is told of later", async (t) => {
  let refusing = false;
  const refuse = (): void => {
    if (refusing)
      throw new OutsideError({
        code: "rate-limited",
        detail: "403 You have exceeded a secondary rate limit",
        retryable: true,
        retryAfterMs: 90_000,
      });
  };
  const shop = await startWorld(t, {
    interfere: onGitHub((github) => ({
      async createStatus(...args) {
        refuse();
        return github.createStatus(...args);
      },
      async createComment(...args) {
        refuse();
        return github.createComment(...args);
      },
    })),
  });
  await shop.quiet();
  refusing = true;
  const { sha } = await shop.person.openPullRequest({ branch: "lamp" });
  await shop.until(
    async () => (await shop.visit("pr-1.shop.localhost", "/version")).body.includes(sha),
    "the preview answers",
  );
  expect(await shop.statuses(sha, "proa/preview")).toEqual([]);

  refusing = false;
  await commentSays(shop, 1, "Preview is ready");
  await live(shop, sha, "preview");
});

test("race 33: whatever GitHub fails to show, nothing is deleted", async (t) => {
  let mode: "well" | "empty" | "down" | "missing" = "well";
  const down = (): never => {
    throw new OutsideError({ code: "unavailable", detail: "GET /repos/acme/shop/pulls: 503", retryable: true });
  };
  const shop = await startWorld(t, {
    interfere: onGitHub((github) => ({
      openPullRequests: async (repo) =>
        mode === "well" ? github.openPullRequests(repo) : mode === "empty" ? [] : down(),
      pullRequest: async (repo, number) =>
        mode === "down" ? down() : mode === "missing" ? null : github.pullRequest(repo, number),
    })),
  });
  const pulls = [
    await shop.person.openPullRequest({ branch: "lamp" }),
    await shop.person.openPullRequest({ branch: "oar" }),
  ];
  for (const { sha } of pulls) await live(shop, sha, "preview");
  await shop.quiet();
  const before = await shop.comment(1);

  for (mode of ["empty", "down", "missing"] as const) {
    await shop.world.sweep("github");
    await shop.person.label(1, mode);
    await shop.pass(11 * 60_000);
    for (const { number, sha } of pulls) {
      expect((await shop.namespace(previewNamespace(number)))?.metadata?.deletionTimestamp).toBeUndefined();
      expect((await shop.visit(`pr-${number}.shop.localhost`, "/version")).body).toContain(sha);
    }
  }
  mode = "well";
  await shop.person.label(1, "again");
  await shop.quiet();
  expect(await shop.comment(1)).toBe(before);
});

test("race 34: a suspended installation is left alone, and caught up with when it is resumed", async (t) => {
  const shop = await startWorld(t, { tolerate: ["error lines"] });
  const { sha } = await shop.person.openPullRequest({ branch: "lamp" });
  await live(shop, sha, "preview");
  await shop.quiet();
  await setSuspended(shop, true);
  const pushed = await shop.person.push("lamp", "good");
  await shop.pass(30 * 60_000);
  expect((await shop.visit("pr-1.shop.localhost", "/version")).body).toContain(sha);
  expect(await shop.statuses(pushed, "proa/preview")).toEqual([]);

  await setSuspended(shop, false);
  const resumed = shop.world.clock.nowMs();
  await live(shop, pushed, "preview");
  expect(shop.world.clock.nowMs() - resumed).toBeLessThan(60_000);
});

test("race 35: after an outage whose webhooks are gone for ever, a sweep finds what happened", async (t) => {
  let out = false;
  const shop = await startWorld(t, { deliver: async (_, send) => (out ? { status: 200 } : send()) });
  const { person } = shop;
  const closed = await person.openPullRequest({ branch: "lamp" });
  await live(shop, closed.sha, "preview");
  const draft = await person.openPullRequest({ branch: "oar", draft: true });
  const gone = await person.openPullRequest({ branch: "rope" });
  await live(shop, gone.sha, "preview");
  await person.close(gone.number);
  await commentSays(shop, gone.number, "Preview removed");
  await shop.quiet();

  out = true;
  await person.close(closed.number);
  const opened = await person.openPullRequest({ branch: "sail" });
  await person.setDraft(draft.number, false);
  await person.reopen(gone.number);
  const pushed = await person.push("main", "good");
  await shop.world.ci.idle();
  await shop.world.github.idle();
  out = false;
  await shop.pass(11 * 60_000); // the sweep comes every ten minutes
  await commentSays(shop, closed.number, "Preview removed");
  expect(await shop.namespace(previewNamespace(closed.number))).toBeNull();
  await live(shop, opened.sha, "preview");
  await live(shop, pushed, "production");
  await live(shop, draft.sha, "preview");
  await commentSays(shop, gone.number, "Preview is ready");
});

test("previews of another installation in the same cluster are none of a sweep's business", async (t) => {
  const shop = await startWorld(t);
  const { core } = kubectl(shop);
  for (let number = 1; number <= 11; number++) {
    const labels = {
      "app.kubernetes.io/managed-by": "proa",
      "proa.dev/repository-id": "999999999",
      "proa.dev/pull-request": `${number}`,
    };
    await core.createNamespace({ body: { metadata: { name: `others-shop-pr-${number}`, labels } } });
  }
  await shop.pass(25 * 60_000); // two sweeps, the second of which sees namespaces that are not young any more
  expect(shop.log.filter((line) => line.includes("sweep stopped"))).toEqual([]);
});

test("race 48: a renamed repository keeps its previews and environments, and their history", async (t) => {
  const shop = await startWorld(t, { people: [{ login: "owner", token: "ghp_owner", permission: "admin" }] });
  const { sha } = await shop.person.openPullRequest({ branch: "lamp" });
  await live(shop, sha, "preview");
  await shop.as("owner").octokit.rest.repos.update({ owner: "acme", repo: "shop", name: "chandlery" });
  const { person } = await shop.repository("chandlery", {});
  const pushed = await person.push("lamp", "good");
  await live(shop, pushed, "preview");
  const main = await person.push("main", "good");
  await live(shop, main, "production");
  await person.close(1);
  await commentSays(shop, 1, "Preview removed");
  await shop.quiet();

  expect(await shop.namespace(previewNamespace(1))).toBeNull();
});
