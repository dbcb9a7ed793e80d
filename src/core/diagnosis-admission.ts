import type { Finding } from "./diagnosis-finding.ts";

/** Why the API server would not let the pods in; `message` is a ReplicaFailure condition's or a FailedCreate event's. */
export function admissionFinding(message: string): Finding {
  for (const [pattern, describe] of RULES) {
    const match = pattern.exec(message);
    if (match !== null) return { section: "other", fault: "application", line: message, ...describe(match) };
  }
  return {
    section: "other",
    fault: "application",
    headline: "the pods are refused",
    line: message,
    remedy: "Correct what the API server names, then push again.",
  };
}

type Described = Pick<Finding, "headline" | "remedy"> & Partial<Finding>;

/** The API server's own sentences, most particular first. */
const RULES: readonly (readonly [RegExp, (match: RegExpExecArray) => Described])[] = [
  [
    // k8s.io/apiserver/pkg/admission/plugin/resourcequota/controller.go
    /exceeded quota: ([^,]+), requested: (.+), used: (.+), limited: (.+)/,
    ([, quota, requested, used, limited]) => ({
      headline: `quota ${quota} is full: requested ${requested}, used ${used} of ${limited}`,
      line: `Quota ${quota} leaves no room: requested ${requested}; used ${used}; limited to ${limited}.`,
      remedy: "Lower `resources` in .proa.yml, remove something else from the namespace, or have its quota raised.",
    }),
  ],
  [
    /failed quota: ([^:]+): must specify (.+)/,
    ([, quota, missing]) => ({
      headline: `quota ${quota} wants ${missing}`,
      line: `Quota ${quota} accepts only pods that specify ${missing}.`,
      remedy: "Set `resources` for the service in .proa.yml.",
    }),
  ],
  [
    /((?:maximum|minimum) [^,\]]+ per (?:Container|Pod) is [^,\]]+, but (?:limit|request) is [^,\].]+)/,
    ([, limit]) => ({
      headline: `the namespace's limits: ${limit}`,
      line: `The namespace's LimitRange does not allow it: ${limit}.`,
      remedy: "Set `resources` in .proa.yml within the limits of the namespace.",
    }),
  ],
  [
    /violates PodSecurity "([^"]+)": (.+)/,
    ([, level, violations]) => ({
      headline: `pod security "${level}" is violated`,
      line: `Pod security "${level}" is violated: ${violations}`,
      remedy:
        "Set the named securityContext fields in the manifest, or have the namespace's pod-security level changed.",
    }),
  ],
  [
    /failed calling webhook "([^"]+)"/,
    ([, webhook]) => ({
      headline: `admission webhook ${webhook} does not answer`,
      remedy: `Have the webhook ${webhook} looked at: nothing can be created while it does not answer. Then run the deploy again.`,
      fault: "infrastructure",
    }),
  ],
  [
    /admission webhook "([^"]+)" denied the request: ?(.*)/s,
    ([, webhook, said]) => ({
      headline: `admission webhook ${webhook} denied the pods`,
      line: `Admission webhook ${webhook} denied the pods: ${said}`,
      remedy: "Change what the webhook objects to, or ask those who run it.",
    }),
  ],
  [
    /ValidatingAdmissionPolicy '([^']+)' .*denied request: (.*)/s,
    ([, policy, said]) => ({
      headline: `admission policy ${policy} denied the pods`,
      line: `Admission policy ${policy} denied the pods: ${said}`,
      remedy: "Change what the policy objects to, or ask those who run it.",
    }),
  ],
  [
    /serviceaccount "([^"]+)" not found/,
    ([, account]) => ({
      headline: `service account ${account} does not exist`,
      line: `The pods run as service account ${account}, which does not exist in the namespace.`,
      remedy: `Create the service account ${account}, or take \`serviceAccountName\` out of the manifest.`,
    }),
  ],
  [
    /is invalid: (.+)/s,
    ([, fields]) => ({
      headline: "the pod template is invalid",
      line: `The pod template is invalid: ${fields}`,
      remedy: "Correct the named field in the manifest or in .proa.yml.",
    }),
  ],
];
