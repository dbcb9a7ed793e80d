import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { expect, test } from "vitest";
import { kubectl, newKubectl } from "../parity/kubectl.ts";
import type { Journey, StartWorld } from "./harness.ts";
import { commentSays } from "./races-support.ts";
import { readable } from "./readable.ts";

const HOST = "pr-1.shop.localhost";

/** From a pull request to production, with everything that people see on the way. */
export function story(startWorld: StartWorld): void {
  test(
    "a commit goes from a pull request to production, and what is bad on the way stops where it should",
    { timeout: 600_000 },
    async (t) => {
      const shop = await startWorld(t, { ci: "real" });
      const { person } = shop;

      // A pull request gets a preview that runs its commit.
      const pull = await person.openPullRequest({ branch: "sextant", title: "Sell sextants" });
      const commits: Record<string, string> = { first: pull.sha };
      const read = (text: string | null | undefined) => readable(text ?? "", commits);
      await ended(shop, pull.sha, "proa/preview", "success");
      expect(await runs(shop, HOST)).toBe(pull.sha);
      const onTheWay = (await shop.statuses(pull.sha, "proa/preview")).map(({ state, description, url }) =>
        read(`${state}: ${description} ${url}`),
      );
      expect(onTheWay.slice(-2)).toEqual([
        "pending: Rolling out <first> null",
        "success: Live at pr-1.shop.localhost:PORT http://pr-1.shop.localhost:PORT",
      ]);
      // A CI that runs nothing may be done before anybody waits for it, and so may any while functions start for the first time.
      const waited = ["pending: waiting for `test` (running N s). null"];
      const isQuick = shop.pods === "run" && !shop.world.proaIsElsewhere;
      expect(isQuick ? onTheWay.slice(0, -2) : waited).toEqual(waited);
      await shop.quiet();
      expect(read(await shop.comment(1))).toMatchInlineSnapshot(`
      "<!-- proa:comment -->

      ### Preview is ready: http://pr-1.shop.localhost:PORT

      **Commit** <first>

      <details><summary>Digests</summary>

      | service | digest |
      |---|---|
      | web | \`sha256:…\` |

      </details>"
    `);
      expect(await shown(shop, "preview")).toEqual([
        `${pull.sha} success http://${HOST}:${new URL(shop.world.url).port}`,
      ]);

      // A push replaces it; whoever looks at it meanwhile gets an answer every time.
      commits["second"] = await person.push("sextant", "good");
      const answers = await visitsDuring(shop, HOST, () =>
        ended(shop, commits["second"] ?? "", "proa/preview", "success", 0),
      );
      expect(answers.filter(({ status }) => status !== 200)).toEqual([]);
      expect(new Set(answers.map(({ body }) => commitOf(body)))).toEqual(
        new Set(shop.pods === "run" ? [commits["first"], commits["second"]] : []),
      );
      expect(await runs(shop, HOST)).toBe(commits["second"]);

      // A commit whose tests fail changes nothing but what its status says.
      commits["untested"] = await person.push("sextant", "failing-test");
      expect(
        read((await ended(shop, commits["untested"], "proa/preview", "failure")).description),
      ).toMatchInlineSnapshot(`"\`test\` failed. <second> still serves."`);
      expect(await runs(shop, HOST)).toBe(commits["second"]);

      // A commit that passes its tests and crashes leaves the former one serving, and says what happened.
      commits["crashing"] = await person.push("sextant", "crashing");
      expect(
        read((await ended(shop, commits["crashing"], "proa/preview", "failure")).description),
      ).toMatchInlineSnapshot(
        `"web: 0 of 1 pods ready after N s: CrashLoopBackOff (exit 1: an error of the application). <second> still serves."`,
      );
      expect(await runs(shop, HOST)).toBe(commits["second"]);
      const report = await reported(shop, commits["crashing"], "proa/preview report");
      expect(read(`${report.conclusion}: ${report.title}`)).toMatchInlineSnapshot(
        `"failure: web: 0 of 1 pods ready after N s: CrashLoopBackOff (exit 1: an error of the application)"`,
      );
      const bug =
        shop.pods === "run" ? "TypeError: Cannot read properties of undefined (reading 'products')" : "exit 1";
      expect(report.text).toContain(bug);
      await shop.quiet();
      expect(read(await shop.comment(1)).split("<details>")[0]).toMatchInlineSnapshot(`
    "<!-- proa:comment -->

    ### Preview failed

    **Commit** <crashing> · web: 0 of 1 pods ready after N s: CrashLoopBackOff (exit 1: an error of the application).

    **Still serving** <second> at http://pr-1.shop.localhost:PORT

    "
  `);

      // The next good commit recovers.
      commits["good"] = await person.push("sextant", "good");
      await ended(shop, commits["good"], "proa/preview", "success");
      expect(await runs(shop, HOST)).toBe(commits["good"]);

      // Merged: the preview goes, and the same image digest goes to staging and on to production.
      commits["merged"] = await person.merge(1);
      await shop.until(
        async () => (await shop.namespace(shop.previewNamespace(1))) === null,
        "the preview's namespace is gone",
      );
      expect((await shop.visit(HOST)).status).toBe(404);
      await ended(shop, commits["merged"], "proa/staging", "success");
      await ended(shop, commits["merged"], "proa/production", "success");
      await shop.quiet();
      expect((await shown(shop, "preview")).map((line) => line.split(" ")[1])).toEqual([
        "inactive",
        "failure",
        "inactive",
        "inactive",
      ]);
      await commentSays(shop, 1, "Preview removed");
      expect(read(await shop.comment(1))).toMatchInlineSnapshot(`
      "<!-- proa:comment -->

      ### Preview removed

      Merged as <merged>.

      **staging**: <merged> is live. http://staging.shop.localhost:PORT

      **production**: <merged> is live. http://shop.localhost:PORT"
    `);
      const staging = await shop.live(shop.namespaces.staging);
      const production = await shop.live(shop.namespaces.production);
      expect(production["web"]?.image).toMatch(/^[a-z0-9.-]+\/acme[0-9a-f]*\/shop-web@sha256:[0-9a-f]{64}$/);
      expect(production["web"]?.image).toBe(staging["web"]?.image);
      expect(production["web"]?.annotations["proa.dev/digest"]).toBe(staging["web"]?.annotations["proa.dev/digest"]);
      expect(await runs(shop, "staging.shop.localhost")).toBe(commits["merged"]);
      expect(await runs(shop, "shop.localhost")).toBe(commits["merged"]);

      // A bad merge comes as far as staging, which goes back to what it had and holds the commit; production never sees it.
      const bad = await person.openPullRequest({ branch: "bad", version: "crashing" });
      commits["bad"] = await person.merge(bad.number);
      expect(read((await ended(shop, commits["bad"], "proa/staging", "failure")).description)).toMatchInlineSnapshot(
        `"web: 0 of 1 pods ready after N s: CrashLoopBackOff (exit 1: an error of the application). Rolled back to <merged>, which serves."`,
      );
      await shop.until(
        async () =>
          (await shop.live(shop.namespaces.staging))["web"]?.annotations["proa.dev/commit"] === commits["merged"],
        "staging is back at the former commit",
      );
      await shop.quiet();
      expect((await shop.live(shop.namespaces.staging))["web"]?.image).toBe(production["web"]?.image);
      expect(await runs(shop, "staging.shop.localhost")).toBe(commits["merged"]);
      expect((await shop.live(shop.namespaces.production))["web"]?.annotations).toEqual(production["web"]?.annotations);
      expect(await shop.status(commits["bad"], "proa/production")).toBeNull();
      expect(read((await shop.status(commits["bad"], "proa/staging"))?.description)).toMatchInlineSnapshot(
        `"web: 0 of 1 pods ready after N s: CrashLoopBackOff (exit 1: an error of the application). Rolled back to <merged>, which serves."`,
      );
      // Whether anybody saw the pull request before it was merged is a matter of a moment; the comment says where its commit got to.
      expect(
        read(await shop.comment(bad.number))
          .split("\n")
          .at(-1),
      ).toMatchInlineSnapshot(
        `"**staging**: failed · web: 0 of 1 pods ready after N s: CrashLoopBackOff (exit 1: an error of the application). Rolled back to <merged>, which serves."`,
      );
      expect((await reported(shop, commits["bad"], "proa/staging report")).text).toContain(bug);
      expect((await shown(shop, "staging")).map((line) => line.split(" ").slice(0, 2).join(" ")).slice(0, 3)).toEqual([
        `${commits["merged"]} success`,
        `${commits["bad"]} failure`,
        `${commits["merged"]} inactive`,
      ]);

      // The fix moves on by itself.
      const fix = await person.openPullRequest({ branch: "fix" });
      commits["fix"] = await person.merge(fix.number);
      await ended(shop, commits["fix"], "proa/production", "success");
      expect((await shop.status(commits["fix"], "proa/staging"))?.state).toBe("success");
      expect(await runs(shop, "shop.localhost")).toBe(commits["fix"]);

      // The cluster tells the same to whoever asks it.
      const home = mkdtempSync(join(tmpdir(), "proa-kubectl-"));
      t.onTestFinished(() => rmSync(home, { recursive: true }));
      const kube = newKubectl(await kubectl(), home, shop.world.cluster.kubeconfig("admin"));
      const columns = "custom-columns=COMMIT:.metadata.annotations.proa\\.dev/commit,READY:.status.readyReplicas";
      const { out } = await kube([
        "get",
        "deployments",
        "-n",
        shop.namespaces.production,
        "-o",
        columns,
        "--no-headers",
      ]);
      expect(read(out).trim()).toMatch(/^<fix> +1$/);
      await shop.quiet();

      // Every commit was said to be under way, then what became of it, and nothing after that.
      const told: Record<string, string> = {};
      for (const [name, sha] of Object.entries(commits)) {
        for (const context of ["proa/preview", "proa/staging", "proa/production"]) {
          const states = (await shop.statuses(sha, context)).map(({ state }) => state);
          if (states.length > 0)
            told[`${name} ${context}`] = states.filter((state, index) => state !== states[index - 1]).join(", ");
        }
      }
      expect(told).toMatchInlineSnapshot(`
    {
      "bad proa/staging": "pending, failure",
      "crashing proa/preview": "pending, failure",
      "first proa/preview": "pending, success",
      "fix proa/production": "pending, success",
      "fix proa/staging": "pending, success",
      "good proa/preview": "pending, success",
      "merged proa/production": "pending, success",
      "merged proa/staging": "pending, success",
      "second proa/preview": "pending, success",
      "untested proa/preview": "pending, failure",
    }
  `);
    },
  );
}

/** Waits for the commit's terminal status; it must be the one that is expected. */
async function ended(shop: Journey, sha: string, context: string, state: "success" | "failure", stepMs?: number) {
  const pace = stepMs === undefined ? {} : { stepMs };
  const terminal = async () => {
    const status = await shop.status(sha, context);
    return status !== null && status.state !== "pending" ? status : null;
  };
  const seen = await shop.until(terminal, `${context} of ${sha} has ended`, pace);
  expect(seen).toMatchObject({ state });
  return seen;
}

const reported = (shop: Journey, sha: string, name: string) =>
  shop.until(() => shop.checkRun(sha, name), `${name} is there`);

const shown = async (shop: Journey, environment: string): Promise<string[]> =>
  (await shop.deployments(environment)).map(({ sha, state, url }) => `${sha} ${state} ${url}`);

const commitOf = (body: string): string => (JSON.parse(body) as { commit: string }).commit;
const runs = (shop: Journey, host: string): Promise<string | null> => shop.serving(host);

/** One visitor after the other, until the work has ended; nobody visits pods that only pretend to run. */
async function visitsDuring(shop: Journey, host: string, work: () => Promise<unknown>) {
  const answers: Awaited<ReturnType<Journey["visit"]>>[] = [];
  const stop = new AbortController();
  const visitor = async (): Promise<void> => {
    while (!stop.signal.aborted) {
      answers.push(await shop.visit(host, "/version"));
      await delay(5);
    }
  };
  const visitors = shop.pods === "run" ? [visitor(), visitor()] : [];
  try {
    await work();
  } finally {
    stop.abort();
    await Promise.all(visitors);
  }
  return answers;
}
