import { preconditions } from "../../src/adapters/kubernetes-image-patch.ts";
import type { ApplyResult, ImagePatch, Kubernetes } from "../../src/adapters/kubernetes.ts";
import type { KubeObject } from "../../src/core/manifests.ts";
import { LABEL, MANAGED_BY } from "../../src/core/names.ts";
import { OutsideError } from "../../src/core/problem.ts";
import type { Controllers } from "./cluster-controllers.ts";
import { parseSpec } from "./cluster-spec.ts";
import { addNamespace, deleteDeployment, logDeployment, setImage, terminate } from "./cluster-writes.ts";
import {
  changed,
  type ClusterState,
  createMeta,
  type Deployment,
  type DeploymentSpec,
  type Meta,
  type Namespace,
  type PlainObject,
} from "./cluster-state.ts";
import { deploymentView, imagePath, namespaceView, podView, replicaSetView, REPLICAS } from "./cluster-views.ts";
import type { Sync } from "./sim.ts";

/** The API server as the adapter shows it: the same answers and the same errors, each call at one moment. */
export function createApi(state: ClusterState, controllers: Controllers): Sync<Kubernetes> {
  const managed = ({ labels }: Meta): boolean => labels[LABEL.managedBy] === MANAGED_BY;
  const byName = (a: { name: string }, b: { name: string }): number => (a.name < b.name ? -1 : 1);

  return {
    cluster: state.name,

    namespace: (name) => {
      const found = state.namespaces.get(name);
      return found === undefined ? null : namespaceView(found);
    },

    ourNamespaces: () => [...state.namespaces.values()].filter(managed).sort(byName).map(namespaceView),

    workloads: (name, names) => {
      const namespace = state.namespaces.get(name);
      if (namespace === undefined) return { deployments: [], replicaSets: [], pods: [] };
      const deployments = [...namespace.deployments.values()].filter((deployment) =>
        names === undefined ? managed(deployment) : names.includes(deployment.name),
      );
      const uids = new Set(deployments.map(({ uid }) => uid));
      const sets = [...namespace.replicaSets.values()].filter(({ owner }) => uids.has(owner.uid));
      const pods = [...namespace.pods.values()].filter(({ owner }) => sets.includes(owner));
      return {
        deployments: deployments.sort(byName).map(deploymentView),
        replicaSets: sets.sort(byName).map(replicaSetView),
        pods: pods.sort(byName).map(podView),
      };
    },

    deployment: (name, deployment) => {
      const found = state.namespaces.get(name)?.deployments.get(deployment);
      return found === undefined ? null : deploymentView(found);
    },

    events: (name, since) => (state.namespaces.get(name)?.events ?? []).filter(({ lastAt }) => (lastAt ?? 0) >= since),

    logs: (name, pod, _container, { previous }) => {
      const found = state.namespaces.get(name)?.pods.get(pod);
      if (found === undefined || (previous && found.restarts === 0)) return "";
      return found.restarts === 0 && found.state.kind !== "ended" ? "listening" : "Error: it does not work";
    },

    secret: (name, secret) => {
      const found = state.namespaces.get(name)?.objects.get(`Secret/${secret}`);
      if (found === undefined) return null;
      const data = (found.body["data"] ?? {}) as Record<string, string>;
      return { labels: { ...found.labels }, data, resourceVersion: `${found.resourceVersion}` };
    },

    create: (object) => {
      if (object.kind === "Namespace") return createNamespace(object);
      const namespace = admitted(object);
      const { name } = object.metadata;
      if (object.kind !== "Deployment") {
        if (namespace.objects.has(`${object.kind}/${name}`)) return { kind: "exists" };
        return { kind: "created", uid: addPlain(namespace, object).uid, generation: 0 };
      }
      if (namespace.denies !== null) throw invalid(denied(namespace, "create", object));
      const spec = validated(object);
      if (typeof spec === "string") throw invalid(`create ${what(object)}: ${spec}`);
      if (namespace.deployments.has(name)) return { kind: "exists" };
      const made = addDeployment(namespace, object, spec, "create");
      return { kind: "created", uid: made.uid, generation: made.generation };
    },

    apply: (object, precondition) =>
      object.kind === "Deployment" ? applyDeployment(object, precondition) : applyPlain(object, precondition),

    patchImage,

    deleteNamespace: (name, uid) => {
      const namespace = state.namespaces.get(name);
      if (namespace === undefined || namespace.uid !== uid) return "gone";
      if (namespace.deletedAt === null) terminate(state, controllers, namespace, "proa");
      return "deleting";
    },

    remove: (object, uid) => {
      const { name, namespace: place = "" } = object.metadata;
      const namespace = state.namespaces.get(place);
      const found =
        object.kind === "Deployment"
          ? namespace?.deployments.get(name)
          : namespace?.objects.get(`${object.kind}/${name}`);
      if (namespace === undefined || found?.uid !== uid) return "gone";
      found.deletedAt ??= state.sim.now();
      if (found.finalizers.length > 0) return "deleting";
      if (!("spec" in found)) namespace.objects.delete(`${object.kind}/${name}`);
      else deleteDeployment(state, controllers, found, "proa");
      return "deleting";
    },
  };

  function createNamespace(object: KubeObject): ReturnType<Sync<Kubernetes>["create"]> {
    const { name } = object.metadata;
    if (state.namespaces.has(name)) return { kind: "exists" };
    const { uid } = addNamespace(state, object.metadata, "proa");
    return { kind: "created", uid, generation: 0 };
  }

  /** NamespaceLifecycle comes before everything else: https://kubernetes.io/docs/reference/access-authn-authz/admission-controllers/#namespacelifecycle */
  function admitted(object: KubeObject): Namespace {
    const { namespace: place = "" } = object.metadata;
    const namespace = state.namespaces.get(place);
    const detail = (why: string): string => `create ${what(object)}: ${why}`;
    if (namespace === undefined) {
      throw new OutsideError({
        code: "not-found",
        detail: detail(`namespaces "${place}" not found`),
        retryable: false,
      });
    }
    if (namespace.deletedAt !== null) {
      const because = `unable to create new content in namespace ${place} because it is being terminated`;
      throw new OutsideError({ code: "conflict", detail: detail(because), retryable: true });
    }
    return namespace;
  }

  function addPlain(namespace: Namespace, object: KubeObject): PlainObject {
    const plain: PlainObject = { ...createMeta(state, object.metadata.name, object.metadata), body: object };
    namespace.objects.set(`${object.kind}/${object.metadata.name}`, plain);
    if (object.kind === "ResourceQuota") namespace.podQuota = podsOf(object);
    return plain;
  }

  function addDeployment(namespace: Namespace, object: KubeObject, spec: DeploymentSpec, verb: "create" | "apply") {
    const deployment: Deployment = {
      ...createMeta(state, object.metadata.name, object.metadata),
      generation: 1,
      namespace,
      spec,
      status: NOTHING_YET,
      foreign: new Map(),
      syncDue: false,
    };
    namespace.deployments.set(deployment.name, deployment);
    return wrote(deployment, verb);
  }

  function wrote(deployment: Deployment, verb: "create" | "apply" | "patch"): Deployment {
    logDeployment(state, deployment, { by: "proa", verb });
    controllers.touched(deployment);
    return deployment;
  }

  function applyPlain(
    object: KubeObject,
    precondition: Parameters<Kubernetes["apply"]>[1],
  ): ReturnType<Sync<Kubernetes>["apply"]> {
    const found = state.namespaces
      .get(object.metadata.namespace ?? "")
      ?.objects.get(`${object.kind}/${object.metadata.name}`);
    if (found === undefined) {
      if (precondition !== undefined || !state.namespaces.has(object.metadata.namespace ?? ""))
        return { kind: "missing" };
      return applied(addPlain(admitted(object), object), true);
    }
    if (precondition !== undefined && !holds(found, precondition)) return changedSince(object);
    const same = JSON.stringify(found.body) === JSON.stringify(object);
    if (same) return applied(found, false);
    found.body = object;
    found.labels = { ...found.labels, ...object.metadata.labels };
    changed(state, found, "status");
    return applied(found, true);
  }

  function applyDeployment(
    object: KubeObject,
    precondition: Parameters<Kubernetes["apply"]>[1],
  ): ReturnType<Sync<Kubernetes>["apply"]> {
    const { name, namespace: place = "" } = object.metadata;
    const namespace = state.namespaces.get(place);
    const live = namespace?.deployments.get(name);
    if (namespace === undefined || (live === undefined && precondition !== undefined)) return { kind: "missing" };
    if (live !== undefined && precondition !== undefined && !holds(live, precondition)) return changedSince(object);
    const spec = validated(object);
    if (namespace.denies !== null) return { kind: "refused", detail: denied(namespace, "apply", object) };
    if (typeof spec === "string") return { kind: "refused", detail: `apply ${what(object)}: ${spec}` };
    if (live === undefined) return applied(addDeployment(admitted(object), object, spec, "apply"), true);
    return merge(live, object, spec);
  }

  /** Server-side apply without force: a field that somebody else set to something else stays theirs, and stops us. */
  function merge(live: Deployment, object: KubeObject, asked: DeploymentSpec): ApplyResult {
    const conflicts = [...live.foreign].filter(
      ([path]) => path.endsWith(".image") && imageAt(asked, path) !== imageAt(live.spec, path),
    );
    if (conflicts.length > 0) {
      const [[path, manager] = ["", ""]] = conflicts;
      const detail = `apply ${what(object)}: Apply failed with 1 conflict: conflict with "${manager}" using apps/v1: ${path}`;
      return { kind: "refused", detail: `${detail} (set by ${manager}: take the field out of one of the two)` };
    }
    // How many run is said by who scaled it last; we leave the field out then.
    const replicas = live.foreign.has(REPLICAS) ? live.spec.replicas : asked.replicas;
    const { restartedAt } = live.spec.template;
    const spec = { ...asked, replicas, template: { ...asked.template, restartedAt } };
    const kept = Object.entries(live.annotations).filter(([key]) => !key.startsWith("proa.dev/"));
    const annotations = { ...Object.fromEntries(kept), ...object.metadata.annotations };
    const labels = { ...live.labels, ...object.metadata.labels };
    const specChanged = JSON.stringify(spec) !== JSON.stringify(live.spec);
    if (!specChanged && same(annotations, live.annotations) && same(labels, live.labels)) return applied(live, false);
    const generation = specChanged || !same(annotations, live.annotations);
    live.spec = spec;
    live.annotations = annotations;
    live.labels = labels;
    changed(state, live, generation ? "spec" : "status");
    return applied(wrote(live, "apply"), specChanged);
  }

  /** The tests are the adapter's own operations: what it leaves out is not tested here either. */
  function patchImage(patch: ImagePatch): ApplyResult {
    const { namespace: place, deployment: name, container, from, image } = patch;
    const namespace = state.namespaces.get(place);
    const live = namespace?.deployments.get(name);
    if (namespace === undefined || live === undefined) return { kind: "missing" };
    const document = { metadata: live, spec: { template: { spec: live.spec.template } } };
    const tests = preconditions(patch).every(({ path, value }) => valueAt(document, path) === value);
    const path = `patch deployments ${place}/${name}`;
    if (!tests)
      return { kind: "stale", detail: `${path}: the server rejected our request due to an error in our request` };
    if (namespace.denies !== null) return { kind: "refused", detail: `${path}: ${webhook(namespace.denies)}` };
    const annotations = { ...live.annotations, ...patch.annotations };
    if (from === image && same(annotations, live.annotations)) return applied(live, false);
    setImage(live, container, image);
    if (from !== image) live.foreign = without(live.foreign, imagePath(container));
    live.annotations = annotations;
    changed(state, live, "spec");
    return applied(wrote(live, "patch"), from !== image);
  }
}

const NOTHING_YET = {
  observedGeneration: 0,
  replicas: 0,
  updated: 0,
  ready: 0,
  available: 0,
  unavailable: 0,
  conditions: [],
} as const;

const PLURALS: Readonly<Record<string, string>> = { NetworkPolicy: "networkpolicies", Ingress: "ingresses" };

const what = ({ kind, metadata }: KubeObject): string =>
  `${PLURALS[kind] ?? `${kind.toLowerCase()}s`} ${metadata.namespace === undefined ? "" : `${metadata.namespace}/`}${metadata.name}`;

const invalid = (detail: string): OutsideError => new OutsideError({ code: "invalid", detail, retryable: false });

const webhook = (because: string): string => `admission webhook "policy.example" denied the request: ${because}`;
const denied = (namespace: Namespace, verb: string, object: KubeObject): string =>
  `${verb} ${what(object)}: ${webhook(namespace.denies ?? "")}`;

const changedSince = (object: KubeObject): ApplyResult => ({
  kind: "stale",
  detail: `apply ${what(object)}: it changed since it was read`,
});

const holds = (live: Meta, { uid, resourceVersion }: { uid: string; resourceVersion: string }): boolean =>
  live.uid === uid && `${live.resourceVersion}` === resourceVersion;

const applied = ({ uid, generation, resourceVersion }: Meta, specChanged: boolean): ApplyResult => ({
  kind: "applied",
  uid,
  generation,
  resourceVersion: `${resourceVersion}`,
  changed: specChanged,
});

function validated(object: KubeObject): DeploymentSpec | string {
  const spec = parseSpec(object);
  const invalidField = (field: string, because: string): string =>
    `Deployment.apps "${object.metadata.name}" is invalid: ${field}: ${because}`;
  if (spec.replicas < 0) return invalidField("spec.replicas", "must be greater than or equal to 0");
  return spec.template.containers.some(({ image }) => image === "")
    ? invalidField("spec.template.spec.containers[0].image", "Required value")
    : spec;
}

function podsOf(quota: KubeObject): number | null {
  const { hard } = (quota["spec"] ?? {}) as { hard?: Readonly<Record<string, unknown>> };
  const pods = Number(hard?.["pods"] ?? hard?.["count/pods"]);
  return Number.isSafeInteger(pods) ? pods : null;
}

/** What a JSON Pointer points at: https://www.rfc-editor.org/rfc/rfc6901#section-4 */
function valueAt(document: unknown, path: string): unknown {
  const keys = path.slice(1).split("/");
  return keys
    .map((key) => key.replaceAll("~1", "/").replaceAll("~0", "~"))
    .reduce((part, key) => (typeof part === "object" && part !== null ? Reflect.get(part, key) : undefined), document);
}

const imageAt = ({ template }: DeploymentSpec, path: string): string | undefined =>
  template.containers.find(({ name }) => imagePath(name) === path)?.image;

export function without(map: ReadonlyMap<string, string>, key: string): ReadonlyMap<string, string> {
  return map.has(key) ? new Map([...map].filter(([other]) => other !== key)) : map;
}

function same(one: Readonly<Record<string, string>>, other: Readonly<Record<string, string>>): boolean {
  const keys = Object.keys(one);
  return keys.length === Object.keys(other).length && keys.every((key) => one[key] === other[key]);
}
