import { describe, expect, test } from "vitest";
import { type Check, type Known } from "../../scripts/doctor/check.ts";
import { clusterChecks } from "../../scripts/doctor/cluster-checks.ts";
import type { ClusterFacts } from "../../scripts/doctor/cluster-facts.ts";
import { type DaemonView, enforcement, parseDaemon } from "../../scripts/doctor/network-policy.ts";
import { probeEnforcement } from "../../scripts/doctor/probe.ts";
import { namesOf, rightsOf, rulesOf } from "../../scripts/doctor/rights.ts";
import { list, object, text } from "../../src/adapters/kubernetes-json.ts";
import type { Send } from "../../src/adapters/kubernetes-request.ts";
import { rights } from "../cluster/privilege-install.ts";

const is = <T>(value: T): Known<T> => ({ kind: "known", value });
const not = (because: string): Known<never> => ({ kind: "unknown", because });
const complaints = (checks: readonly Check[]): string[] =>
  checks.filter(({ level }) => level !== "ok").map(({ level, what }) => `${level}: ${what}`);

const daemon = (name: string, args: readonly string[] = [], container = name): DaemonView => ({
  namespace: "kube-system",
  name,
  ready: 2,
  containers: [{ name: container, args }],
});
const vpcCni = (...args: string[]): DaemonView => daemon("aws-node", args, "aws-eks-nodeagent");

const roles = Object.fromEntries(namesOf("ClusterRole").map((name) => [name, rulesOf(name)]));
const healthy: ClusterFacts = {
  name: "default",
  version: is("v1.33.4-eks-aeac579"),
  caller: is("admin"),
  missing: is({ subject: "proa", rights: [] }),
  roles: is(roles),
  absentPolicies: is([]),
  environments: is([{ namespace: "shop", repositoryId: "7", missing: is({ subject: "proa", rights: [] }) }]),
  ingressClasses: is([{ name: "nginx", isDefault: true }]),
  ingress: is({ namespaces: ["ingress-nginx"], addresses: ["192.0.2.1"] }),
  daemons: is([daemon("kube-proxy"), vpcCni("--enable-network-policy=true")]),
  probe: null,
};
const wish = {
  ingressClass: null,
  ingressLabels: { "kubernetes.io/metadata.name": "ingress-nginx" },
  holdsPreviews: true,
  endpoint: "open",
} as const;
const right = { verb: "create", group: "", resource: "namespaces", name: null };

describe("a cluster", () => {
  test.each<[string, Partial<ClusterFacts>, string[]]>([
    ["all is well", {}, []],
    [
      "out of reach",
      { version: not("no answer in time") },
      ["fail: The API server does not answer: no answer in time"],
    ],
    ["too old", { version: is("v1.29.1") }, ["fail: Kubernetes v1.29.1 has no admission policies"]],
    [
      "a right short",
      { missing: is({ subject: "proa", rights: [right] }) },
      ["fail: The group proa:deployers has no right to create namespaces"],
    ],
    [
      "nobody may ask about others: the caller's own rights prove nothing of Proa's",
      { missing: is({ subject: "caller", rights: [] }) },
      [
        "unknown: Whether Proa has the rights of templates/cluster/: you have them, and may not ask the cluster about others (subjectaccessreviews)",
      ],
    ],
    [
      "a role that is not there",
      { roles: is({ ...roles, "proa-preview": null }) },
      ["fail: There is no ClusterRole proa-preview"],
    ],
    [
      "a role of another version",
      { roles: is({ ...roles, "proa-preview": rulesOf("proa-preview").slice(1) }) },
      ["warn: Other than this version's: the ClusterRole proa-preview"],
    ],
    [
      "without its policies",
      { absentPolicies: is(["ValidatingAdmissionPolicy proa-rights"]) },
      ["fail: Not there: ValidatingAdmissionPolicy proa-rights. Nothing holds Proa to its own namespaces"],
    ],
    [
      "an environment whose owner has bound no role",
      {
        environments: is([{ namespace: "shop", repositoryId: "7", missing: is({ subject: "proa", rights: [right] }) }]),
      },
      ["fail: The group proa:deployers has no right to create namespaces"],
    ],
    ["no ingress class", { ingressClasses: is([]) }, ["fail: No ingress class is the default (none)"]],
    [
      "no ingress namespace",
      { ingress: is({ namespaces: [], addresses: [] }) },
      ["fail: No namespace is labelled kubernetes.io/metadata.name=ingress-nginx: nothing may reach a preview"],
    ],
    [
      "policies that are only stored",
      { daemons: is([vpcCni("--enable-network-policy=false")]) },
      ["fail: Network policies are stored and not enforced: the VPC CNI, whose network policy agent is switched off"],
    ],
    [
      "a trial says more than what runs there",
      { probe: is({ kind: "stored", by: "a pod that a policy closes off was reached", remedy: "switch it on" }) },
      ["fail: Network policies are stored and not enforced: a pod that a policy closes off was reached"],
    ],
    [
      "pods nobody may look at",
      { daemons: not("forbidden") },
      ["unknown: Whether network policies are enforced could not be looked at: forbidden"],
    ],
  ])("%s", (_, change, expected) => {
    expect(complaints(clusterChecks({ ...healthy, ...change }, wish).checks)).toEqual(expected);
  });

  test("a cluster without previews needs no ingress of Proa's", () => {
    const facts = { ...healthy, ingressClasses: is([]), daemons: is([]) };
    expect(complaints(clusterChecks(facts, { ...wish, holdsPreviews: false }).checks)).toEqual([]);
  });

  test.each<[string, string, "open" | "limited", string]>([
    [
      "whoever looks is not let in, which says nothing of Proa",
      "GET /version: 401 Unauthorized",
      "open",
      "unknown: The cluster does not let you in: GET /version: 401 Unauthorized",
    ],
    [
      "a private endpoint is not reached from here, which says nothing either",
      "GET /version: no answer in time",
      "limited",
      "unknown: The API server is not reached from here, where you are: GET /version: no answer in time",
    ],
  ])("%s", (_, because, endpoint, expected) => {
    const { checks } = clusterChecks({ ...healthy, version: not(because) }, { ...wish, endpoint });
    expect(complaints(checks)).toEqual([expected]);
  });

  test("a class of one's own has to be there", () => {
    const { checks } = clusterChecks(healthy, { ...wish, ingressClass: "alb" });
    expect(complaints(checks)).toEqual(["fail: There is no ingress class alb, only nginx"]);
  });
});

describe("network policies are", () => {
  test.each<[string, DaemonView[], string]>([
    ["enforced by Calico", [daemon("calico-node")], "enforced"],
    ["enforced by Cilium", [daemon("kube-proxy"), daemon("cilium")], "enforced"],
    ["enforced by the VPC CNI that was told to", [vpcCni("--enable-network-policy=true")], "enforced"],
    ["enforced by Calico beside the VPC CNI", [vpcCni(), daemon("calico-node")], "enforced"],
    ["stored where the VPC CNI was told nothing", [vpcCni()], "stored"],
    ["stored where its agent is not there", [daemon("aws-node")], "stored"],
    ["stored by flannel", [daemon("kube-flannel-ds")], "stored"],
    ["unknown where nothing runs that is known here", [daemon("kube-proxy")], "unknown"],
    ["unknown where nothing is seen (EKS Auto Mode)", [], "unknown"],
    ["not enforced by what has no ready pod", [{ ...daemon("calico-node"), ready: 0 }], "unknown"],
  ])("%s", (_, daemons, kind) => {
    expect(enforcement(daemons).kind).toBe(kind);
  });

  test("read from the DaemonSet as the API server gives it", () => {
    const found = parseDaemon({
      metadata: { name: "aws-node", namespace: "kube-system" },
      spec: {
        template: { spec: { containers: [{ name: "aws-eks-nodeagent", args: ["--enable-network-policy=true"] }] } },
      },
      status: { numberReady: 2 },
    });
    expect(found).toEqual(vpcCni("--enable-network-policy=true"));
  });
});

describe("trying it out", () => {
  /** A cluster whose pods run at once; `reaches` says which of them answers. */
  function cluster(reaches: (name: string) => boolean) {
    const pods = new Map<string, string>();
    const calls: string[] = [];
    const send: Send = async ({ method, path, body }) => {
      calls.push(`${method} ${path.replace(/proa-doctor-[0-9a-f]+/, "trial")}`);
      const [, name = ""] = /\/pods\/([a-z-]+)$/.exec(path) ?? [];
      if (method === "POST" && path.endsWith("/pods")) {
        const { metadata, spec } = object(body?.value);
        const [container] = list(object(spec)["containers"]);
        const [, address] = list(object(container)["args"]);
        pods.set(text(object(metadata)["name"]), text(address).split(":")[0] ?? "");
      }
      const ended = name.startsWith("try-") ? (reaches(pods.get(name) ?? "") ? "Succeeded" : "Failed") : "Running";
      return {
        status: method === "POST" ? 201 : 200,
        text: JSON.stringify({ status: { phase: ended, podIP: name } }),
        retryAfterMs: null,
      };
    };
    return { send, calls, options: { send, wait: async () => undefined, image: "probe" } };
  }

  test.each<[string, (name: string) => boolean, string]>([
    ["a policy that holds is enforced", (name) => name === "open", "enforced"],
    ["one that does not is only stored", () => true, "stored"],
    ["where nothing answers at all, nothing is proven", () => false, "unknown"],
  ])("%s", async (_, reaches, kind) => {
    const { options, calls } = cluster(reaches);
    expect((await probeEnforcement(options)).kind).toBe(kind);
    expect(calls.at(-1)).toBe("DELETE /api/v1/namespaces/trial");
  });

  test("a pod that cannot be made ends it, and its namespace goes all the same", async () => {
    const { send, calls, options } = cluster(() => true);
    const refusing: Send = async (request) =>
      request.path.endsWith("/pods")
        ? { status: 403, text: '{"message": "quota"}', retryAfterMs: null }
        : send(request);
    await expect(probeEnforcement({ ...options, send: refusing })).rejects.toThrow("403 quota");
    expect(calls.at(-1)).toBe("DELETE /api/v1/namespaces/trial");
  });
});

test("the rights that are asked for are those that the privilege tests take away one by one", () => {
  const bare = ({ verb, group, resource, name }: (typeof all)[number]) => ({ verb, group, resource, name });
  const all = rights();
  const roleNames = [...new Set(all.map(({ role }) => role))];
  expect(roleNames.flatMap(rightsOf)).toEqual(
    roleNames.flatMap((role) => all.filter((each) => each.role === role).map(bare)),
  );
});
