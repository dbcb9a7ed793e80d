import type { Finding } from "./diagnosis-finding.ts";

type Cause = {
  readonly pattern: RegExp;
  readonly words: (match: string) => string;
  readonly remedy: string;
  readonly fault?: Finding["fault"];
};

/** The scheduler's words (pkg/scheduler/framework/plugins), those that only a person can change first. */
const CAUSES: readonly Cause[] = [
  {
    pattern: /persistentvolumeclaim "([^"]+)" not found/,
    words: (claim) => `volume claim ${claim} does not exist`,
    remedy: "Create the PersistentVolumeClaim, or take the volume out of the manifest.",
    fault: "application",
  },
  {
    pattern: /(unbound immediate PersistentVolumeClaims)/,
    words: () => "a volume claim is not bound",
    remedy: "Check the claim's storage class: `kubectl describe pvc` says why no volume was made for it.",
  },
  {
    pattern: /(volume node affinity conflict)/,
    words: () => "the volume is in another zone than the free nodes",
    remedy: "Add a node in the volume's zone.",
  },
  {
    pattern: /(didn't match Pod's node affinity(?:\/selector)?|didn't match node selector)/,
    words: () => "no node matches the node selector or affinity",
    remedy: "Correct nodeSelector or affinity in the manifest, or label a node.",
    fault: "application",
  },
  {
    pattern: /(didn't match pod (?:anti-)?affinity(?: rules)?|topology spread constraints)/,
    words: () => "pod affinity or spread rules leave no node",
    remedy: "Loosen the affinity or topology-spread rules in the manifest, or add nodes.",
    fault: "application",
  },
  {
    pattern: /untolerated taint(?:\(s\)|s)? \{([^}]*)\}/,
    words: (taint) => `taint ${taint}`,
    remedy:
      "Add nodes without that taint, or a toleration to the manifest. `not-ready` and `unreachable` taints mean that the nodes are ill.",
  },
  { pattern: /(Too many pods)/, words: () => "the nodes are full of pods", remedy: "Add nodes." },
  {
    pattern: /(node\(s\) were unschedulable)/,
    words: () => "nodes are cordoned",
    remedy: "Uncordon the nodes or add others.",
  },
];

/** `0/3 nodes are available: 1 Insufficient cpu, 2 node(s) had untolerated taint {dedicated: gpu}. preemption: …` */
export function schedulingFinding(message: string): Finding {
  const scarce = [...message.matchAll(/Insufficient ([\w./-]+[\w])/g)].map(([, resource]) => resource);
  const others = CAUSES.flatMap(({ pattern, words, ...rest }) => {
    const match = pattern.exec(message)?.[1];
    return match === undefined ? [] : [{ words: words(match), ...rest }];
  });
  const short = scarce.length === 0 ? [] : [`not enough ${[...new Set(scarce)].join(" and ")}`];
  const causes = [...short, ...others.map(({ words }) => words)];
  const [first] = others;
  return {
    headline: `no node can run the pod${causes.length === 0 ? "" : `: ${causes.join(", ")}`}`,
    section: "other",
    line: `Pod could not be scheduled because ${message}`,
    remedy:
      scarce.length > 0
        ? "Lower `resources` in .proa.yml, or add nodes."
        : (first?.remedy ?? "Have the cluster's nodes looked at."),
    fault: scarce.length > 0 ? "infrastructure" : (first?.fault ?? "infrastructure"),
  };
}

const VOLUME = /^(FailedMount|FailedAttachVolume|FailedMapVolume)$/;
const SANDBOX = /^(FailedCreatePodSandBox|NetworkNotReady)$/;

/** Why a scheduled pod does not get as far as its containers: a volume or the network, as its events say. */
export function preparationFinding(reason: string, message: string): Finding | null {
  if (SANDBOX.test(reason)) {
    const remedy =
      "Have the node's network looked at (addresses of the subnet, CNI plugin), then run the deploy again.";
    return {
      headline: "the node cannot set up the pod",
      section: "other",
      line: `${reason}: ${message}`,
      remedy,
      fault: "infrastructure",
    };
  }
  if (!VOLUME.test(reason)) return null;
  const [, kind, name] = /(secret|configmap) "([^"]+)" not found/i.exec(message) ?? [];
  if (kind !== undefined && name !== undefined) {
    return {
      headline: `${kind.toLowerCase()} ${name} does not exist`,
      section: "other",
      line: `${reason}: ${message}`,
      remedy: `Create the ${kind.toLowerCase()} ${name} in the namespace, or take it out of the manifest.`,
      fault: "application",
    };
  }
  const remedy = "Have the volume looked at: it may still be attached to another node, or be in another zone.";
  return {
    headline: "a volume cannot be mounted",
    section: "other",
    line: `${reason}: ${message}`,
    remedy,
    fault: "infrastructure",
  };
}
