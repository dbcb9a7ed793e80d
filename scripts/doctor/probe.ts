import { randomBytes } from "node:crypto";
import { object, parseBody, parseStatus, text } from "../../src/adapters/kubernetes-json.ts";
import type { Send } from "../../src/adapters/kubernetes-request.ts";
import type { Enforcement } from "./network-policy.ts";

export interface ProbeOptions {
  readonly send: Send;
  readonly wait: (ms: number) => Promise<void>;
  readonly image: string;
}

/** Serves and connects, in a few megabytes, and is what Kubernetes' own tests of network policies use. */
export const PROBE_IMAGE = "registry.k8s.io/e2e-test-images/agnhost:2.53";

const TRIES = 60;
const BETWEEN_MS = 3_000;
const PORT = 8080;

/**
 * Tries it: in a namespace of its own, a pod that may be reached and one that a policy closes off, and a third that connects to
 * both. Only where the open one answers does silence of the other prove anything. The namespace is deleted whatever comes of it.
 */
export async function probeEnforcement({ send, wait, image }: ProbeOptions): Promise<Enforcement> {
  const namespace = `proa-doctor-${randomBytes(3).toString("hex")}`;
  const create = async (path: string, value: object): Promise<void> => {
    const reply = await send({ method: "POST", path, body: { type: "application/json", value } });
    if (reply.status !== 201) throw new Error(`POST ${path}: ${reply.status} ${parseStatus(reply.text).message}`);
  };
  const inside = `/api/v1/namespaces/${namespace}`;
  await create("/api/v1/namespaces", namespaceObject(namespace));
  try {
    await create(`/apis/networking.k8s.io/v1/namespaces/${namespace}/networkpolicies`, closedPolicy);
    await create(`${inside}/pods`, pod("open", image, ["netexec", `--http-port=${PORT}`]));
    await create(`${inside}/pods`, pod("closed", image, ["netexec", `--http-port=${PORT}`]));
    const address = async (name: string): Promise<string> =>
      until(wait, `the pod ${name} runs`, async () => {
        const { status } = object(parseBody((await send({ method: "GET", path: `${inside}/pods/${name}` })).text));
        const { podIP, phase } = object(status);
        return phase === "Running" ? text(podIP) || null : null;
      });
    const [open, closed] = [await address("open"), await address("closed")];
    const connects = async (name: string, to: string): Promise<boolean> => {
      await create(`${inside}/pods`, pod(name, image, ["connect", `${to}:${PORT}`, "--timeout=5s", "--protocol=tcp"]));
      return until(wait, `the pod ${name} ends`, async () => {
        const { status } = object(parseBody((await send({ method: "GET", path: `${inside}/pods/${name}` })).text));
        const { phase } = object(status);
        return phase === "Succeeded" ? true : phase === "Failed" ? false : null;
      });
    };
    if (!(await connects("try-open", open)))
      return { kind: "unknown", because: "the pod that no policy closes off cannot be reached either" };
    // Some plugins need a moment after the pod runs.
    const reached = (await connects("try-closed", closed)) && (await connects("try-closed-again", closed));
    return reached
      ? {
          kind: "stored",
          by: "a pod that a policy closes off was reached",
          remedy: "install or switch on what enforces them",
        }
      : { kind: "enforced", by: "trial: a pod that a policy closes off was not reached" };
  } finally {
    await send({ method: "DELETE", path: `/api/v1/namespaces/${namespace}` });
  }
}

const namespaceObject = (name: string): object => ({
  apiVersion: "v1",
  kind: "Namespace",
  metadata: { name, labels: { "pod-security.kubernetes.io/enforce": "restricted", "proa.dev/probe": "true" } },
});

const closedPolicy = {
  apiVersion: "networking.k8s.io/v1",
  kind: "NetworkPolicy",
  metadata: { name: "closed" },
  spec: { podSelector: { matchLabels: { app: "closed" } }, policyTypes: ["Ingress"] },
};

const pod = (name: string, image: string, args: readonly string[]): object => ({
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name, labels: { app: name } },
  spec: {
    restartPolicy: "Never",
    automountServiceAccountToken: false,
    terminationGracePeriodSeconds: 0,
    securityContext: { runAsNonRoot: true, runAsUser: 65_532, seccompProfile: { type: "RuntimeDefault" } },
    containers: [
      {
        name: "probe",
        image,
        args,
        resources: { requests: { cpu: "10m", memory: "32Mi" }, limits: { memory: "64Mi" } },
        securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ["ALL"] } },
      },
    ],
  },
});

async function until<T>(wait: ProbeOptions["wait"], what: string, ask: () => Promise<T | null>): Promise<T> {
  for (let tries = 0; tries < TRIES; tries++) {
    const answer = await ask();
    if (answer !== null) return answer;
    await wait(BETWEEN_MS);
  }
  throw new Error(`not within ${(TRIES * BETWEEN_MS) / 1000} s: ${what}`);
}
