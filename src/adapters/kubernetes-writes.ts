import type { KubeObject } from "../core/manifests.ts";
import { OutsideError } from "../core/problem.ts";
import type { Calls } from "./kubernetes-calls.ts";
import { thrown, type Refusal } from "./kubernetes-errors.ts";
import { annotationPath, type Operation, preconditions, replaceImage } from "./kubernetes-image-patch.ts";
import { adoptOwnFields } from "./kubernetes-ownership.ts";
import { object } from "./kubernetes-json.ts";
import { parseWritten } from "./kubernetes-parse.ts";
import type { ApplyResult, ImagePatch, Kubernetes } from "./kubernetes.ts";
import { pathSegment } from "./path-segment.ts";

type Writes = Pick<Kubernetes, "create" | "apply" | "patchImage" | "deleteNamespace" | "remove">;

const JSON_PATCH = "application/json-patch+json";

export function createWrites({ read, write, paths }: Calls, fieldManager: string): Writes {
  const query = { fieldManager };
  const patch = (what: string, path: string, value: readonly Operation[]) =>
    write(`patch ${what}`, { method: "PATCH", path, query, body: { type: JSON_PATCH, value } });

  return {
    async create(target) {
      const { what, collection } = await paths(target);
      const body = { type: "application/json", value: target };
      const result = await write(`create ${what}`, { method: "POST", path: collection, query, body });
      if (result.kind === "exists") return { kind: "exists" };
      if (result.kind !== "done") throw thrown(result);
      const { uid, generation } = readBack(result.value);
      return { kind: "created", uid, generation };
    },

    async apply(target, precondition) {
      const { what, object: path } = await paths(target);
      const before = await read(`get ${what}`, path);
      if (before === null && precondition !== undefined) return { kind: "missing" };
      const moved = before === null ? null : parseWritten(before);
      if (moved !== null && precondition !== undefined) {
        const same = moved.uid === precondition.uid && moved.resourceVersion === precondition.resourceVersion;
        if (!same) return { kind: "stale", detail: `apply ${what}: it changed since it was read` };
      }
      let resourceVersion = precondition?.resourceVersion;
      const managedFields = adoptOwnFields(object(object(before)["metadata"])["managedFields"], fieldManager);
      if (moved !== null && managedFields !== null) {
        const adopted = await patch(what, path, [
          { op: "test", path: "/metadata/resourceVersion", value: moved.resourceVersion },
          { op: "replace", path: "/metadata/managedFields", value: managedFields },
        ]);
        if (adopted.kind !== "done") return failed(adopted);
        if (resourceVersion !== undefined) resourceVersion = readBack(adopted.value).resourceVersion;
      }
      const uid = precondition?.uid;
      const metadata = { ...target.metadata, ...(uid === undefined ? {} : { uid, resourceVersion }) };
      const value: KubeObject = { ...target, metadata };
      const send = (force: "true" | "false", sent: KubeObject = value) => {
        const body = { type: "application/apply-patch+yaml", value: sent };
        return write(`apply ${what}`, { method: "PATCH", path, query: { ...query, force }, body });
      };
      let result = await send("false");
      // Only we stand in our own way: what another version of the API had recorded could not be moved.
      if (result.kind === "owned" && result.managers.every((manager) => manager === fieldManager)) {
        result = await send("true");
      }
      // How many pods run is theirs to say who scaled it, a person or an autoscaler: what we leave out stays as they have set it.
      // https://kubernetes.io/docs/reference/using-api/server-side-apply/#transferring-ownership
      if (result.kind === "owned" && result.fields.every((field) => field === ".spec.replicas")) {
        const { replicas: _, ...spec } = object(value["spec"]);
        result = await send("false", { ...value, spec });
      }
      return result.kind === "done" ? applied(result.value, differs(before, result.value)) : failed(result);
    },

    async patchImage(wanted) {
      const { what, object: path } = await paths(deploymentOf(wanted));
      const fence = preconditions(wanted);
      const annotate = Object.entries(wanted.annotations)
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .map(([key, value]): Operation => ({ op: "add", path: annotationPath(key), value }));
      let result = await patch(what, path, [...fence, ...annotate, replaceImage(wanted)]);
      if (result.kind === "stale" && wanted.revision === null) {
        // Nothing can be added to a map that is not there, and the API server does not say which operation failed.
        const bare = await withoutAnnotations(read, what, path);
        if (bare === null) return result;
        const create: Operation = { op: "add", path: "/metadata/annotations", value: wanted.annotations };
        const unmoved: Operation = { op: "test", path: "/metadata/resourceVersion", value: bare };
        result = await patch(what, path, [unmoved, ...fence, create, replaceImage(wanted)]);
      }
      return result.kind === "done" ? applied(result.value, wanted.from !== wanted.image) : failed(result);
    },

    async deleteNamespace(name, uid) {
      return remove(`namespaces ${name}`, `/api/v1/namespaces/${pathSegment(name)}`, uid);
    },

    async remove(target, uid) {
      const { what, object: path } = await paths(target);
      return remove(what, path, uid);
    },
  };

  async function remove(what: string, path: string, uid: string): Promise<"deleting" | "gone"> {
    const value = { apiVersion: "v1", kind: "DeleteOptions", preconditions: { uid }, propagationPolicy: "Background" };
    const result = await write(`delete ${what}`, { method: "DELETE", path, body: { type: "application/json", value } });
    if (result.kind === "done") return "deleting";
    if (result.kind === "missing") return "gone";
    // Older API servers answer 409 as well for a namespace that is already going: the uid is the only conflict that means "another".
    if (result.kind === "stale") return /\buid\b/i.test(result.detail) ? "gone" : "deleting";
    throw thrown(result);
  }
}

const deploymentOf = ({ namespace, deployment: name }: ImagePatch): KubeObject => ({
  apiVersion: "apps/v1",
  kind: "Deployment",
  metadata: { name, namespace },
});

/** The resourceVersion of an object that has no annotations at all; null: it has some, or is gone. */
async function withoutAnnotations(read: Calls["read"], what: string, path: string): Promise<string | null> {
  const live = await read(`get ${what}`, path);
  if (live === null || object(object(live)["metadata"])["annotations"] !== undefined) return null;
  return parseWritten(live).resourceVersion;
}

/** What was written is written, whether or not the answer can be read. */
function readBack(value: unknown): ReturnType<typeof parseWritten> {
  try {
    return parseWritten(value);
  } catch (error) {
    if (!(error instanceof OutsideError)) throw error;
    throw new OutsideError({ ...error.problem, code: "unknown-result" }, { cause: error });
  }
}

function applied(value: unknown, changed: boolean): ApplyResult {
  const { uid, generation, resourceVersion } = readBack(value);
  return { kind: "applied", uid, generation, resourceVersion, changed };
}

/** A Deployment's generation also grows with its annotations, so only the spec itself tells whether anything rolls out. */
function differs(before: unknown, after: unknown): boolean {
  if (before === null) return true;
  const [one, other] = [object(before)["spec"], object(after)["spec"]];
  if (one !== undefined || other !== undefined) return JSON.stringify(one) !== JSON.stringify(other);
  return parseWritten(before).resourceVersion !== readBack(after).resourceVersion;
}

function failed(refused: Exclude<Refusal, { kind: "problem" }>): ApplyResult {
  switch (refused.kind) {
    case "missing":
      return { kind: "missing" };
    case "stale":
      return { kind: "stale", detail: refused.detail };
    case "refused":
      return { kind: "refused", detail: refused.detail };
    case "owned": {
      const who = refused.managers.join(", ");
      return { kind: "refused", detail: `${refused.detail} (set by ${who}: take the field out of one of the two)` };
    }
    case "exists":
    case "expired":
      throw thrown(refused);
  }
}
