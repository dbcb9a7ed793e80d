import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { kubeconfigAccess } from "../../src/adapters/kubeconfig-access.ts";
import { createKubernetes } from "../../src/adapters/kubernetes-client.ts";
import type { Kubernetes } from "../../src/adapters/kubernetes.ts";
import { type Applied, applyRelease } from "../../src/apply.ts";
import type { RepoConfig, ServiceConfig } from "../../src/core/config.ts";
import { withDigest } from "../../src/core/image.ts";
import { renderPreviewBase, previewNamespace, DEFAULT_PREVIEW_POLICY } from "../../src/core/manifests-preview.ts";
import { renderServices } from "../../src/core/manifests-services.ts";
import { ANNOTATION, asRevision, type Revision, type Target } from "../../src/core/names.ts";
import { OutsideError } from "../../src/core/problem.ts";
import type { Placement, Release } from "../../src/core/state.ts";
import { createLog } from "../../src/log.ts";
import { ownership } from "../../src/release.ts";
import { loadTemplates } from "../../src/templates.ts";
import { config, digest, NOW, release, repoId, sha } from "../core/decision-fixture.ts";
import { deployment, startWorld, type TestWorld } from "../parity/cluster-world.ts";

const IMAGE = "registry.localhost/acme/shop-web";
const templates = loadTemplates();
const log = createLog({ write: () => undefined, clock: { now: () => NOW } });

let world: TestWorld;
let cluster: Kubernetes;
beforeAll(async () => {
  world = await startWorld();
  cluster = connect();
});
afterAll(() => world.close());

const connect = (): Kubernetes =>
  createKubernetes({
    cluster: "default",
    access: kubeconfigAccess(world.cluster.kubeconfig("admin")),
    fieldManager: "proa",
    timeoutMs: 10_000,
  });

/** A pull request with a namespace of its own; each test has one. */
interface Place {
  readonly target: Target;
  readonly namespace: string;
  readonly placement: Placement;
}

let last = 0;
async function newPlace(): Promise<Place> {
  const number = ++last;
  const target: Target = { kind: "preview", repoId, number };
  const namespace = `acme-shop-pr-${number}`;
  const created = await cluster.create(previewNamespace({ templates, target, namespace }));
  if (created.kind === "exists") throw new Error("the namespace is new");
  return { target, namespace, placement: { namespace, uid: created.uid, support: "" } };
}

const web: ServiceConfig =
  config.services[0] ??
  (() => {
    throw new Error("the default config has one service");
  })();

function releaseOf(
  { target, namespace }: Place,
  rev: number,
  letter: string,
  services: RepoConfig["services"] = [web],
): Release {
  const released = services.map(({ name }) => ({ name, image: IMAGE, digest: digest(letter) }));
  const objects = renderServices({
    templates,
    target,
    namespace,
    revision: asRevision(rev),
    commit: sha(letter),
    services: services.map((service) => ({ config: service, image: IMAGE, digest: digest(letter) })),
    hosts: {},
    ingressClassName: null,
    deadlineMs: 60_000,
    secret: null,
  });
  const fences =
    target.kind === "preview"
      ? renderPreviewBase({ templates, target, namespace, policy: DEFAULT_PREVIEW_POLICY })
      : [];
  return release(letter, rev, { namespace, services: released, objects: [...fences, ...objects] });
}

const apply = (place: Place, to: Release, placement = place.placement): Promise<Applied> =>
  applyRelease({ target: place.target, release: to, secret: null, placement, workloads: null, now: NOW }, cluster, log);

async function applied(place: Place, to: Release, placement = place.placement) {
  const result = await apply(place, to, placement);
  if (result.kind !== "applied") throw new Error(JSON.stringify(result));
  return result;
}

async function live({ namespace }: Place, name = "web") {
  const found = await cluster.deployment(namespace, name);
  if (found === null) throw new Error(`${name} is there`);
  return found;
}

const revision = async (place: Place): Promise<string | undefined> =>
  (await live(place)).annotations[ANNOTATION.revision];

describe("a release that is applied", () => {
  test("creates its fences and its workloads, which say who wrote them", async () => {
    const place = await newPlace();
    const first = releaseOf(place, 1, "a");
    const { expectations, placement } = await applied(place, first);
    const { uid, generation, annotations, containers } = await live(place);
    expect(expectations).toEqual([
      {
        service: "web",
        deployment: "web",
        uid,
        generation,
        revision: 1,
        image: withDigest(IMAGE, digest("a")),
        startedAt: NOW,
        deadlineAt: NOW + first.deadlineMs,
        unchanged: false,
        cluster: "default",
      },
    ]);
    expect(annotations).toMatchObject(ownership(first, place.target, digest("a")));
    expect(containers.map(({ image }) => image)).toEqual([withDigest(IMAGE, digest("a"))]);
    const { items } = await world.core.listNamespacedResourceQuota({ namespace: place.namespace });
    expect(items).toHaveLength(1);
    expect(placement).toMatchObject({ namespace: place.namespace, uid: place.placement.uid });
    expect(placement.support).not.toBe("");
  });

  test("patches the image alone where nothing else is different", async () => {
    const place = await newPlace();
    const { placement } = await applied(place, releaseOf(place, 1, "a"));
    const before = await live(place);
    await world.apps.patchNamespacedDeployment({
      name: "web",
      namespace: place.namespace,
      body: [{ op: "add", path: "/spec/template/metadata/annotations", value: { "example.com/by-hand": "yes" } }],
    });
    const { expectations } = await applied(place, releaseOf(place, 2, "b"), placement);
    const { containers, uid, annotations } = await live(place);
    expect({
      uid,
      image: containers[0]?.image,
      rev: annotations[ANNOTATION.revision],
      commit: annotations[ANNOTATION.commit],
    }).toEqual({ uid: before.uid, image: withDigest(IMAGE, digest("b")), rev: "2", commit: sha("b") });
    expect(expectations[0]).toMatchObject({ revision: 2, unchanged: false });
    const { spec } = await world.apps.readNamespacedDeployment({ name: "web", namespace: place.namespace });
    expect(spec?.template.metadata?.annotations).toEqual({ "example.com/by-hand": "yes" });
  });

  test("of the same image writes its name and says that nothing rolls out", async () => {
    const place = await newPlace();
    const { placement } = await applied(place, releaseOf(place, 1, "a"));
    const { expectations } = await applied(place, { ...releaseOf(place, 2, "a") }, placement);
    expect(expectations[0]).toMatchObject({ revision: 2, unchanged: true });
    expect(await revision(place)).toBe("2");
  });

  test("of another shape takes along what is new and takes away what is gone", async () => {
    const place = await newPlace();
    const { placement } = await applied(place, releaseOf(place, 1, "a", [{ ...web, env: { OLD: "1", KEPT: "1" } }]));
    await applied(place, releaseOf(place, 2, "b", [{ ...web, env: { NEW: "1", KEPT: "1" } }]), placement);
    const { spec } = await world.apps.readNamespacedDeployment({ name: "web", namespace: place.namespace });
    const names = spec?.template.spec?.containers[0]?.env?.map(({ name }) => name).filter((name) => name !== "PORT");
    expect(names?.toSorted()).toEqual(["KEPT", "NEW"]);
    expect(await revision(place)).toBe("2");
  });

  test("can be applied once more after any interruption: what is written stays as it is", async () => {
    const place = await newPlace();
    const services = [web, { ...web, name: "worker", expose: false }];
    const whole = releaseOf(place, 1, "a", services);
    // Died after the first workload.
    await applied(place, {
      ...whole,
      objects: whole.objects.filter(({ kind, metadata }) => kind !== "Deployment" || metadata.name === "web"),
    });
    const { generation } = await live(place);
    const { expectations } = await applied(place, whole);
    expect(expectations.map(({ service, revision: rev }) => [service, rev])).toEqual([
      ["web", 1],
      ["worker", 1],
    ]);
    const again = await applied(place, whole);
    expect(again.expectations).toEqual(expectations);
    expect((await live(place)).generation).toBe(generation);
  });

  test("does not write the fences again that stand already", async () => {
    const place = await newPlace();
    const { placement } = await applied(place, releaseOf(place, 1, "a"));
    const versions = async () =>
      (await world.core.listNamespacedResourceQuota({ namespace: place.namespace })).items.map(({ metadata }) =>
        metadata?.managedFields?.filter(({ manager }) => manager === "proa"),
      );
    const before = await versions();
    const result = await applied(place, releaseOf(place, 2, "b"), placement);
    expect(result.placement).toEqual(placement);
    expect(await versions()).toEqual(before);
  });
});

describe("a writer that comes late", () => {
  test("finds a later revision and leaves it", async () => {
    const place = await newPlace();
    const { placement } = await applied(place, releaseOf(place, 5, "b"));
    const before = await live(place);
    expect(await apply(place, releaseOf(place, 4, "a"), placement)).toEqual({ kind: "superseded", revision: 5 });
    expect(await live(place)).toMatchObject({ generation: before.generation, annotations: before.annotations });
  });

  test.each([
    ["the image", {}],
    ["the shape", { env: { GREETING: "hello" } }],
  ])("is stopped by the API server where it has read the record before the other wrote (%s)", async (_, change) => {
    const place = await newPlace();
    const { placement } = await applied(place, releaseOf(place, 1, "a"));
    const workloads = await cluster.workloads(place.namespace);
    await applied(place, releaseOf(place, 3, "c"), placement);
    const late = releaseOf(place, 2, "b", [{ ...web, ...change }]);
    const result = await applyRelease(
      { target: place.target, release: late, secret: null, placement, workloads, now: NOW },
      cluster,
      log,
    );
    expect(result).toEqual({ kind: "superseded", revision: 3 });
    expect(await revision(place)).toBe("3");
  });

  test("that is the later one writes over what was written meanwhile", async () => {
    const place = await newPlace();
    const { placement } = await applied(place, releaseOf(place, 1, "a"));
    const workloads = await cluster.workloads(place.namespace);
    await applied(place, releaseOf(place, 2, "b"), placement);
    const later = await applyRelease(
      { target: place.target, release: releaseOf(place, 3, "c"), secret: null, placement, workloads, now: NOW },
      cluster,
      log,
    );
    expect(later.kind).toBe("applied");
    expect(await revision(place)).toBe("3");
  });
});

describe("what is not ours", () => {
  const foreign = async (place: Place, annotations: Record<string, string> = {}): Promise<void> => {
    const object = deployment(withDigest(IMAGE, digest("f")), { replicas: 0 });
    await world.apps.createNamespacedDeployment({
      namespace: place.namespace,
      body: { ...object, metadata: { name: "web", annotations } },
    });
  };

  test.each([
    ["that nobody claims", {}, "was not made by Proa"],
    ["of another target", { [ANNOTATION.target]: "env/12/staging" }, "belongs to env/12/staging"],
  ])("is refused, with what to do: a Deployment %s", async (_, annotations, who) => {
    const place = await newPlace();
    await foreign(place, annotations);
    expect(await apply(place, releaseOf(place, 1, "a"))).toEqual({
      kind: "refused",
      because: `the Deployment web in ${place.namespace} ${who}: rename the service, or remove that Deployment`,
    });
    expect((await live(place)).containers[0]?.image).toBe(withDigest(IMAGE, digest("f")));
  });

  test("is refused in the API server's own words: what it does not take, the first time and later", async () => {
    const place = await newPlace();
    const wrong = (rev: number): Release => {
      const good = releaseOf(place, rev, "a", [{ ...web, env: { REV: `${rev}` } }]);
      return {
        ...good,
        objects: good.objects.map((object) =>
          object.kind === "Deployment" ? { ...object, spec: { ...(object["spec"] as object), replicas: -1 } } : object,
        ),
      };
    };
    const because = expect.stringMatching(/^web: (create|apply) deployments acme-shop-pr-\d+\/web: .*replicas/);
    expect(await apply(place, wrong(1))).toEqual({ kind: "refused", because });
    expect(await cluster.deployment(place.namespace, "web")).toBeNull();
    await applied(place, releaseOf(place, 2, "a"));
    expect(await apply(place, wrong(3))).toEqual({ kind: "refused", because });
    expect(await revision(place)).toBe("2");
  });

  describe("in patch mode", () => {
    const patched = (place: Place, rev: number, letter: string, change: object = {}): Release => ({
      ...release(letter, rev, {
        namespace: place.namespace,
        services: [{ name: "web", image: IMAGE, digest: digest(letter) }],
      }),
      patch: [
        { service: "web", deployment: "web", container: "web", image: withDigest(IMAGE, digest(letter)), ...change },
      ],
    });

    test("gets a new image and our annotations, and nothing else", async () => {
      const place = await newPlace();
      await foreign(place);
      await applied(place, patched(place, 1, "a"));
      const { expectations } = await applied(place, patched(place, 2, "b"));
      expect(expectations).toMatchObject([{ service: "web", deployment: "web", revision: 2 }]);
      const { containers, annotations } = await live(place);
      expect([containers.map(({ image }) => image), annotations[ANNOTATION.revision]]).toEqual([
        [withDigest(IMAGE, digest("b"))],
        "2",
      ]);
    });

    test("is left to a later revision of ours", async () => {
      const place = await newPlace();
      await foreign(place);
      await applied(place, patched(place, 3, "a"));
      expect(await apply(place, patched(place, 2, "b"))).toEqual({ kind: "superseded", revision: 3 as Revision });
    });

    test.each([
      [
        "a Deployment that is not there",
        { deployment: "api" },
        (namespace: string) =>
          `the Deployment api does not exist in ${namespace}: create it, or correct deploy.patch in .proa.yml`,
      ],
      [
        "a container that it does not have",
        { container: "app" },
        () => "the Deployment web has no container app (it has web): correct deploy.patch in .proa.yml",
      ],
    ])("is refused for %s", async (_, change, because) => {
      const place = await newPlace();
      await foreign(place);
      expect(await apply(place, patched(place, 1, "a", change))).toEqual({
        kind: "refused",
        because: because(place.namespace),
      });
    });
  });
});

test("a namespace that went meanwhile is an outside failure, and nothing is made in its place", async () => {
  const place = await newPlace();
  const nowhere = { ...place, namespace: "acme-shop-pr-999" };
  await expect(
    apply(nowhere, releaseOf(nowhere, 1, "a"), { ...place.placement, namespace: "acme-shop-pr-999" }),
  ).rejects.toThrow(OutsideError);
  expect(await cluster.namespace("acme-shop-pr-999")).toBeNull();
});
