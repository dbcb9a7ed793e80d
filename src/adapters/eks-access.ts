import type { Millis } from "../core/names.ts";
import { OutsideError } from "../core/problem.ts";
import type { ClusterAccess, Entry } from "./cluster-access.ts";
import type { Described } from "./eks-cluster.ts";
import { eksToken, TOKEN_LIFETIME_MS } from "./eks-token.ts";
import { kept } from "./kept.ts";

export interface EksSettings {
  /** Its name in EKS. */
  readonly cluster: string;
  /** null: where we are ourselves. */
  readonly region: string | null;
  readonly clock: { now(): Millis };
}

const MINUTE = 60_000;
const ENDPOINT_KEPT_MS = 10 * MINUTE;
/** A minute for the request that carries it, and one for clocks that differ. */
const TOKEN_KEPT_MS = TOKEN_LIFETIME_MS - 2 * MINUTE;

/**
 * An EKS cluster by its name. Its endpoint and certificate authority are asked of AWS, and kept; we are whoever AWS takes us for, which
 * an access entry of the cluster has to let in (docs/cluster-access.md). Several of them share nothing.
 */
export function eksAccess({ cluster, region, clock }: EksSettings): ClusterAccess {
  const now = (): Millis => clock.now();
  // Loaded where a cluster is EKS', while the process starts.
  const eks = import("./eks-cluster.ts").then(({ createEksCluster }) => createEksCluster({ cluster, region }));
  let last: Described | null = null;

  const place = kept<Described>(now, async (former) => ({
    value: (last = await describe(former)),
    until: now() + ENDPOINT_KEPT_MS,
  }));

  /** The same object while nothing changed, so its connections stay; and the former one where AWS cannot say, which hurts no cluster. */
  async function describe(former: Described | null): Promise<Described> {
    try {
      const found = await (await eks).describe();
      return former !== null && isSame(former, found) ? { ...found, server: former.server } : found;
    } catch (error) {
      if (former !== null && error instanceof OutsideError && error.problem.advice === undefined) return former;
      throw error;
    }
  }

  const token = kept<Entry["headers"]>(now, async () => {
    const from = await eks;
    const [identity, where] = await Promise.all([from.identity().catch(noCredentials), from.region()]);
    const at = now();
    const expires = identity.expiration?.getTime() ?? Infinity;
    return {
      value: { authorization: `Bearer ${eksToken({ cluster, region: where, identity, at })}` },
      until: Math.min(at + TOKEN_KEPT_MS, expires - MINUTE),
    };
  });

  return {
    async enter() {
      const [{ server }, headers] = await Promise.all([place.get(), token.get()]);
      return { server, headers };
    },
    renew: ({ headers }) => token.drop(headers),
    lost({ server }) {
      if (last?.server === server) place.drop(last);
    },
    advice(of) {
      if (last === null) return null;
      if (of === "unauthorized")
        return `${last.name} does not know the role of Proa's functions: give it an access entry with the group proa:deployers; a role that was deleted and made again needs a new one (docs/cluster-access.md)`;
      return unreachable(last);
    },
  };
}

const isSame = ({ server: a }: Described, { server: b }: Described): boolean =>
  a.url === b.url && String(a.tls.ca) === String(b.tls.ca);

function unreachable({ name, reach }: Described): string | null {
  switch (reach) {
    case "anywhere":
      return null;
    case "its network":
      return `${name} is reached from its own network only: ${IN_VPC} (docs/cluster-access.md)`;
    case "some addresses":
      return `${name} is open to some addresses only: ${IN_VPC}, or open it to the address they come from (docs/cluster-access.md)`;
  }
}

const IN_VPC = "give Proa's functions subnets there (the stack's SubnetIds and SecurityGroupIds)";

function noCredentials(cause: unknown): never {
  const detail = `Proa has no AWS credentials: ${cause instanceof Error ? cause.message : String(cause)}`;
  throw new OutsideError({ code: "unavailable", detail, retryable: true }, { cause });
}
