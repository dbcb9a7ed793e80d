import { type Caller, known, presignature, signingDate } from "./signatures.ts";

interface Door {
  /** The `x-k8s-aws-id` that this cluster asks STS with. */
  readonly cluster: string;
  readonly credentials: readonly Caller[];
  /** Access keys with an access entry; null: all. */
  readonly entries: readonly string[] | null;
  readonly now: number;
}

/** https://github.com/kubernetes-sigs/aws-iam-authenticator, pkg/token/token.go: its `parameterWhitelist`. */
const PARAMETERS = new Set([
  "action",
  "version",
  "x-amz-algorithm",
  "x-amz-credential",
  "x-amz-date",
  "x-amz-expires",
  "x-amz-security-token",
  "x-amz-signature",
  "x-amz-signedheaders",
]);
const MAX_LENGTH = 4096;
const LIFETIME_MS = 15 * 60_000;
/** STS takes a request that is signed a little ahead of its own clock. */
const AHEAD_MS = 5 * 60_000;

/** `admitted`, or why not: first what the authenticator checks by itself, then what STS says, then the access entries. */
export async function admit(token: string, door: Door): Promise<string> {
  if (token.length > MAX_LENGTH) return "too long";
  if (!/^k8s-aws-v1\.[\w-]+$/.test(token)) return "not a token of this kind";
  const url = URL.parse(Buffer.from(token.slice("k8s-aws-v1.".length), "base64url").toString());
  const host = /^sts\.([a-z0-9-]+)\.amazonaws\.com(?:\.cn)?$/.exec(url?.host ?? "");
  if (url === null || url.protocol !== "https:" || host === null) return "not a URL of STS";
  if (url.pathname !== "/") return "not STS' path";

  const pairs = [...url.searchParams];
  const names = pairs.map(([name]) => name.toLowerCase());
  const stray = names.find((name) => !PARAMETERS.has(name));
  if (stray !== undefined) return `a parameter ${stray}`;
  if (new Set(names).size !== names.length) return "a parameter twice";
  const query = Object.fromEntries(pairs);
  if (query["Action"] !== "GetCallerIdentity") return "another action";
  if (!query["X-Amz-SignedHeaders"]?.split(";").includes("x-k8s-aws-id")) return "not signed for a cluster";
  const expires = Number(query["X-Amz-Expires"]);
  if (!(expires >= 0 && expires <= 900)) return "an expiry that is too long";
  const signedAt = signingDate(query["X-Amz-Date"] ?? "")?.getTime();
  if (signedAt === undefined) return "no date";
  if (door.now > signedAt + LIFETIME_MS) return "expired";

  if (signedAt > door.now + AHEAD_MS) return "STS: not yet valid";
  const [key, , region = "", ...rest] = (query["X-Amz-Credential"] ?? "").split("/");
  if (region !== host[1] || rest.join("/") !== "sts/aws4_request") return "STS: another scope";
  const caller = known(key, query["X-Amz-Security-Token"], door.credentials);
  if (caller === null) return "STS: nobody's key";
  const headers = { "x-k8s-aws-id": door.cluster };
  const signature = await presignature({ host: url.host, query, headers }, { region, caller });
  if (signature !== query["X-Amz-Signature"]) return "STS: another signature";
  return door.entries === null || door.entries.includes(caller.accessKeyId) ? "admitted" : "no access entry";
}
