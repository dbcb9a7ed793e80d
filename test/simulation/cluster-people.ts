import type { KubeObject } from "../../src/core/manifests.ts";
import { addNamespace, deleteDeployment, logDeployment, setImage, terminate } from "./cluster-writes.ts";
import type { Controllers } from "./cluster-controllers.ts";
import { REVISION, setsOf } from "./cluster-rollout.ts";
import { changed, type ClusterState, createMeta, type Deployment, type Namespace } from "./cluster-state.ts";
import { imagePath, isActive, REPLICAS } from "./cluster-views.ts";

/** What people, and controllers that are not Proa, do in a cluster by hand. Each is false where there is nothing to do it to. */
export interface People {
  createNamespace(name: string, labels: Readonly<Record<string, string>>): void;
  /** `kubectl delete namespace`. */
  deleteNamespace(namespace: string): boolean;
  /** A value of null takes the label away. */
  labelNamespace(namespace: string, label: string, value: string | null): boolean;
  putSecret(
    namespace: string,
    name: string,
    secret: Pick<KubeObject["metadata"], "labels"> & { data: object },
  ): boolean;
  /** `kubectl scale`, or an autoscaler with `hpa`. */
  scale(namespace: string, deployment: string, replicas: number, by?: "person" | "hpa"): boolean;
  /** `kubectl set image` of the first container. */
  setImage(namespace: string, deployment: string, image: string): boolean;
  /** `kubectl rollout undo`: the template of the ReplicaSet before, and its annotations with it. */
  undo(namespace: string, deployment: string): boolean;
  /** `kubectl rollout restart`. */
  restart(namespace: string, deployment: string): boolean;
  pause(namespace: string, deployment: string, paused: boolean): boolean;
  labelDeployment(namespace: string, deployment: string, label: string, value: string | null): boolean;
  annotateDeployment(namespace: string, deployment: string, annotation: string, value: string | null): boolean;
  deleteDeployment(namespace: string, deployment: string): boolean;
  /** Any one pod of the namespace. */
  deletePod(namespace: string): boolean;
  /** The node is full: the pod is lost and its ReplicaSet makes another. */
  evictPod(namespace: string): boolean;
  addFinalizer(namespace: string): boolean;
  removeFinalizer(namespace: string): boolean;
  /** Pods that may be active at once; null: as many as it likes. */
  setPodQuota(namespace: string, pods: number | null): boolean;
  /** An admission webhook that refuses every change of a Deployment; null takes it away. */
  deny(namespace: string, because: string | null): boolean;
}

const FINALIZER = "example.com/held";

export function createPeople(state: ClusterState, controllers: Controllers): People {
  const { sim } = state;

  const inNamespace = (name: string, change: (namespace: Namespace) => boolean | void): boolean => {
    const namespace = state.namespaces.get(name);
    return namespace !== undefined && change(namespace) !== false;
  };

  /** A change of a Deployment's spec or annotations, as somebody's own write. */
  const edit = (namespace: string, name: string, change: (deployment: Deployment) => boolean | void): boolean =>
    inNamespace(namespace, ({ deployments }) => {
      const deployment = deployments.get(name);
      if (deployment === undefined || change(deployment) === false) return false;
      changed(state, deployment, "spec");
      logDeployment(state, deployment, { by: "hand", verb: "patch" });
      controllers.touched(deployment);
      return true;
    });

  const own = (deployment: Deployment, path: string, manager: string): void => {
    deployment.foreign = new Map(deployment.foreign).set(path, manager);
  };

  const activePods = ({ pods }: Namespace) => [...pods.values()].filter(isActive);

  return {
    createNamespace: (name, labels) => void addNamespace(state, { name, labels }, "hand"),

    deleteNamespace: (name) =>
      inNamespace(name, (namespace) => {
        if (namespace.deletedAt !== null) return false;
        return terminate(state, controllers, namespace, "hand");
      }),

    labelNamespace: (name, label, value) =>
      inNamespace(name, (namespace) => {
        namespace.labels = withEntry(namespace.labels, label, value);
        changed(state, namespace, "status");
        sim.note(`hand label namespace ${name} ${label}=${value ?? "-"}`);
      }),

    putSecret: (name, secret, { labels, data }) =>
      inNamespace(name, ({ objects }) => {
        const body = { apiVersion: "v1", kind: "Secret", metadata: { name: secret, namespace: name }, data };
        objects.set(`Secret/${secret}`, { ...createMeta(state, secret, labels === undefined ? {} : { labels }), body });
      }),

    scale: (namespace, name, replicas, by = "person") =>
      edit(namespace, name, (deployment) => {
        if (deployment.spec.replicas === replicas) return false;
        deployment.spec = { ...deployment.spec, replicas };
        return own(deployment, REPLICAS, by === "hpa" ? "kube-controller-manager" : "kubectl");
      }),

    setImage: (namespace, name, image) =>
      edit(namespace, name, (deployment) => {
        const container = deployment.spec.template.containers[0];
        if (container === undefined || container.image === image) return false;
        setImage(deployment, container.name, image);
        return own(deployment, imagePath(container.name), "kubectl-set");
      }),

    undo: (namespace, name) =>
      edit(namespace, name, (deployment) => {
        const [, before] = setsOf(deployment).sort((a, b) => b.revision - a.revision);
        if (before === undefined) return false;
        const { containers } = deployment.spec.template;
        deployment.spec = { ...deployment.spec, template: before.template };
        // kubectl keeps the controller's own annotations and takes the ReplicaSet's for all others (polymorphichelpers/rollback.go).
        const { [REVISION]: number = "" } = deployment.annotations;
        deployment.annotations = { ...before.annotations, [REVISION]: number };
        for (const { name: container, image } of before.template.containers) {
          const replaced = containers.find((known) => known.name === container)?.image !== image;
          if (replaced) own(deployment, imagePath(container), "kubectl");
        }
        return true;
      }),

    restart: (namespace, name) =>
      edit(namespace, name, (deployment) => {
        const restartedAt = `${sim.now()}`;
        deployment.spec = { ...deployment.spec, template: { ...deployment.spec.template, restartedAt } };
      }),

    pause: (namespace, name, paused) =>
      edit(namespace, name, (deployment) => {
        if (deployment.spec.paused === paused) return false;
        deployment.spec = { ...deployment.spec, paused };
        return true;
      }),

    labelDeployment: (namespace, name, label, value) =>
      edit(namespace, name, (deployment) => {
        deployment.labels = withEntry(deployment.labels, label, value);
        // Labels are no part of what a Deployment's generation counts.
        deployment.generation--;
      }),

    annotateDeployment: (namespace, name, annotation, value) =>
      edit(namespace, name, (deployment) => {
        deployment.annotations = withEntry(deployment.annotations, annotation, value);
      }),

    deleteDeployment: (name, deployment) =>
      inNamespace(name, ({ deployments }) => {
        const found = deployments.get(deployment);
        if (found === undefined) return false;
        return deleteDeployment(state, controllers, found, "hand");
      }),

    deletePod: (name) =>
      inNamespace(name, (namespace) => {
        const [pod] = activePods(namespace);
        if (pod === undefined) return false;
        sim.note(`hand delete pod ${name}/${pod.name}`);
        return controllers.removePod(pod);
      }),

    evictPod: (name) =>
      inNamespace(name, (namespace) => {
        const [pod] = activePods(namespace);
        if (pod === undefined) return false;
        sim.note(`hand evict pod ${name}/${pod.name}`);
        return controllers.evictPod(pod);
      }),

    addFinalizer: (name) =>
      inNamespace(name, (namespace) => {
        if (namespace.deletedAt !== null || namespace.finalizers.length > 0) return false;
        namespace.finalizers = [FINALIZER];
        changed(state, namespace, "status");
        sim.note(`hand add finalizer ${name}`);
        return true;
      }),

    removeFinalizer: (name) =>
      inNamespace(name, (namespace) => {
        if (namespace.finalizers.length === 0) return false;
        namespace.finalizers = [];
        changed(state, namespace, "status");
        sim.note(`hand remove finalizer ${name}`);
        if (namespace.deletedAt !== null) controllers.endNamespace(namespace);
        return true;
      }),

    setPodQuota: (name, pods) =>
      inNamespace(name, (namespace) => {
        namespace.podQuota = pods;
        sim.note(`hand quota ${name} ${pods ?? "none"}`);
      }),

    deny: (name, because) =>
      inNamespace(name, (namespace) => {
        namespace.denies = because;
        sim.note(`hand ${because === null ? "allow" : "deny"} ${name}`);
      }),
  };
}

function withEntry(map: Readonly<Record<string, string>>, key: string, value: string | null): Record<string, string> {
  const others = Object.entries(map).filter(([name]) => name !== key);
  return Object.fromEntries(value === null ? others : [...others, [key, value]]);
}
