import { Hash } from "@smithy/hash-node";
import { SignatureV4 } from "@smithy/signature-v4";
import type { IncomingMessage } from "node:http";

/** One that AWS knows. */
export interface Caller {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
}

/** Whose access key signed it; null: nobody's. */
export function callerOf({ headers }: IncomingMessage, callers: readonly Caller[]): Caller | null {
  const key = /Credential=([^/]+)\//.exec(headers.authorization ?? "")?.[1];
  return known(key, headers["x-amz-security-token"]?.toString(), callers);
}

export const known = (key: string | undefined, token: string | undefined, callers: readonly Caller[]): Caller | null =>
  callers.find(({ accessKeyId, sessionToken }) => accessKeyId === key && sessionToken === token) ?? null;

/** Signed again, by AWS' own signer, it has the same signature. For requests without a body. */
export async function isSigned(request: IncomingMessage, service: string, caller: Caller): Promise<boolean> {
  const { authorization = "", ...headers } = request.headers;
  const [, day = "", region = ""] = /Credential=[^/]+\/(\d{8})\/([^/]+)\//.exec(authorization) ?? [];
  const names = /SignedHeaders=([^,]+)/.exec(authorization)?.[1]?.split(";") ?? [];
  const at = signingDate(headers["x-amz-date"]?.toString() ?? "");
  if (at === null || !names.includes("host") || !headers["x-amz-date"]?.toString().startsWith(day)) return false;
  const url = new URL(request.url ?? "/", "http://any");
  const again = await signer(service, region, caller).sign(
    {
      method: request.method ?? "GET",
      protocol: "https:",
      hostname: "any",
      path: url.pathname,
      query: Object.fromEntries(url.searchParams),
      headers: Object.fromEntries(names.map((name) => [name, headers[name]?.toString() ?? ""])),
    },
    { signingDate: at },
  );
  return again.headers["authorization"] === authorization;
}

/** The same for what was signed ahead: the signature that a GET of `https://host/?query` has with these headers. */
export async function presignature(
  { host, query, headers }: { host: string; query: Readonly<Record<string, string>>; headers: Record<string, string> },
  { region, caller }: { region: string; caller: Caller },
): Promise<string | null> {
  const { "X-Amz-Date": date = "", "X-Amz-Expires": expires = "", Action = "", Version = "" } = query;
  const at = signingDate(date);
  if (at === null) return null;
  const again = await signer("sts", region, caller).presign(
    {
      method: "GET",
      protocol: "https:",
      hostname: host,
      path: "/",
      query: { Action, Version },
      headers: { host, ...headers },
    },
    { signingDate: at, expiresIn: Number(expires) },
  );
  return String(again.query?.["X-Amz-Signature"]);
}

const signer = (service: string, region: string, caller: Caller): SignatureV4 =>
  new SignatureV4({
    service,
    region,
    applyChecksum: false,
    credentials: caller,
    sha256: Hash.bind(null, "sha256"),
  });

/** `20261122T050000Z`; null: no such time. */
export function signingDate(text: string): Date | null {
  const [, year, month, day, hour, minute, second] = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(text) ?? [];
  const at = new Date(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`);
  return Number.isNaN(at.getTime()) ? null : at;
}
