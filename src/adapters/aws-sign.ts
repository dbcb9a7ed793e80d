import { createHmac, createSecretKey, hash, type KeyObject } from "node:crypto";

export interface AwsCredentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  /** Of a role; a user's own key has none. */
  readonly sessionToken: string | undefined;
}

/** A POST to the root of a service, which is how AWS' JSON protocols send everything. */
export interface AwsPost {
  readonly service: string;
  readonly region: string;
  /** Names in lower case, `host` among them. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  readonly at: Date;
}

/**
 * Adds a Signature Version 4 to a post's headers: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
 * Ours, since the webhook needs one way of signing out of the many that a library has (docs/decisions/0011-what-the-webhook-loads.md).
 */
export function createAwsSigner(): (post: AwsPost, credentials: AwsCredentials) => Record<string, string> {
  // A day's key is derived once, which is most of the work, and kept in the form that Node is quickest with.
  let kept: { readonly of: string; readonly key: KeyObject } | null = null;

  return ({ service, region, headers: given, body, at }, { accessKeyId, secretAccessKey, sessionToken }) => {
    const time = at.toISOString().replace(/[-:]|\.\d+/g, "");
    const token = sessionToken === undefined ? {} : { "x-amz-security-token": sessionToken };
    const headers: Record<string, string> = { ...given, ...token, "x-amz-date": time };

    const names = Object.keys(headers).sort();
    const lines = names.map((name) => `${name}:${headers[name]?.trim().replace(/\s+/g, " ")}`);
    const signed = names.join(";");
    const canonical = ["POST", "/", "", ...lines, "", signed, hash("sha256", body)].join("\n");

    const scope = [time.slice(0, 8), region, service, "aws4_request"];
    const of = [secretAccessKey, ...scope].join();
    if (kept?.of !== of) {
      const key = scope.reduce((key, part) => hmac(key, part).digest(), Buffer.from(`AWS4${secretAccessKey}`));
      kept = { of, key: createSecretKey(key) };
    }
    const text = ["AWS4-HMAC-SHA256", time, scope.join("/"), hash("sha256", canonical)].join("\n");
    const signature = hmac(kept.key, text).digest("hex");
    const authorization = `AWS4-HMAC-SHA256 Credential=${accessKeyId}/${scope.join("/")}, SignedHeaders=${signed}, Signature=${signature}`;
    return { ...headers, authorization };
  };
}

/** For whoever signs once. */
export const signedHeaders = (post: AwsPost, credentials: AwsCredentials): Record<string, string> =>
  createAwsSigner()(post, credentials);

const hmac = (key: Buffer | KeyObject, text: string) => createHmac("sha256", key).update(text);
