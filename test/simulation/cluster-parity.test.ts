import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { kubeconfigAccess } from "../../src/adapters/kubeconfig-access.ts";
import { createKubernetes } from "../../src/adapters/kubernetes-client.ts";
import type { Kubernetes } from "../../src/adapters/kubernetes.ts";
import type { KubeObject } from "../../src/core/manifests.ts";
import { ANNOTATION, asRevision, LABEL, MANAGED_BY, type TargetId } from "../../src/core/names.ts";
import { OutsideError } from "../../src/core/problem.ts";
import { kubectl, newKubectl } from "../parity/kubectl.ts";
import { deployment as web, startWorld, type TestWorld, untilLater, webServer } from "../parity/cluster-world.ts";
import { createClusterModel } from "./cluster.ts";
import { createKernel } from "./kernel.ts";
import type { Sync } from "./sim.ts";

const NAMESPACE = "shop-7";
const TARGET = "preview/12/7" as TargetId;

/** One of the two clusters: what Proa asks of it, and what a person does to it. */
interface Side {
  readonly api: Kubernetes | Sync<Kubernetes>;
  readonly hand: {
    setImage(image: string): Promise<unknown>;
    scale(replicas: number): Promise<unknown>;
    undo(): Promise<unknown>;
    restart(): Promise<unknown>;
    label(label: string, value: string | null): Promise<unknown>;
  };
  /** Time passes until it is so. */
  until<T>(look: () => Promise<T>, isSo: (seen: T) => boolean): Promise<T>;
}

interface Images {
  readonly good: string;
  readonly better: string;
  readonly broken: string;
}

const annotations = (revision: number): Record<string, string> => ({
  [ANNOTATION.target]: TARGET,
  [ANNOTATION.revision]: String(revision),
});

function manifest(image: string, revision: number, more: { replicas?: number; greeting?: string } = {}): KubeObject {
  const env = [{ name: "PORT", value: "8080" }];
  if (more.greeting !== undefined) env.push({ name: "GREETING", value: more.greeting });
  const object = web(image, {
    replicas: more.replicas ?? 2,
    container: { env },
    spec: { progressDeadlineSeconds: 300 },
  });
  const labels = { [LABEL.managedBy]: MANAGED_BY };
  return { ...object, metadata: { name: "web", namespace: NAMESPACE, labels, annotations: annotations(revision) } };
}

/** Everything that the walk and the reports look at, without the names and times in which two clusters must differ. */
async function shown({ api }: Side, images: Images) {
  const { deployments, replicaSets, pods } = await api.workloads(NAMESPACE);
  const imageName = (image: string | undefined): string =>
    Object.entries(images).find(([, known]) => known === image)?.[0] ?? "none";
  return {
    deployments: deployments.map(({ name, generation, replicas, annotations: all, containers, status, ...rest }) => ({
      name,
      generation,
      replicas,
      image: imageName(containers[0]?.image),
      revision: all[ANNOTATION.revision],
      rollout: all["deployment.kubernetes.io/revision"],
      managed: rest.labels[LABEL.managedBy],
      // A program that gives itself no name is called after its file, which here carries a version.
      foreign: rest.foreignManagers.map((manager) => manager.replace(/-[\d.]+$/, "")),
      status: {
        ...status,
        conditions: status.conditions.map(({ type, status: is, reason }) => [type, is, reason].join(" ")).sort(),
      },
    })),
    sets: replicaSets
      .map(({ revision, replicas, ready, available, images: [image], conditions }) =>
        [revision, imageName(image), replicas, ready, available, ...conditions.map(({ type }) => type)].join(" "),
      )
      .sort(),
    pods: pods
      .filter(({ deletedAt }) => deletedAt === null)
      .map(({ phase, containers: [container] }) => `${phase} ${imageName(container?.image)} ${container?.ready}`)
      .sort(),
  };
}

/** The same script for both: each step's name, and what came of it. */
async function play(side: Side, images: Images): Promise<[step: string, answer: unknown][]> {
  const { api, hand } = side;
  const said: [string, unknown][] = [];
  const uids = new Map<string, string>();
  const uidOf = (uid: string): string => {
    const known = uids.get(uid) ?? `uid ${uids.size + 1}`;
    uids.set(uid, known);
    return known;
  };
  /** Kinds and numbers are compared; uids by whether they are the same one, resourceVersions and sentences not at all. */
  const plain = (answer: unknown): unknown => {
    if (typeof answer !== "object" || answer === null) return answer;
    const { uid, resourceVersion: _, detail: __, ...rest } = answer as Record<string, unknown>;
    return typeof uid === "string" ? { ...rest, uid: uidOf(uid) } : rest;
  };
  const step = async (name: string, run: () => unknown): Promise<void> => {
    try {
      said.push([name, plain(await run())]);
    } catch (error) {
      if (!(error instanceof OutsideError)) throw error;
      said.push([name, `${error.problem.code}, retryable: ${error.problem.retryable}`]);
    }
  };
  const live = async () => {
    const found = await api.deployment(NAMESPACE, "web");
    if (found === null) throw new Error("web is there");
    return found;
  };
  const patch = async (to: string, revision: number, wrong: object = {}) => {
    const { uid, containers } = await live();
    const from = containers[0]?.image ?? "";
    const place = { namespace: NAMESPACE, deployment: "web", container: "web", containerIndex: 0 };
    const fence = { uid, target: TARGET, revision: asRevision(revision - 1), from };
    return api.patchImage({ ...place, ...fence, image: to, annotations: annotations(revision), ...wrong });
  };
  const settled = (isSo: (seen: Awaited<ReturnType<typeof shown>>) => boolean) =>
    side.until(() => shown(side, images), isSo);
  const complete = ({ deployments: [one] }: Awaited<ReturnType<typeof shown>>): boolean =>
    one !== undefined &&
    one.status.observedGeneration === one.generation &&
    one.status.updated === one.replicas &&
    one.status.replicas === one.replicas &&
    one.status.available === one.replicas &&
    one.status.conditions.some((condition) => condition.endsWith("NewReplicaSetAvailable"));
  const namespace: KubeObject = {
    apiVersion: "v1",
    kind: "Namespace",
    metadata: { name: NAMESPACE, labels: { [LABEL.managedBy]: MANAGED_BY } },
  };
  const quota = (pods: number): KubeObject => ({
    apiVersion: "v1",
    kind: "ResourceQuota",
    metadata: { name: "small", namespace: NAMESPACE },
    spec: { hard: { pods: String(pods) } },
  });

  await step("nothing is there", () => api.namespace(NAMESPACE));
  await step("no Deployment without its namespace", () => api.create(manifest(images.good, 1)));
  await step("no apply without its namespace", () => api.apply(manifest(images.good, 1)));
  await step("a namespace", () => api.create(namespace));
  await step("a namespace once", () => api.create(namespace));
  await step("a Deployment", () => api.create(manifest(images.good, 1)));
  await step("a Deployment once", () => api.create(manifest(images.good, 1)));
  await step("its rollout", () => settled(complete));

  await step("a later revision", () => patch(images.broken, 2, { revision: asRevision(9) }));
  await step("another uid", () => patch(images.broken, 2, { uid: "another" }));
  await step("another target", () => patch(images.broken, 2, { target: "preview/12/8" }));
  await step("another image", () => patch(images.broken, 2, { from: "other:1" }));
  await step("another container", () => patch(images.broken, 2, { containerIndex: 3 }));
  await step("another Deployment", () => patch(images.broken, 2, { deployment: "gone" }));
  await step("an image that crashes", () => patch(images.broken, 2));
  await step("its end", () =>
    settled(({ deployments: [one], pods }) => one?.status.updated === 1 && pods.includes("Running broken false")),
  );
  await step("the image before", () => patch(images.good, 3));
  await step("its rollout", () => settled(complete));
  await step("the same image", () => patch(images.good, 4));
  await step("no rollout", () => settled(complete));

  await step("a stale apply", async () =>
    api.apply(manifest(images.good, 5), { uid: (await live()).uid, resourceVersion: "1" }),
  );
  await step("an apply of what is not there", async () =>
    api.apply(
      { ...manifest(images.good, 5), metadata: { name: "gone", namespace: NAMESPACE } },
      { uid: (await live()).uid, resourceVersion: "1" },
    ),
  );
  await step("an apply", () => api.apply(manifest(images.better, 5, { greeting: "hello" })));
  await step("its rollout", () => settled(complete));
  await step("the same apply", () => api.apply(manifest(images.better, 5, { greeting: "hello" })));
  await step("an invalid apply", () => api.apply(manifest(images.better, 6, { replicas: -1 })));

  await step("scaled by hand", () => hand.scale(1).then(() => settled(complete)));
  await step("an apply leaves it", () => api.apply(manifest(images.good, 6, { greeting: "hello" })));
  await step("its rollout", () => settled(complete));
  await step("an image by hand", () => hand.setImage(images.better).then(() => settled(complete)));
  await step("an apply over it", () => api.apply(manifest(images.good, 7, { greeting: "hello" })));
  await step("a patch over it", () => patch(images.good, 7));
  await step("its rollout", () => settled(complete));
  await step("undone by hand", () => hand.undo().then(() => settled(complete)));
  await step("a patch of the revision it had", () => patch(images.better, 8));
  await step("restarted by hand", () => hand.restart().then(() => settled(complete)));
  await step("a label taken away", () => hand.label(LABEL.managedBy, null).then(() => shown(side, images)));
  await step("given back", () => hand.label(LABEL.managedBy, MANAGED_BY).then(() => settled(complete)));

  await step("a quota", () => api.create(quota(1)));
  await step("the same quota again", () => api.apply(quota(1)));
  await step("scaled beyond it", () =>
    hand
      .scale(2)
      .then(() =>
        settled(
          ({ deployments: [one] }) => one?.status.conditions.some((text) => text.startsWith("ReplicaFailure")) ?? false,
        ),
      ),
  );

  const { uid } = (await api.namespace(NAMESPACE)) ?? { uid: "" };
  await step("a namespace of another uid", () => api.deleteNamespace(NAMESPACE, "another"));
  await step("the namespace", () => api.deleteNamespace(NAMESPACE, uid));
  await step("nothing new in it", () =>
    api.create({ ...manifest(images.good, 9), metadata: { name: "late", namespace: NAMESPACE } }),
  );
  await step("gone", () =>
    side.until(
      async () => api.namespace(NAMESPACE),
      (seen) => seen === null,
    ),
  );
  await step("the same uid", () => api.deleteNamespace(NAMESPACE, uid));
  await step("anew", () => api.create(namespace));
  return said;
}

describe.runIf(process.platform === "linux" && process.arch === "x64")("the simulated cluster", () => {
  let world: TestWorld;
  let images: Images;

  beforeAll(async () => {
    world = await startWorld();
    const { registry } = world;
    const broken = registry.push({ "server.js": "process.exit(3);" });
    images = { good: registry.push(webServer("good")), better: registry.push(webServer("better")), broken };
  });
  afterAll(() => world.close());

  async function local(): Promise<Side> {
    const kubeConfig = world.cluster.kubeconfig("admin");
    const run = newKubectl(await kubectl(), world.dir, kubeConfig);
    const shop = async (...args: string[]): Promise<void> => {
      const { code, err } = await run(["-n", NAMESPACE, ...args]);
      if (code !== 0) throw new Error(`kubectl ${args.join(" ")}: ${err}`);
    };
    return {
      api: createKubernetes({
        cluster: "default",
        access: kubeconfigAccess(kubeConfig),
        fieldManager: MANAGED_BY,
        timeoutMs: 10_000,
      }),
      hand: {
        setImage: (image) => shop("set", "image", "deployment/web", `web=${image}`),
        scale: (replicas) => shop("scale", "deployment/web", `--replicas=${replicas}`),
        undo: () => shop("rollout", "undo", "deployment/web"),
        restart: () => shop("rollout", "restart", "deployment/web"),
        label: (label, value) => shop("label", "deployment/web", value === null ? `${label}-` : `${label}=${value}`),
      },
      until: (look, isSo) => untilLater(world, look, isSo),
    };
  }

  function simulated(): Side {
    const kernel = createKernel({ seed: 7, note: () => undefined });
    const behaviourOf = (digest: string) => (images.broken.endsWith(digest) ? "crashes" : "good");
    const { kubernetes: api, people } = createClusterModel(kernel.sim("cluster"), { behaviourOf });
    return {
      api,
      hand: {
        setImage: async (image) => people.setImage(NAMESPACE, "web", image),
        scale: async (replicas) => people.scale(NAMESPACE, "web", replicas),
        undo: async () => people.undo(NAMESPACE, "web"),
        restart: async () => people.restart(NAMESPACE, "web"),
        label: async (label, value) => people.labelDeployment(NAMESPACE, "web", label, value),
      },
      until: async (look, isSo) => {
        for (let second = 0; ; second++) {
          const seen = await look();
          if (isSo(seen)) return seen;
          if (second > 600) throw new Error(`still not so: ${JSON.stringify(seen)}`);
          await kernel.runUntil(kernel.now() + 1_000);
        }
      },
    };
  }

  test("answers as the local cluster does, whose answers are compared with a real API server's", async () => {
    expect(await play(simulated(), images)).toEqual(await play(await local(), images));
  });
});
