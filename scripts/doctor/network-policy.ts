import { list, object, text } from "../../src/adapters/kubernetes-json.ts";

/** A DaemonSet, as far as it tells which network plugin a cluster runs. */
export interface DaemonView {
  readonly namespace: string;
  readonly name: string;
  readonly ready: number;
  readonly containers: readonly { readonly name: string; readonly args: readonly string[] }[];
}

/** Whether NetworkPolicies do anything. `stored`: they are kept and nobody enforces them. */
export type Enforcement =
  | { readonly kind: "enforced"; readonly by: string }
  | { readonly kind: "stored"; readonly by: string; readonly remedy: string }
  | { readonly kind: "unknown"; readonly because: string };

/** Those that enforce by themselves, by the name of their DaemonSet. */
const ENFORCERS: ReadonlyMap<string, string> = new Map([
  ["calico-node", "Calico"],
  ["cilium", "Cilium"],
  ["anetd", "GKE Dataplane V2"],
  ["antrea-agent", "Antrea"],
  ["kube-router", "kube-router"],
  ["azure-npm", "Azure NPM"],
  ["kube-network-policies", "kube-network-policies"],
]);

/**
 * The cluster stores NetworkPolicies whatever runs in it, so this is told by what runs. A plugin that is not known here is unknown,
 * and so is a cluster whose network its provider keeps to itself (EKS Auto Mode): there only a connection that is refused tells.
 */
export function enforcement(daemons: readonly DaemonView[]): Enforcement {
  const running = daemons.filter(({ ready }) => ready > 0);
  const enforcer = running.find(({ name }) => ENFORCERS.has(name));
  if (enforcer !== undefined)
    return { kind: "enforced", by: `${ENFORCERS.get(enforcer.name) ?? ""} (${enforcer.namespace}/${enforcer.name})` };
  const awsNode = running.find(({ name }) => name === "aws-node");
  if (awsNode !== undefined) return ofVpcCni(awsNode);
  const flannel = running.find(({ name }) => name.startsWith("kube-flannel"));
  if (flannel !== undefined)
    return { kind: "stored", by: "flannel", remedy: "install a plugin that enforces them beside it, e.g. Calico" };
  const names = running.map(({ name }) => name);
  return {
    kind: "unknown",
    because: names.length === 0 ? "no network plugin can be seen" : `none of ${names.join(", ")} is known to tell`,
  };
}

/** https://docs.aws.amazon.com/eks/latest/userguide/cni-network-policy.html: off unless it is asked for. */
function ofVpcCni({ containers }: DaemonView): Enforcement {
  const remedy =
    'aws eks update-addon --addon-name vpc-cni --configuration-values \'{"enableNetworkPolicy": "true"}\' --cluster-name <cluster>';
  const agent = containers.find(({ name }) => name === "aws-eks-nodeagent" || name === "aws-network-policy-agent");
  if (agent === undefined) return { kind: "stored", by: "the VPC CNI, of a version without policies", remedy };
  return agent.args.includes("--enable-network-policy=true")
    ? { kind: "enforced", by: "the VPC CNI's network policy agent" }
    : { kind: "stored", by: "the VPC CNI, whose network policy agent is switched off", remedy };
}

export function parseDaemon(value: unknown): DaemonView {
  const { metadata, spec, status } = object(value);
  const { name, namespace } = object(metadata);
  const ready = object(status)["numberReady"];
  return {
    name: text(name),
    namespace: text(namespace),
    ready: typeof ready === "number" ? ready : 0,
    containers: list(object(object(object(spec)["template"])["spec"])["containers"]).map((container) => ({
      name: text(object(container)["name"]),
      args: list(object(container)["args"]).map(String),
    })),
  };
}
