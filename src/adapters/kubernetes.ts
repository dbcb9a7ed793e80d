import type { DeploymentView, EventView, NamespaceView, Workloads } from "../core/cluster.ts";
import type { KubeObject } from "../core/manifests.ts";
import type { Revision, TargetId } from "../core/names.ts";

/** One cluster. Every method makes the calls its name says and no others; failures are thrown as `OutsideError`. */
export interface Kubernetes {
  readonly cluster: string;
  /** null: 404. */
  namespace(name: string): Promise<NamespaceView | null>;
  /** Every namespace with our managed-by label, all pages. */
  ourNamespaces(): Promise<NamespaceView[]>;
  /** Deployments (ours by label, or `names` in patch mode), with their ReplicaSets and Pods: three lists side by side. */
  workloads(namespace: string, names?: readonly string[]): Promise<Workloads>;
  deployment(namespace: string, name: string): Promise<DeploymentView | null>;
  events(namespace: string, since: number): Promise<EventView[]>;
  /** Last lines of a container; `previous` is the run before the last restart. "" where there are none. */
  logs(
    namespace: string,
    pod: string,
    container: string,
    options: { previous: boolean; lines: number },
  ): Promise<string>;

  /** POST. Answers `exists` on 409 AlreadyExists; everything else throws. */
  create(object: KubeObject): Promise<{ kind: "created"; uid: string; generation: number } | { kind: "exists" }>;
  /**
   * Server-side apply as field manager `proa`, after moving to it what we own by POST and JSON Patch (up to two calls before the
   * apply itself); never forced over others. uid and resourceVersion are preconditions when given.
   */
  apply(object: KubeObject, precondition?: { uid: string; resourceVersion: string }): Promise<ApplyResult>;
  /** JSON Patch of image, `proa.dev/*` annotations; `test` operations name the uid, the target and the last known revision. */
  patchImage(patch: ImagePatch): Promise<ApplyResult>;
  /** DELETE with the uid as precondition, background propagation. `gone`: 404, or another uid lives under that name. */
  deleteNamespace(name: string, uid: string): Promise<"deleting" | "gone">;
  /** DELETE of one object we own, uid precondition. */
  remove(object: KubeObject, uid: string): Promise<"deleting" | "gone">;
  /** Data of a Secret with its labels, for copying by allow-list; null: 404. Values stay base64 and are never logged. */
  secret(
    namespace: string,
    name: string,
  ): Promise<{ labels: Record<string, string>; data: Record<string, string>; resourceVersion: string } | null>;
}

export interface ImagePatch {
  readonly namespace: string;
  readonly deployment: string;
  readonly container: string;
  /** Its place in `spec.template.spec.containers` when it was read: JSON Patch addresses lists by place only. */
  readonly containerIndex: number;
  /** The image it had when it was read, tested too. The same as `image`: nothing rolls out, and the answer says `changed: false`. */
  readonly from: string;
  readonly image: string;
  /** Preconditions, each one a JSON Patch `test`. `revision: null`: the Deployment has never been ours (patch mode's first time). */
  readonly uid: string;
  readonly target: TargetId | null;
  readonly revision: Revision | null;
  /** New values of annotations on the Deployment's own metadata. */
  readonly annotations: Readonly<Record<string, string>>;
}

export type ApplyResult =
  /** `changed`: the spec (where there is one) is another than before; the annotations of a Deployment alone do not count. */
  | {
      readonly kind: "applied";
      readonly uid: string;
      readonly generation: number;
      readonly resourceVersion: string;
      readonly changed: boolean;
    }
  /** A precondition no longer holds (409, or a JSON Patch `test` failed with 422): look again. */
  | { readonly kind: "stale"; readonly detail: string }
  /** The API server refused the object itself (422 on a field, 403 by quota, admission or pod security): our input is wrong. */
  | { readonly kind: "refused"; readonly detail: string }
  | { readonly kind: "missing" };
