import { setTimeout as wait } from "node:timers/promises";
import type { ClusterAccess } from "../../src/adapters/cluster-access.ts";
import { eksAccess } from "../../src/adapters/eks-access.ts";
import { createEksCluster } from "../../src/adapters/eks-cluster.ts";
import { eksToken } from "../../src/adapters/eks-token.ts";
import { list, object, parseBody } from "../../src/adapters/kubernetes-json.ts";
import { createSend, type Send } from "../../src/adapters/kubernetes-request.ts";
import { createExchange } from "../../src/adapters/kubernetes-transport.ts";
import { systemClock } from "../../src/clock.ts";
import { PROBE_IMAGE, probeEnforcement } from "../../scripts/doctor/probe.ts";
import { Stop } from "../../scripts/installation/stop.ts";
import { asAssumed, type LiveCheck, notTold, otherwise } from "./check.ts";

export interface ClusterWorld {
  readonly cluster: string;
  readonly access: ClusterAccess;
  readonly send: Send;
}

/** A cluster with a namespace so labelled is given over to these checks; no other is touched. */
export const CLUSTER_LABEL = "proa.dev/live-test=true";

export async function enterCluster(cluster: string): Promise<ClusterWorld> {
  const access = eksAccess({ cluster, region: null, clock: systemClock });
  const send = createSend({ access, timeoutMs: 10_000 });
  const reply = await send({ method: "GET", path: "/api/v1/namespaces", query: { labelSelector: CLUSTER_LABEL } });
  if (reply.status !== 200 || list(object(parseBody(reply.text))["items"]).length === 0)
    throw new Stop(
      `the cluster ${cluster} shows no namespace labelled ${CLUSTER_LABEL}: only a cluster that is given over to these checks is touched`,
    );
  return { cluster, access, send };
}

const TIMEOUT_MS = 10_000;

export const clusterChecks: readonly LiveCheck<ClusterWorld>[] = [
  {
    name: "EKS token",
    question: "Does EKS take the token that we sign ourselves?",
    untilThen: "A refusal is shown with what to do; nothing is changed on the way",
    async run({ send }) {
      const { status } = await send({ method: "GET", path: "/version" });
      return status === 200 ? asAssumed("yes") : otherwise(`it answers ${status}`);
    },
  },
  {
    name: "another cluster's token",
    question: "Is a token that was signed for another cluster refused?",
    untilThen: "Every cluster gets a token of its own",
    async run({ access, cluster }) {
      const from = createEksCluster({ cluster, region: null });
      const [identity, region, { server }] = await Promise.all([from.identity(), from.region(), access.enter()]);
      const token = eksToken({ cluster: `${cluster}-other`, region, identity, at: systemClock.now() });
      const request = { method: "GET", path: "/api/v1/namespaces" } as const;
      const { status } = await createExchange(TIMEOUT_MS)(
        { server, headers: { authorization: `Bearer ${token}` } },
        request,
      );
      return status === 401 ? asAssumed("401") : otherwise(`it answers ${status}`);
    },
  },
  {
    name: "network policies",
    question: "Does this cluster enforce the NetworkPolicy of a preview?",
    untilThen: "`proa doctor` says whether the plugin that runs is known to, and never takes it for granted",
    async run({ send }) {
      const found = await probeEnforcement({ send, wait, image: PROBE_IMAGE });
      switch (found.kind) {
        case "enforced":
          return asAssumed("yes");
        case "stored":
          return otherwise(`no: ${found.by}`);
        case "unknown":
          return notTold(found.because);
      }
    },
  },
];
