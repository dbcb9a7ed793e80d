import { OutsideError } from "../core/problem.ts";

export interface OciSettings {
  /** Where the registry's API answers: `https://registry.example`. */
  readonly url: string;
  /** Asked each time they are needed, so a rotated secret is picked up; absent: anonymous. */
  readonly credentials?: () => Promise<{ readonly username: string; readonly password: string }>;
  /** Of one request, default 5000. */
  readonly timeoutMs?: number;
}

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly content: Buffer;
}

/**
 * Asks one registry for manifests, logging in when challenged (the token is kept until the registry refuses it). null: 404,
 * which a registry says of an unknown tag and of an unknown repository. Only reads; everything else throws `OutsideError`.
 */
export function createRegistryCaller(settings: OciSettings) {
  const base = new URL(settings.url);
  const authorizations = new Map<string, string>();

  return async function call(method: "HEAD" | "GET", repository: string, reference: string): Promise<Answer | null> {
    const url = new URL(`/v2/${repository}/manifests/${reference}`, base);
    const ask = (): Promise<Answer> =>
      send(url, method, { accept: MANIFEST_TYPES }, authorizations.get(repository) ?? null);

    let answer = await ask();
    if (answer.status === 401) {
      const authorization = await logIn(answer.headers.get("www-authenticate") ?? "", repository);
      if (authorization !== null) {
        authorizations.set(repository, authorization);
        answer = await ask();
      }
    }
    if (answer.status === 200) return answer;
    if (answer.status === 404) return null;
    throw refusal(answer, `${base.host}/${repository}`);
  };

  /** Answers a challenge (https://distribution.github.io/distribution/spec/auth/token/). null: there is nothing to answer with. */
  async function logIn(challenge: string, repository: string): Promise<string | null> {
    const credentials = await settings.credentials?.();
    const basic = credentials === undefined ? null : basicAuthorization(credentials);
    const bearer = /\bbearer\s+(.*)$/i.exec(challenge)?.[1];
    if (bearer === undefined) return basic;

    const asked = Object.fromEntries([...bearer.matchAll(/(\w+)="([^"]*)"/g)].map(([, key, value]) => [key, value]));
    const realm = URL.parse(asked["realm"] ?? "");
    // The realm gets our credentials, so it may be another host (Docker Hub's is) but never a step down to plain HTTP.
    if (realm === null || (realm.protocol !== "https:" && realm.protocol !== base.protocol)) {
      throw invalid(`${base.host} sends logins to "${asked["realm"] ?? ""}", which is not an https address`);
    }
    if (asked["service"] !== undefined) realm.searchParams.set("service", asked["service"]);
    realm.searchParams.set("scope", asked["scope"] ?? `repository:${repository}:pull`);
    const answer = await send(realm, "GET", {}, basic);
    if (answer.status !== 200) throw refusal(answer, `${base.host}/${repository} (login at ${realm.host})`);
    return `Bearer ${tokenOf(answer.content, realm)}`;
  }

  /** Follows redirects within the host only: elsewhere, the answer would come from a registry that nobody allowed. */
  async function send(
    url: URL,
    method: string,
    headers: Record<string, string>,
    authorization: string | null,
  ): Promise<Answer> {
    const init = { method, headers: authorization === null ? headers : { ...headers, authorization } };
    let at = url;
    for (let hop = 0; hop < 4; hop++) {
      const answer = await once(at, init);
      const location = answer.headers.get("location");
      if (answer.status < 300 || answer.status >= 400 || location === null) return answer;
      const next = URL.parse(location, at.href);
      if (next?.origin !== at.origin) {
        throw invalid(
          `${at.host} redirects to ${next?.host ?? "no address"}: if that is the registry you mean, name the image by it`,
        );
      }
      at = next;
    }
    throw invalid(`${url.host} redirects in circles`);
  }

  async function once(url: URL, init: { method: string; headers: Record<string, string> }): Promise<Answer> {
    const signal = AbortSignal.timeout(settings.timeoutMs ?? 5000);
    try {
      const response = await fetch(url, { ...init, redirect: "manual", signal });
      return { status: response.status, headers: response.headers, content: await contentOf(response) };
    } catch (cause) {
      if (cause instanceof OutsideError) throw cause;
      const detail = `the registry at ${url.host} cannot be reached: ${reasonOf(cause)}`;
      throw new OutsideError({ code: "unavailable", detail, retryable: true }, { cause });
    }
  }
}

// Without the index types a registry converts or refuses a multi-platform image.
const MANIFEST_TYPES = [
  "application/vnd.oci.image.index.v1+json",
  "application/vnd.docker.distribution.manifest.list.v2+json",
  "application/vnd.oci.image.manifest.v1+json",
  "application/vnd.docker.distribution.manifest.v2+json",
].join(", ");

const basicAuthorization = ({ username, password }: { username: string; password: string }): string =>
  `Basic ${Buffer.from(`${username}:${password}`).toString("base64")}`;

/** Registries refuse manifests over 4 MiB, as the specification asks; an answer beyond that is no manifest. */
async function contentOf(response: Response): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of response.body ?? []) {
    size += chunk.byteLength;
    if (size > 4 * 1024 * 1024) throw invalid(`${response.url} answers with more than the 4 MiB a manifest may have`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function tokenOf(content: Buffer, realm: URL): string {
  const body = parseObject(content);
  // Docker's name, or OAuth's: some registries send only the second.
  for (const token of ["token" in body ? body.token : null, "access_token" in body ? body.access_token : null]) {
    if (typeof token === "string" && token !== "") return token;
  }
  throw invalid(`${realm.host} grants a login without a token`);
}

/** `{}` for what is not a JSON object: the fields asked for next are then missing, which is an error of its own. */
export function parseObject(content: Buffer): object {
  try {
    const value: unknown = JSON.parse(content.toString("utf8"));
    return typeof value === "object" && value !== null ? value : {};
  } catch {
    return {};
  }
}

function refusal({ status, headers }: Answer, what: string): OutsideError {
  if (status === 401 || status === 403) {
    const remedy = "check that the repository exists and that Proa's settings hold credentials that may pull from it";
    return new OutsideError({
      code: "forbidden",
      detail: `${what} may not be read (HTTP ${status}): ${remedy}`,
      retryable: false,
    });
  }
  if (status === 429) {
    const retryAfterMs = retryAfter(headers);
    const asked = retryAfterMs === null ? {} : { retryAfterMs };
    const detail = `${what}: the registry asks for fewer requests (HTTP 429)`;
    return new OutsideError({ code: "rate-limited", detail, retryable: true, ...asked });
  }
  if (status === 408 || status >= 500) {
    return new OutsideError({
      code: "unavailable",
      detail: `${what}: the registry answers HTTP ${status}`,
      retryable: true,
    });
  }
  return invalid(`${what}: the registry answers HTTP ${status} to a request for a manifest`);
}

/** Seconds, or a date, which means something only beside the server's own clock. */
function retryAfter(headers: Headers): number | null {
  const value = headers.get("retry-after");
  if (value === null) return null;
  if (/^\d+$/.test(value)) return Number(value) * 1000;
  const wait = Date.parse(value) - Date.parse(headers.get("date") ?? "");
  return Number.isNaN(wait) ? null : Math.max(wait, 0);
}

/** fetch's own message is "fetch failed"; the cause says what happened. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return "no reason given";
  return error.cause instanceof Error ? error.cause.message : error.message;
}

const invalid = (detail: string): OutsideError => new OutsideError({ code: "invalid", detail, retryable: false });
