interface KubeObject {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly metadata: Readonly<Record<string, unknown>> & { readonly name?: string };
  readonly spec?: Readonly<Record<string, unknown>>;
}

/** A cluster where whatever is written runs at once. */
export function createCluster() {
  let objects = new Map<string, KubeObject>();
  let writes = 0;

  function store(path: string, object: KubeObject, former?: KubeObject): KubeObject {
    writes++;
    const { generation = 0 } = former?.metadata ?? {};
    const stored = {
      ...object,
      metadata: {
        ...object.metadata,
        uid: former?.metadata["uid"] ?? `uid-${writes}`,
        resourceVersion: `${writes}`,
        creationTimestamp: "2026-01-01T00:00:00Z",
        ...(object.spec === undefined ? {} : { generation: Number(generation) + 1 }),
      },
    };
    objects.set(path, stored);
    return shown(stored);
  }

  const listed = (folder: string) =>
    [...objects].filter(([path]) => path.startsWith(`${folder}/`) && !path.slice(folder.length + 1).includes("/"));

  /** ReplicaSets and Pods follow from the Deployments beside them. */
  function list(path: string): unknown[] {
    const derived = { replicasets: replicaSetOf, pods: podOf }[path.split("/").at(-1) ?? ""];
    if (derived === undefined) return listed(path).map(([, object]) => shown(object));
    const deployments = path.replace("/api/v1/", "/apis/apps/v1/").replace(/[a-z]+$/, "deployments");
    return listed(deployments).map(([, object]) => derived(object));
  }

  return {
    answer(method: string, path: string, type: string, body: unknown): { status: number; body: unknown } {
      switch (method) {
        case "GET": {
          const found = objects.get(path);
          if (found !== undefined) return { status: 200, body: shown(found) };
          if (isCollection(path))
            return { status: 200, body: { kind: "List", metadata: { resourceVersion: "1" }, items: list(path) } };
          return {
            status: 404,
            body: { kind: "Status", status: "Failure", reason: "NotFound", code: 404, message: `no ${path}` },
          };
        }
        case "POST": {
          const object = body as KubeObject;
          return { status: 201, body: store(`${path}/${object.metadata.name}`, object) };
        }
        case "PATCH": {
          const former = objects.get(path);
          if (!type.includes("json-patch"))
            return { status: former ? 200 : 201, body: store(path, body as KubeObject, former) };
          const patched = structuredClone(former) as KubeObject;
          for (const operation of body as Operation[]) patch(patched, operation);
          return { status: 200, body: store(path, patched, former) };
        }
        default:
          throw new Error(`${method} ${path} is not rehearsed`);
      }
    },
    save(): () => void {
      const kept = new Map(objects);
      return () => void (objects = new Map(kept));
    },
  };
}

/** `/api/v1/namespaces/x/pods`, not `/api/v1/namespaces/x/pods/y`. */
const isCollection = (path: string): boolean =>
  /^\/(?:api|apis\/[^/]+)\/v\d+(?:\/namespaces\/[^/]+)?\/[a-z]+$/.test(path);

interface Operation {
  readonly op: "test" | "add" | "replace";
  readonly path: string;
  readonly value: unknown;
}

function patch(object: KubeObject, { op, path, value }: Operation): void {
  const steps = path
    .slice(1)
    .split("/")
    .map((step) => step.replaceAll("~1", "/").replaceAll("~0", "~"));
  const last = steps.pop() ?? "";
  let at = object as unknown as Record<string, unknown>;
  for (const step of steps) at = at[step] as Record<string, unknown>;
  if (op === "test" && JSON.stringify(at[last]) !== JSON.stringify(value))
    throw new Error(`${path} is not ${JSON.stringify(value)}`);
  at[last] = value;
}

function shown(object: KubeObject): KubeObject {
  if (object.kind !== "Deployment") return object;
  const replicas = Number(object.spec?.["replicas"] ?? 1);
  const counts = { replicas, updatedReplicas: replicas, readyReplicas: replicas, availableReplicas: replicas };
  const conditions = ["Available", "Progressing"].map((type) => ({
    type,
    status: "True",
    reason: "NewReplicaSetAvailable",
  }));
  const status = { ...counts, observedGeneration: object.metadata["generation"], conditions };
  return { ...object, status } as KubeObject;
}

const owned = (kind: string, name: string, uid: unknown) => [
  { apiVersion: "apps/v1", kind, name, uid, controller: true },
];

function replicaSetOf({ metadata, spec }: KubeObject): unknown {
  const name = `${metadata.name}-${String(metadata["generation"])}`;
  return {
    metadata: {
      name,
      uid: `${String(metadata["uid"])}-set`,
      creationTimestamp: "2026-01-01T00:00:00Z",
      annotations: { "deployment.kubernetes.io/revision": String(metadata["generation"]) },
      ownerReferences: owned("Deployment", metadata.name ?? "", metadata["uid"]),
    },
    spec: { template: spec?.["template"] },
    status: { replicas: 1, readyReplicas: 1, availableReplicas: 1 },
  };
}

function podOf({ metadata, spec }: KubeObject): unknown {
  const template = spec?.["template"] as { spec: { containers: { name: string; image: string }[] } };
  const { containers } = template.spec;
  return {
    metadata: {
      name: `${metadata.name}-pod`,
      uid: `${String(metadata["uid"])}-pod`,
      creationTimestamp: "2026-01-01T00:00:00Z",
      ownerReferences: owned("ReplicaSet", `${metadata.name}-set`, `${String(metadata["uid"])}-set`),
    },
    spec: { nodeName: "node-1" },
    status: {
      phase: "Running",
      conditions: [{ type: "Ready", status: "True" }],
      containerStatuses: containers.map(({ name, image }) => ({
        name,
        image,
        ready: true,
        started: true,
        restartCount: 0,
        state: { running: { startedAt: "2026-01-01T00:00:00Z" } },
      })),
    },
  };
}
