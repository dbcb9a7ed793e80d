import { type MissingRight, OutsideError, type Problem } from "../core/problem.ts";
import { parseStatus, type KubeStatus } from "./kubernetes-json.ts";
import type { KubeReply } from "./kubernetes-transport.ts";

/** What the API server meant by an answer that is not success. `what` names the call in its own words: `patch deployments shop-7/web`. */
export type Refusal =
  | { readonly kind: "missing"; readonly detail: string }
  | { readonly kind: "exists"; readonly detail: string }
  /** A precondition: uid, resourceVersion, or a `test` of a JSON Patch. */
  | { readonly kind: "stale"; readonly detail: string }
  /** Server-side apply found other owners of the fields we set. */
  | {
      readonly kind: "owned";
      readonly detail: string;
      readonly managers: readonly string[];
      /** As the API server writes paths: `.spec.replicas`. */
      readonly fields: readonly string[];
    }
  /** The object itself is wrong: schema, quota, limits, pod security, a webhook. */
  | { readonly kind: "refused"; readonly detail: string }
  /** The list's continue token is older than what etcd keeps. */
  | { readonly kind: "expired"; readonly detail: string }
  | { readonly kind: "problem"; readonly problem: Problem };

export function refusal(what: string, write: boolean, reply: KubeReply): Refusal {
  const status = parseStatus(reply.text);
  const detail = `${what}: ${status.message || `HTTP ${reply.status}`}`;
  const problem = (fields: Omit<Problem, "detail">): Refusal => ({ kind: "problem", problem: { ...fields, detail } });
  switch (reply.status) {
    case 401:
      return problem({ code: "forbidden", retryable: true });
    case 403:
      return forbidden(detail, status);
    case 404:
      return { kind: "missing", detail };
    case 409:
      return conflict(detail, status);
    case 410:
      return { kind: "expired", detail };
    case 422:
      return write && isPatchFailure(status) ? { kind: "stale", detail } : { kind: "refused", detail };
    case 429: {
      const asked = reply.retryAfterMs ?? (status.retryAfterSeconds ?? 1) * 1000;
      return problem({ code: "rate-limited", retryable: true, retryAfterMs: asked });
    }
    default:
      if (reply.status >= 500) return problem({ code: write ? "unknown-result" : "unavailable", retryable: true });
      return { kind: "refused", detail };
  }
}

/** For calls in which a refusal of this kind is no expected end. */
export function thrown(refused: Refusal): OutsideError {
  switch (refused.kind) {
    case "problem":
      return new OutsideError(refused.problem);
    case "missing":
      return new OutsideError({ code: "not-found", detail: refused.detail, retryable: false });
    case "exists":
    case "stale":
    case "owned":
      return new OutsideError({ code: "conflict", detail: refused.detail, retryable: true });
    case "refused":
      return new OutsideError({ code: "invalid", detail: refused.detail, retryable: false });
    case "expired":
      return new OutsideError({ code: "unavailable", detail: refused.detail, retryable: true });
  }
}

/**
 * Missing rights and objects that admission turns away share the code 403; only RBAC's sentence names a user and a verb
 * (`User "x" cannot patch resource "deployments" …`, k8s.io/apiserver endpoints/handlers/responsewriters/errors.go).
 */
function forbidden(detail: string, status: KubeStatus): Refusal {
  const { message, causes } = status;
  if (causes.some((cause) => cause.reason === "NamespaceTerminating") || /because it is being terminated/.test(message))
    return { kind: "problem", problem: { code: "conflict", detail, retryable: true } };
  // Right after a namespace is made, its quota has not been counted yet: k8s.io/apiserver plugin/resourcequota.
  if (/status unknown for quota/.test(message))
    return { kind: "problem", problem: { code: "unavailable", detail, retryable: true } };
  const missing = missingRight(message);
  if (missing !== null) return { kind: "problem", problem: { code: "forbidden", detail, retryable: false, missing } };
  const admission =
    /exceeded quota|violates PodSecurity|denied (the )?request|must specify|(maximum|minimum) .* (usage|limit)|is forbidden: (?!User )/;
  if (admission.test(message)) return { kind: "refused", detail };
  return { kind: "problem", problem: { code: "forbidden", detail, retryable: false } };
}

/** The authorizer's two sentences: one for any request, one for binding a role whose rights one neither holds nor may bind. */
function missingRight(message: string): MissingRight | null {
  const denied =
    /is forbidden: User ".*" cannot (\S+) resource "([^"]+)" in API group "([^"]*)" (?:in the namespace "([^"]+)"|at the cluster scope)/;
  const [, verb, plural, group, namespace = null] = denied.exec(message) ?? [];
  if (verb !== undefined && plural !== undefined)
    return { verb, resource: group ? `${plural}.${group}` : plural, namespace };
  // k8s.io/kubernetes/pkg/registry/rbac/validation/rule.go
  return /is attempting to grant RBAC permissions not currently held/.test(message)
    ? { verb: "bind", resource: "clusterroles.rbac.authorization.k8s.io", namespace: null }
    : null;
}

function conflict(detail: string, status: KubeStatus): Refusal {
  if (status.reason === "AlreadyExists") return { kind: "exists", detail };
  const owners = status.causes.filter((cause) => cause.reason === "FieldManagerConflict");
  if (owners.length === 0) return { kind: "stale", detail };
  const managers = owners.map((cause) => /^conflict with "([^"]*)"/.exec(cause.message)?.[1] ?? cause.message);
  return { kind: "owned", detail, managers: [...new Set(managers)].sort(), fields: owners.map(({ field }) => field) };
}

/**
 * A JSON Patch that does not apply and an object that does not validate are both 422 Invalid. The first is answered without a kind or
 * a field ("the server rejected our request due to an error in our request": NewGenericServerResponse in apimachinery's errors.go).
 */
function isPatchFailure(status: KubeStatus): boolean {
  return status.causes.length === 0 && !/ is invalid: /.test(status.message);
}
