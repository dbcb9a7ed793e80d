import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { deployment, ingress, service } from "./cluster-world.ts";
import { kubectl, newKubectl, type Ran } from "./kubectl.ts";
import { uniqueName, until, type StartCluster, type TestCluster } from "./test-cluster.ts";

/** What the local cluster's pages say; played pods have none. */
const pages = { good: "one", alsoGood: "two" };

/** A person's kubectl, unmodified, from creating a namespace to deleting it; the tests follow each other. */
export function kubectlSuite(start: StartCluster): void {
  describe.runIf(process.platform === "linux" && process.arch === "x64")("a real kubectl", () => {
    const namespace = uniqueName("shop");
    const host = `${namespace}.localhost`;
    const home = mkdtempSync(join(tmpdir(), "proa-kubectl-"));
    let cluster: TestCluster;
    let run: (args: readonly string[], input?: string) => Promise<Ran>;

    beforeAll(async () => {
      cluster = await start();
      run = newKubectl(await kubectl(), home, cluster.kubeconfig);
    });

    afterAll(async () => {
      await cluster.abandon(namespace);
      await cluster.close();
      rmSync(home, { recursive: true, force: true });
    });

    /** What the live pods run; also what the page says, where there is one. */
    async function serves(image: keyof typeof pages): Promise<void> {
      await until(
        () => shop("get pods -l app=web -o jsonpath={.items[*].spec.containers[*].image}"),
        (images) => images !== "" && images.split(" ").every((one) => one === cluster.images[image]),
      );
      expect((await cluster.page?.(host)) ?? pages[image]).toBe(pages[image]);
    }

    async function shop(line: string, input?: object): Promise<string> {
      const { code, out, err } = await run(
        ["-n", namespace, ...line.split(" ")],
        input === undefined ? "" : JSON.stringify(input),
      );
      if (code !== 0) throw new Error(`kubectl ${line}: ${err}`);
      return out;
    }

    test("takes a deployment through its life", async () => {
      expect(await shop(`create namespace ${namespace}`)).toBe(`namespace/${namespace} created\n`);
      expect(await shop("apply -f -", deployment(cluster.images.good))).toBe("deployment.apps/web created\n");
      expect(await shop("apply -f -", service)).toBe("service/web created\n");
      expect(await shop("apply --server-side -f -", ingress(host))).toContain("serverside-applied");
      expect(await shop("rollout status deployment/web --timeout=100s")).toContain("successfully rolled out");
      expect(await shop("apply -f -", deployment(cluster.images.good))).toBe("deployment.apps/web unchanged\n");
      expect(await shop("diff -f -", deployment(cluster.images.good))).toBe("");
      await serves("good");

      await shop(`set image deployment/web web=${cluster.images.alsoGood}`);
      await shop("rollout status deployment/web --timeout=100s");
      await serves("alsoGood");
      expect(await shop("rollout history deployment/web")).toMatch(/1 +<none>\n2 +<none>/);

      await shop("rollout undo deployment/web");
      await shop("rollout status deployment/web --timeout=100s");
      await serves("good");
      // The first ReplicaSet again, not a third: templates are stored with their defaults filled in.
      expect((await shop("get replicasets --no-headers")).trim().split("\n")).toHaveLength(2);

      await shop("scale deployment/web --replicas=1");
      await shop("wait --for=condition=Available deployment/web --timeout=100s");
      expect(await shop("logs deployment/web")).toMatch(cluster.page === null ? /nothing runs/ : /listening as one/);
      await shop("rollout restart deployment/web");
      await shop("rollout status deployment/web --timeout=100s");
    });

    test("prints tables and descriptions", async () => {
      await until(
        () => shop("get pods --no-headers"),
        (table) => /^web-\S+ +1\/1 +Running +0 +\S+\n$/.test(table),
      );
      expect(await shop("get deployments")).toMatch(/NAME +READY +UP-TO-DATE +AVAILABLE +AGE\nweb +1\/1 +1 +1 +\S+\n/);
      expect(await shop("get ingresses")).toMatch(/web +<none> +shop-\w+.localhost +(127.0.0.1)? +80/);
      expect(await shop("get services")).toMatch(/web +ClusterIP +10\.\S+ +<none> +80\/TCP/);
      expect(await shop("describe deployment web")).toMatch(/NewReplicaSet: +web-\S+ \(1\/1 replicas created\)/);
      expect(await shop("get events")).toContain("Scaled up replica set");
      expect(await shop("get all")).toContain("deployment.apps/web");
    });

    test("is told of a conflict with another manager, and of unknown fields", async () => {
      const other = await run(
        ["-n", namespace, "apply", "--server-side", "--field-manager=another", "-f", "-"],
        JSON.stringify(deployment(cluster.images.alsoGood)),
      );
      expect(other.err).toMatch(/conflicts? with "kubectl.*\.spec\.template\.spec\.containers\[name="web"\]\.image/s);
      const wrong = { ...service, spec: { ...service.spec, prots: [] } };
      const strict = await run(["-n", namespace, "apply", "-f", "-"], JSON.stringify(wrong));
      expect(strict.err).toContain(`strict decoding error: unknown field "spec.prots"`);
    });

    test("annotates, labels and deletes", async () => {
      expect(await shop("annotate deployment/web note=kept")).toContain("annotated");
      expect(await shop("label deployment/web tier=front")).toContain("labeled");
      expect(await shop("get deployments -l tier=front -o name")).toBe("deployment.apps/web\n");
      expect(await shop("delete deployment/web")).toContain("deleted");
      expect(await shop(`delete namespace ${namespace} --timeout=100s`)).toContain("deleted");
      expect((await cluster.page?.(host)) ?? "null").toBe("null");
    });
  });
}
