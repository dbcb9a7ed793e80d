import { DescribeClusterCommand, EKSClient, EKSServiceException } from "@aws-sdk/client-eks";
import { OutsideError, type Problem } from "../core/problem.ts";
import type { ApiServer } from "./cluster-access.ts";
import type { AwsIdentity } from "./eks-token.ts";

/** What AWS knows of one cluster, and who we are to AWS. */
export interface EksCluster {
  region(): Promise<string>;
  identity(): Promise<AwsIdentity & { readonly expiration?: Date }>;
  describe(): Promise<Described>;
}

export interface Described {
  /** As people read it. */
  readonly name: string;
  readonly server: ApiServer;
  /** From where it can be reached. */
  readonly reach: "anywhere" | "some addresses" | "its network";
}

/** One DescribeCluster per `describe`. Credentials and region are what the SDK finds; on Lambda the function's own. */
export function createEksCluster({ cluster, region }: { cluster: string; region: string | null }): EksCluster {
  const client = new EKSClient({
    ...(region === null ? {} : { region }),
    requestHandler: { connectionTimeout: 2_000, requestTimeout: 5_000, throwOnRequestTimeout: true },
  });
  const ownRegion = (): Promise<string> => client.config.region().catch(noRegion);
  return {
    region: ownRegion,
    identity: () => client.config.credentials(),
    async describe() {
      const where = `the EKS cluster ${cluster} (${await ownRegion()})`;
      const found = await client.send(new DescribeClusterCommand({ name: cluster })).catch((cause: unknown) => {
        throw new OutsideError(problemOf(cause, where), { cause });
      });
      const { status, endpoint, certificateAuthority, resourcesVpcConfig: network } = found.cluster ?? {};
      const ca = certificateAuthority?.data;
      if (endpoint === undefined || ca === undefined) throw new OutsideError(notThere(status, where));
      const open = network?.publicAccessCidrs?.includes("0.0.0.0/0") !== false;
      return {
        name: where,
        server: { url: endpoint, tls: { ca: Buffer.from(ca, "base64") } },
        reach: network?.endpointPublicAccess === false ? "its network" : open ? "anywhere" : "some addresses",
      };
    },
  };
}

function noRegion(cause: unknown): never {
  const advice = "PROA_CLUSTERS names an EKS cluster without a region: write eks:<cluster>@<region>, or set AWS_REGION";
  throw new OutsideError({ code: "unavailable", detail: advice, retryable: false, advice }, { cause });
}

/** While it is made and when it goes, a cluster has no endpoint; while it is updated, it keeps it. */
function notThere(status: string | undefined, where: string): Problem {
  const detail = `${where} has no API server: its status is ${status ?? "not known"}`;
  const coming = status === "CREATING" || status === "PENDING";
  return { code: "unavailable", detail, retryable: true, ...(coming ? {} : { advice: detail }) };
}

function problemOf(error: unknown, where: string): Problem {
  const name = error instanceof Error ? error.name : "";
  const told = (code: Problem["code"], advice: string): Problem => ({ code, detail: advice, retryable: false, advice });
  switch (name) {
    // Never "not-found": a reader would take that for an answer about the object it asked for.
    case "ResourceNotFoundException":
      return told("unavailable", `${where} does not exist: correct its name or region in PROA_CLUSTERS`);
    case "AccessDeniedException":
      return told(
        "forbidden",
        `AWS does not show ${where}: allow eks:DescribeCluster on it to the role of Proa's functions`,
      );
    case "ThrottlingException":
    case "TooManyRequestsException":
      return { code: "rate-limited", detail: `AWS throttles looks at ${where}`, retryable: true };
    case "UnrecognizedClientException":
    case "InvalidSignatureException":
      return { code: "forbidden", detail: `AWS refuses our credentials for ${where}: ${name}`, retryable: true };
  }
  const reason = error instanceof Error ? error.message || name : "no reason given";
  const detail = `AWS does not say where ${where} is: ${reason}`;
  const ours = error instanceof EKSServiceException && error.$fault === "client" && name !== "ExpiredTokenException";
  return { code: "unavailable", detail, retryable: !ours };
}
