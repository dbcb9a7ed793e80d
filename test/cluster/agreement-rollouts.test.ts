import type { V1Deployment } from "@kubernetes/client-node";
import { describe } from "vitest";

import { deployment } from "../parity/cluster-world.ts";
import { until } from "../parity/test-cluster.ts";
import { needsPlayedPods } from "./real-cluster.ts";
import { bothSides, inOrder, type Side } from "./sides.ts";

needsPlayedPods();
const { agree, differ } = bothSides();

const merge = { type: "application/merge-patch+json" };

type More = Parameters<typeof deployment>[1];
const create = ({ cluster, call }: Side, more: More = {}) =>
  call("POST", "deployments", deployment(cluster.images.good, more));
const read = async ({ call }: Side): Promise<V1Deployment> =>
  (await call("GET", "deployments/web")).body as V1Deployment;
const patch = ({ call }: Side, body: object) => call("PATCH", "deployments/web", body, merge);
const setImage = (side: Side, image: string) => {
  const path = "/spec/template/spec/containers/0/image";
  return side.call("PATCH", "deployments/web", [{ op: "replace", path, value: image }], {
    type: "application/json-patch+json",
  });
};

/** What a rollout is judged by. */
function standing({ metadata, status, spec }: V1Deployment): object {
  const conditions = (status?.conditions ?? []).map(({ type, status: is, reason, message }) => [
    type,
    is,
    reason,
    message,
  ]);
  const { observedGeneration, replicas, updatedReplicas, readyReplicas, availableReplicas, unavailableReplicas } =
    status ?? {};
  return {
    generation: metadata?.generation,
    revision: metadata?.annotations?.["deployment.kubernetes.io/revision"],
    wanted: spec?.replicas,
    observedGeneration,
    counters: { replicas, updatedReplicas, readyReplicas, availableReplicas, unavailableReplicas },
    conditions: inOrder(conditions),
  };
}

/** The Deployment once it has come to rest: everything asked for is observed, and a condition says so. */
async function settled(side: Side, reason: string): Promise<object> {
  const found = await until(
    () => read(side),
    ({ metadata, status }) =>
      status?.observedGeneration === metadata?.generation &&
      (status?.conditions ?? []).some((condition) => condition.reason === reason) &&
      (status?.updatedReplicas ?? 0) === (status?.replicas ?? 0),
  );
  return standing(found);
}
const available = async (side: Side, replicas: number): Promise<object> =>
  standing(
    await until(
      () => read(side),
      ({ metadata, status }) =>
        status?.observedGeneration === metadata?.generation &&
        (status?.availableReplicas ?? 0) === replicas &&
        (status?.updatedReplicas ?? 0) === replicas &&
        (status?.replicas ?? 0) === replicas &&
        (replicas === 0 ||
          (status?.conditions ?? []).some(
            ({ reason }) => reason === "NewReplicaSetAvailable" || reason === "DeploymentPaused",
          )),
    ),
  );

describe("a Deployment's status", () => {
  agree("when all its pods are available", async (side) => {
    await create(side);
    return await available(side, 2);
  });

  agree("after a new image has rolled out", async (side) => {
    await create(side);
    await available(side, 2);
    await setImage(side, side.cluster.images.alsoGood);
    return await available(side, 2);
  });

  agree("when it goes back to what it was before: the former ReplicaSet, a new revision", async (side) => {
    await create(side, { replicas: 1 });
    await available(side, 1);
    await setImage(side, side.cluster.images.alsoGood);
    await available(side, 1);
    await setImage(side, side.cluster.images.good);
    const back = await available(side, 1);
    const { body } = await side.call("GET", "replicasets");
    const { items } = body as { items: V1Deployment[] };
    const revisions = items.map(({ metadata, spec }) => [
      metadata?.annotations?.["deployment.kubernetes.io/revision"],
      metadata?.annotations?.["deployment.kubernetes.io/revision-history"],
      spec?.replicas,
    ]);
    return [back, inOrder(revisions)];
  });

  agree("scaled to nothing", async (side) => {
    await create(side, { replicas: 1 });
    await available(side, 1);
    await patch(side, { spec: { replicas: 0 } });
    return await available(side, 0);
  });

  agree("paused, changed and resumed", async (side) => {
    await create(side, { replicas: 1 });
    await available(side, 1);
    await patch(side, { spec: { paused: true } });
    await setImage(side, side.cluster.images.alsoGood);
    const paused = await until(
      () => read(side),
      ({ metadata, status }) => status?.observedGeneration === metadata?.generation,
    );
    await patch(side, { spec: { paused: null } });
    return [standing(paused), await available(side, 1)];
  });

  agree("when its pods never become ready in time", async (side) => {
    const { images } = side.cluster;
    await side.call("POST", "deployments", deployment(images.crashing, { spec: { progressDeadlineSeconds: 2 } }));
    return await settled(side, "ProgressDeadlineExceeded");
  });

  agree("when a later revision does not become ready in time, and the former serves", async (side) => {
    await create(side, { spec: { progressDeadlineSeconds: 3 } });
    await available(side, 2);
    await setImage(side, side.cluster.images.crashing);
    const failed = await until(
      () => read(side),
      ({ status }) => (status?.conditions ?? []).some(({ reason }) => reason === "ProgressDeadlineExceeded"),
    );
    return standing(failed);
  });

  agree("a write that rolls nothing out leaves an old failure standing", async (side) => {
    const { images } = side.cluster;
    await side.call("POST", "deployments", deployment(images.crashing, { spec: { progressDeadlineSeconds: 2 } }));
    await settled(side, "ProgressDeadlineExceeded");
    await patch(side, { metadata: { annotations: { again: "1" } } });
    return await settled(side, "ProgressDeadlineExceeded");
  });

  agree("when a quota lets no pod in", async (side) => {
    await withQuota(side, { pods: "1" });
    await create(side);
    const stuck = await until(
      () => read(side),
      ({ status }) =>
        status?.availableReplicas === 1 && (status.conditions ?? []).some(({ type }) => type === "ReplicaFailure"),
    );
    return standing(stuck);
  });

  differ(
    "a ServiceAccount that is not there keeps pods out",
    "`default` ServiceAccount, `kube-root-ca.crt`",
    async (side) => {
      await create(side, { replicas: 1, pod: { serviceAccountName: "nobody" } });
      const found = await until(
        () => read(side),
        ({ status }) =>
          (status?.conditions ?? []).some(
            ({ type, reason }) => type === "ReplicaFailure" || reason === "NewReplicaSetAvailable",
          ),
      );
      return inOrder((found.status?.conditions ?? []).map(({ type }) => type));
    },
  );

  agree("events of a rollout", async (side) => {
    await create(side);
    await available(side, 2);
    await setImage(side, side.cluster.images.alsoGood);
    await available(side, 2);
    const { body } = await side.call("GET", "events");
    const { items } = body as { items: { involvedObject: { kind: string }; reason: string; message: string }[] };
    const ofDeployment = items.filter(({ involvedObject: { kind } }) => kind === "Deployment");
    return inOrder(ofDeployment.map(({ reason, message }) => [reason, message]));
  });
});

describe("scale", () => {
  agree("reads and writes as a resource of its own", async (side) => {
    await create(side, { replicas: 0 });
    const before = await side.call("GET", "deployments/web/scale");
    const { status, body } = await side.call("PATCH", "deployments/web/scale", { spec: { replicas: 1 } }, merge);
    const { spec } = await read(side);
    return [before, status, (body as { spec: object }).spec, spec?.replicas];
  });
  agree("refuses fewer than none", async (side) => {
    await create(side, { replicas: 0 });
    return await side.call("PATCH", "deployments/web/scale", { spec: { replicas: -1 } }, merge);
  });
});

async function withQuota({ call }: Side, hard: Record<string, string>): Promise<void> {
  await call("POST", "resourcequotas", { metadata: { name: "quota" }, spec: { hard } });
  // A quota that has not been counted yet turns everything away: https://kubernetes.io/docs/concepts/policy/resource-quotas/
  await until(
    () => call("GET", "resourcequotas/quota"),
    ({ body }) => (body as { status?: { used?: object } }).status?.used !== undefined,
  );
}

describe("quotas and limits", () => {
  agree("one Deployment too many", async (side) => {
    await withQuota(side, { "count/deployments.apps": "0" });
    return await create(side, { replicas: 0 });
  });
  agree("more memory than is left", async (side) => {
    await withQuota(side, { "limits.memory": "100Mi" });
    return await side.call("POST", "pods", pod(side, { limits: { memory: "200Mi" } }));
  });
  agree("a pod that does not say what it needs", async (side) => {
    await withQuota(side, { "limits.memory": "100Mi", "requests.cpu": "1" });
    return await side.call("POST", "pods", pod(side, {}));
  });
  agree("what is used of a quota", async (side) => {
    await withQuota(side, { "count/deployments.apps": "3", "count/configmaps": "10" });
    await create(side, { replicas: 0 });
    const counted = await until(
      () => side.call("GET", "resourcequotas/quota"),
      ({ body }) => (body as Counted).status.used["count/deployments.apps"] === "1",
    );
    return (counted.body as Counted).status.used["count/deployments.apps"];
  });
  agree("more than a limit range allows", async (side) => {
    const limits = [{ type: "Container", max: { memory: "100Mi" }, default: { memory: "50Mi" } }];
    await side.call("POST", "limitranges", { metadata: { name: "limits" }, spec: { limits } });
    return await side.call("POST", "pods", pod(side, { limits: { memory: "200Mi" } }));
  });
  agree("what a limit range fills in", async (side) => {
    const limits = [{ type: "Container", default: { memory: "50Mi" }, defaultRequest: { cpu: "10m", memory: "20Mi" } }];
    await side.call("POST", "limitranges", { metadata: { name: "limits" }, spec: { limits } });
    const { body } = await side.call("POST", "pods?dryRun=All", pod(side, {}));
    return (body as { spec: { containers: { resources: object }[] } }).spec.containers[0]?.resources;
  });
});

interface Counted {
  readonly status: { readonly used: Record<string, string> };
}

const pod = ({ cluster }: Side, resources: object) => ({
  metadata: { name: "web" },
  spec: { containers: [{ name: "web", image: cluster.images.good, resources }] },
});
