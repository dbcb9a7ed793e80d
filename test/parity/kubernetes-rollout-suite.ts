import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { kubeconfigAccess } from "../../src/adapters/kubeconfig-access.ts";
import { createKubernetes } from "../../src/adapters/kubernetes-client.ts";
import type { ImagePatch, Kubernetes } from "../../src/adapters/kubernetes.ts";
import { diagnose, logsWanted } from "../../src/core/diagnosis.ts";
import type { KubeObject } from "../../src/core/manifests.ts";
import { ANNOTATION, asRevision, LABEL, MANAGED_BY, type TargetId } from "../../src/core/names.ts";
import { judgeRollout, type RolloutExpectation } from "../../src/core/rollout.ts";
import { deployment as web } from "./cluster-world.ts";
import { uniqueName, until, type StartCluster, type TestCluster } from "./test-cluster.ts";

const TARGET = "preview/12/7" as TargetId;

/** The deployer's own Kubernetes adapter through a preview's life, from the namespace to its removal; the tests follow each other. */
export function rolloutSuite(start: StartCluster): void {
  const NAMESPACE = uniqueName("shop");
  let cluster: TestCluster;
  let kubernetes: Kubernetes;
  let good: string;
  let broken: string;
  let namespaceUid: string;

  beforeAll(async () => {
    cluster = await start();
    const access = kubeconfigAccess(cluster.kubeconfig);
    kubernetes = createKubernetes({ cluster: "default", access, fieldManager: MANAGED_BY, timeoutMs: 30_000 });
    good = cluster.images.good;
    broken = cluster.images.crashing;
    const labels = { [LABEL.managedBy]: MANAGED_BY };
    const created = await kubernetes.create({
      apiVersion: "v1",
      kind: "Namespace",
      metadata: { name: NAMESPACE, labels },
    });
    if (created.kind !== "created") throw new Error("the namespace is new");
    namespaceUid = created.uid;
  });
  afterAll(async () => {
    await cluster.abandon(NAMESPACE);
    await cluster.close();
  });

  const annotations = (revision: number): Record<string, string> => ({
    [ANNOTATION.target]: TARGET,
    [ANNOTATION.revision]: String(revision),
  });

  const manifest = (image: string, revision: number, env: { name: string; value: string }[] = []): KubeObject => {
    const object = web(image, { container: { env: [{ name: "PORT", value: "8080" }, ...env] } });
    const labels = { [LABEL.managedBy]: MANAGED_BY };
    return { ...object, metadata: { name: "web", namespace: NAMESPACE, labels, annotations: annotations(revision) } };
  };

  const live = async () => {
    const found = await kubernetes.deployment(NAMESPACE, "web");
    if (found === null) throw new Error("web is there");
    return found;
  };

  const patchTo = async (image: string, revision: number): Promise<ImagePatch> => {
    const { uid, containers } = await live();
    return {
      namespace: NAMESPACE,
      deployment: "web",
      container: "web",
      containerIndex: 0,
      from: containers[0]?.image ?? "",
      image,
      uid,
      target: TARGET,
      revision: asRevision(revision - 1),
      annotations: annotations(revision),
    };
  };

  const expectation = async (image: string, revision: number): Promise<RolloutExpectation> => {
    const { uid, generation } = await live();
    const startedAt = cluster.nowMs();
    const deadlineAt = startedAt + 600_000;
    const service = "web";
    return {
      service,
      deployment: service,
      uid,
      revision: asRevision(revision),
      generation,
      image,
      startedAt,
      deadlineAt,
      unchanged: false,
    };
  };

  const judged = async (expected: RolloutExpectation, kind: string) =>
    until(
      async () => judgeRollout(expected, await kubernetes.workloads(NAMESPACE), cluster.nowMs()),
      (judgement) => judgement.kind === kind,
    );

  describe("the deployer's adapter, in order", () => {
    test("finds its namespace by label", async () => {
      const found = await kubernetes.ourNamespaces();
      expect(found.map(({ name, uid }) => [name, uid])).toContainEqual([NAMESPACE, namespaceUid]);
      expect(await kubernetes.namespace("nowhere")).toBeNull();
    });

    test("creates once", async () => {
      expect((await kubernetes.create(manifest(good, 1))).kind).toBe("created");
      expect(await kubernetes.create(manifest(good, 1))).toEqual({ kind: "exists" });
    });

    test("sees the rollout become healthy", async () => {
      const expected = await expectation(good, 1);
      expect(await judged(expected, "healthy")).toMatchObject({ because: "2 of 2 pods available" });
    });

    test("turns away a writer that comes late, by revision, uid or image", async () => {
      const patch = await patchTo(broken, 2);
      expect((await kubernetes.patchImage({ ...patch, revision: asRevision(9) })).kind).toBe("stale");
      expect((await kubernetes.patchImage({ ...patch, uid: "another" })).kind).toBe("stale");
      expect((await kubernetes.patchImage({ ...patch, from: "other:1" })).kind).toBe("stale");
      expect((await kubernetes.patchImage({ ...patch, containerIndex: 3 })).kind).toBe("stale");
      expect((await kubernetes.patchImage({ ...patch, deployment: "gone" })).kind).toBe("missing");
      expect((await live()).annotations[ANNOTATION.revision]).toBe("1");
    });

    test("sees a rollout fail before its deadline, and says why", async () => {
      const result = await kubernetes.patchImage(await patchTo(broken, 2));
      expect(result).toMatchObject({ kind: "applied", changed: true });
      const expected = await expectation(broken, 2);
      const judgement = await judged(expected, "failed");
      const workloads = await kubernetes.workloads(NAMESPACE);
      const wanted = logsWanted(workloads, expected);
      const logs = await Promise.all(
        wanted.map(async (one) => {
          const text = await kubernetes.logs(NAMESPACE, one.pod, one.container, { previous: one.previous, lines: 25 });
          return { ...one, text };
        }),
      );
      const said = diagnose({
        service: "web",
        deployment: await live(),
        expected,
        workloads,
        events: await kubernetes.events(NAMESPACE, expected.startedAt - 5_000),
        logs,
        judgement,
        oldVersionServes: true,
        now: cluster.nowMs(),
        includeLogs: true,
      });
      expect(said.headline).toMatch(/^web: 0 of 2 pods ready after .*exit [13]/);
      expect(said.details.at(-1)).toBe("The previous version is still serving all traffic.");
      expect(said.logs[0]?.lines).toEqual(expect.arrayContaining(["password=[secret]", "no database"]));
      expect(said.events).toContainEqual(expect.stringMatching(/BackOff/));
    });

    test("is over for whoever wrote the revision before", async () => {
      const before = { ...(await expectation(good, 1)), revision: asRevision(1) };
      expect((await judged(before, "superseded")).kind).toBe("superseded");
    });

    test("applies a larger change on exactly the version it read, over its own earlier fields", async () => {
      const { uid, resourceVersion } = await live();
      const object = manifest(good, 3, [{ name: "GREETING", value: "hello" }]);
      expect((await kubernetes.apply(object, { uid, resourceVersion: "1" })).kind).toBe("stale");
      // The controllers write statuses all the time: what was read may be old by now, and then it is read again.
      const result = await until(
        async () => kubernetes.apply(object, { uid, resourceVersion: (await live()).resourceVersion }),
        (seen) => seen.kind !== "stale",
      );
      expect(resourceVersion).not.toBe("");
      expect(result).toMatchObject({ kind: "applied", changed: true });
      expect(await judged(await expectation(good, 3), "healthy")).toMatchObject({ kind: "healthy" });
    });

    test("has the object refused, not itself, when it is invalid", async () => {
      const wrong = manifest(good, 4);
      const result = await kubernetes.apply({ ...wrong, spec: { ...(wrong["spec"] as object), replicas: -1 } });
      expect(result.kind).toBe("refused");
    });

    test("removes a namespace only by its uid, until it is gone", async () => {
      expect(await kubernetes.deleteNamespace(NAMESPACE, "another")).toBe("gone");
      expect(await kubernetes.namespace(NAMESPACE)).not.toBeNull();
      expect(await kubernetes.deleteNamespace(NAMESPACE, namespaceUid)).toBe("deleting");
      await until(
        async () => kubernetes.namespace(NAMESPACE),
        (seen) => seen === null,
      );
      expect(await kubernetes.deleteNamespace(NAMESPACE, namespaceUid)).toBe("gone");
    });
  });
}
