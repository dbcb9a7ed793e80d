import type { ClusterAccess } from "../../src/adapters/cluster-access.ts";
import { list, object, parseBody, parseStatus, text } from "../../src/adapters/kubernetes-json.ts";
import { createSend, type Send } from "../../src/adapters/kubernetes-request.ts";
import { OutsideError } from "../../src/core/problem.ts";
import { setTimeout as wait } from "node:timers/promises";
import { type Known, known } from "./check.ts";
import { type DaemonView, type Enforcement, parseDaemon } from "./network-policy.ts";
import { PROBE_IMAGE, probeEnforcement } from "./probe.ts";
import { namesOf, type Right, rightsOf, type Rule } from "./rights.ts";

/** Whose rights an answer is about: those of Proa's group, or, where nobody may ask about others, those of whoever runs this. */
export type Subject = "proa" | "caller";

export interface Missing {
  readonly subject: Subject;
  readonly rights: readonly Right[];
}

export interface ClusterFacts {
  readonly name: string;
  readonly version: Known<string>;
  readonly caller: Known<string>;
  /** Of what `templates/cluster/` gives in the whole cluster, and in the namespace of the Secrets. */
  readonly missing: Known<Missing>;
  /** By name; null: there is no such role. */
  readonly roles: Known<Readonly<Record<string, readonly Rule[] | null>>>;
  /** Policies and bindings of `admission.yaml` that are not there. */
  readonly absentPolicies: Known<readonly string[]>;
  readonly environments: Known<readonly EnvironmentFacts[]>;
  readonly ingressClasses: Known<readonly IngressClassView[]>;
  /** Namespaces that traffic from outside comes through, and where their load balancers answer. */
  readonly ingress: Known<{ readonly namespaces: readonly string[]; readonly addresses: readonly string[] }>;
  readonly daemons: Known<readonly DaemonView[]>;
  /** What a trial came to; null: nobody asked for one. */
  readonly probe: Known<Enforcement> | null;
}

export interface EnvironmentFacts {
  readonly namespace: string;
  readonly repositoryId: string;
  /** Of the role `proa-environment`. */
  readonly missing: Known<Missing>;
}

export interface IngressClassView {
  readonly name: string;
  readonly isDefault: boolean;
}

export interface ClusterLook {
  readonly name: string;
  readonly access: ClusterAccess;
  readonly secretsNamespace: string;
  readonly ingressLabels: Readonly<Record<string, string>>;
  /** Whether network policies are tried out, with pods in a namespace of the trial's own. */
  readonly probe: boolean;
}

/** Reads one cluster with the caller's credentials, and changes nothing but for a probe: a review is asked for, not kept. */
export async function clusterFacts(look: ClusterLook): Promise<ClusterFacts> {
  const send = createSend({ access: look.access, timeoutMs: 10_000 });
  const get = async (path: string, query: Readonly<Record<string, string>> = {}): Promise<unknown> => {
    const found = await getOrNull(send, path, query);
    if (found === null) throw new Error(`GET ${path}: not there`);
    return found;
  };
  const items = async (path: string, query: Readonly<Record<string, string>> = {}): Promise<unknown[]> =>
    list(object(await get(path, query))["items"]);

  const version = await known(async () => text(object(await get("/version"))["gitVersion"]));
  // Everything else would fail the same way, after as long a wait each.
  if (version.kind === "unknown") return unreachable(look.name, version);

  const [caller, missing, roles, absentPolicies, environments, ingressClasses, ingress, daemons, probe] =
    await Promise.all([
      known(async () => {
        const review = await post(send, "authentication.k8s.io/v1", "selfsubjectreviews", {
          kind: "SelfSubjectReview",
        });
        return text(object(object(review["status"])["userInfo"])["username"]);
      }),
      known(async () => {
        const [whole, source] = await Promise.all([
          missingOf(send, rightsOf("proa-deployer"), null),
          missingOf(send, rightsOf("proa-preview-source"), look.secretsNamespace),
        ]);
        return { subject: whole.subject, rights: [...whole.rights, ...source.rights] };
      }),
      known(async () =>
        Object.fromEntries(await Promise.all(namesOf("ClusterRole").map(async (name) => roleOf(send, name)))),
      ),
      known(() => absent(send)),
      known(async () => {
        const selector = "proa.dev/repository-id,app.kubernetes.io/managed-by!=proa";
        const found = (await items("/api/v1/namespaces", { labelSelector: selector })).map((each) =>
          object(object(each)["metadata"]),
        );
        return Promise.all(
          found.map(async (metadata) => ({
            namespace: text(metadata["name"]),
            repositoryId: text(object(metadata["labels"])["proa.dev/repository-id"]),
            missing: await known(() => missingOf(send, rightsOf("proa-environment"), text(metadata["name"]))),
          })),
        );
      }),
      known(async () => (await items("/apis/networking.k8s.io/v1/ingressclasses")).map(ingressClass)),
      known(async () => {
        const labelSelector = Object.entries(look.ingressLabels)
          .map(([key, value]) => `${key}=${value}`)
          .join(",");
        const namespaces = (await items("/api/v1/namespaces", { labelSelector })).map((each) =>
          text(object(object(each)["metadata"])["name"]),
        );
        const services = await Promise.all(
          namespaces.map((namespace) => items(`/api/v1/namespaces/${namespace}/services`)),
        );
        return { namespaces, addresses: services.flat().flatMap(addressesOf) };
      }),
      known(async () => (await items("/apis/apps/v1/daemonsets")).map(parseDaemon)),
      look.probe ? known(() => probeEnforcement({ send, wait, image: PROBE_IMAGE })) : null,
    ]);
  return {
    name: look.name,
    version,
    caller,
    missing,
    roles,
    absentPolicies,
    environments,
    ingressClasses,
    ingress,
    daemons,
    probe,
  };
}

function unreachable(name: string, version: Extract<Known<string>, { kind: "unknown" }>): ClusterFacts {
  const [caller, missing, roles, absentPolicies] = [version, version, version, version];
  const [environments, ingressClasses, ingress, daemons] = [version, version, version, version];
  const rest = { environments, ingressClasses, ingress, daemons, probe: null };
  return { name, version, caller, missing, roles, absentPolicies, ...rest };
}

async function getOrNull(send: Send, path: string, query: Readonly<Record<string, string>> = {}): Promise<unknown> {
  const reply = await send({ method: "GET", path, query });
  if (reply.status === 404) return null;
  if (reply.status === 200) return parseBody(reply.text);
  throw new OutsideError({
    code: reply.status === 403 ? "forbidden" : "unavailable",
    detail: `GET ${path}: ${reply.status} ${parseStatus(reply.text).message}`,
    retryable: false,
  });
}

async function post(send: Send, apiVersion: string, resource: string, body: object) {
  const value = { apiVersion, ...body };
  const reply = await send({
    method: "POST",
    path: `/apis/${apiVersion}/${resource}`,
    body: { type: "application/json", value },
  });
  if (reply.status === 201 || reply.status === 200) return object(parseBody(reply.text));
  throw new OutsideError({
    code: reply.status === 403 ? "forbidden" : "unavailable",
    detail: `${resource}: ${reply.status} ${parseStatus(reply.text).message}`,
    retryable: false,
  });
}

const isForbidden = (error: unknown): boolean => error instanceof OutsideError && error.problem.code === "forbidden";

/** @param namespace null: in the whole cluster */
async function missingOf(send: Send, wanted: readonly Right[], namespace: string | null): Promise<Missing> {
  const review = async (right: Right, subject: Subject): Promise<boolean> => {
    const [resource = "", subresource] = right.resource.split("/");
    const resourceAttributes = {
      verb: right.verb,
      group: right.group,
      resource,
      ...(subresource === undefined ? {} : { subresource }),
      ...(right.name === null ? {} : { name: right.name }),
      ...(namespace === null ? {} : { namespace }),
    };
    const ask = subject === "proa" ? "SubjectAccessReview" : "SelfSubjectAccessReview";
    // The group is what an access entry gives; everybody who is let in belongs to the second.
    const who = subject === "proa" ? { user: "proa", groups: ["proa:deployers", "system:authenticated"] } : {};
    const spec = { ...who, resourceAttributes };
    const answer = await post(send, "authorization.k8s.io/v1", `${ask.toLowerCase()}s`, { kind: ask, spec });
    return object(answer["status"])["allowed"] === true;
  };
  const lacking = async (subject: Subject): Promise<Missing> => {
    const allowed = await Promise.all(wanted.map((right) => review(right, subject)));
    return { subject, rights: wanted.filter((_, i) => allowed[i] !== true) };
  };
  try {
    return await lacking("proa");
  } catch (error) {
    if (!isForbidden(error)) throw error;
    return lacking("caller");
  }
}

async function roleOf(send: Send, name: string): Promise<[string, readonly Rule[] | null]> {
  const role = await getOrNull(send, `/apis/rbac.authorization.k8s.io/v1/clusterroles/${name}`);
  return [name, role === null ? null : (list(object(role)["rules"]) as readonly Rule[])];
}

async function absent(send: Send): Promise<string[]> {
  const kinds = [
    ["ValidatingAdmissionPolicy", "validatingadmissionpolicies"],
    ["ValidatingAdmissionPolicyBinding", "validatingadmissionpolicybindings"],
  ] as const;
  const found = await Promise.all(
    kinds.flatMap(([kind, plural]) =>
      namesOf(kind).map(async (name) => {
        const path = `/apis/admissionregistration.k8s.io/v1/${plural}/${name}`;
        return (await getOrNull(send, path)) === null ? [`${kind} ${name}`] : [];
      }),
    ),
  );
  return found.flat();
}

function ingressClass(value: unknown): IngressClassView {
  const metadata = object(object(value)["metadata"]);
  const isDefault = object(metadata["annotations"])["ingressclass.kubernetes.io/is-default-class"] === "true";
  return { name: text(metadata["name"]), isDefault };
}

function addressesOf(service: unknown): string[] {
  const { loadBalancer } = object(object(service)["status"]);
  return list(object(loadBalancer)["ingress"]).flatMap((each) => {
    const { hostname, ip } = object(each);
    return [text(hostname), text(ip)].filter((address) => address !== "");
  });
}
