import aws4 from "aws4";
import type { Millis } from "../core/names.ts";

export interface AwsIdentity {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
}

export interface EksToken {
  /** Its name in EKS. */
  readonly cluster: string;
  readonly region: string;
  readonly identity: AwsIdentity;
  readonly at: Millis;
}

/** From the moment it was signed, whatever `X-Amz-Expires` says: pkg/token/token.go of kubernetes-sigs/aws-iam-authenticator. */
export const TOKEN_LIFETIME_MS = 15 * 60_000;

/**
 * The bearer token that EKS takes: a question to STS, "who am I?", signed and not sent. The cluster asks it in our place. The
 * cluster's name is signed but not in the token, so no other cluster can use it.
 * https://github.com/kubernetes-sigs/aws-iam-authenticator#api-authorization-from-outside-a-cluster
 */
export function eksToken({ cluster, region, identity, at }: EksToken): string {
  // The verifier takes these parameters, those that the signature adds, and no others.
  const query = new URLSearchParams({
    Action: "GetCallerIdentity",
    Version: "2011-06-15",
    "X-Amz-Date": new Date(at).toISOString().replaceAll(/[-:]|\.\d{3}/g, ""),
    "X-Amz-Expires": "60",
  });
  const host = `sts.${region}.${region.startsWith("cn-") ? "amazonaws.com.cn" : "amazonaws.com"}`;
  const { path } = aws4.sign(
    {
      service: "sts",
      region,
      method: "GET",
      host,
      path: `/?${query.toString()}`,
      headers: { "x-k8s-aws-id": cluster },
      signQuery: true,
    },
    { ...identity },
  );
  return `k8s-aws-v1.${Buffer.from(`https://${host}${path ?? ""}`).toString("base64url")}`;
}
