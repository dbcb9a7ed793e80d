import { createPrivateKey, sign } from "node:crypto";
import { createAppAuth } from "@octokit/auth-app";
import type { Octokit } from "@octokit/rest";
import type { Millis } from "../core/names.ts";
import { OutsideError } from "../core/problem.ts";
import { outside } from "./github-problem.ts";

/** Hands out a token that is good for a while yet. */
export interface Credentials {
  token(): Promise<string>;
  /** GitHub refused this token: the next `token()` is another one. */
  refused(token: string): void;
}

interface Token {
  readonly token: string;
  readonly expiresAt: Millis;
}

interface AppIdentity {
  readonly appId: number;
  readonly privateKey: { reveal(): string };
  readonly clock: { now(): Millis };
}

/** What Proa does on GitHub and nothing more: an installation that grants more does not hand it to our tokens. */
export const PERMISSIONS = {
  metadata: "read",
  contents: "read",
  checks: "write",
  statuses: "write",
  deployments: "write",
  pull_requests: "write",
} as const;

/** Longer than any run of ours, shorter than GitHub's hour by far. */
const RENEW_BEFORE_MS = 5 * 60_000;
const JWT_LIFETIME_S = 9 * 60;
/** GitHub refuses an `iat` in its future; clocks differ. https://docs.github.com/apps/creating-github-apps/authenticating-with-a-github-app/generating-a-json-web-token-jwt-for-a-github-app */
const JWT_BACKDATE_S = 60;

/** The App's own JWT, and from it a token per installation: each kept until shortly before its end, each fetched once at a time. */
export function createAppCredentials(app: AppIdentity, octokit: Octokit) {
  const auth = createAppAuth({
    appId: app.appId,
    // Signed here, because the library signs on the machine's clock and the local world has its own.
    createJwt: async () => signJwt(app),
    request: octokit.request,
    log: { warn: () => undefined },
  });
  return {
    app: keepToken(app.clock, async () => parseToken(await auth({ type: "app" }))),
    installation: (installationId: number): Credentials =>
      keepToken(app.clock, async () => {
        try {
          return parseToken(
            await auth({ type: "installation", installationId, permissions: PERMISSIONS, refresh: true }),
          );
        } catch (error) {
          throw refusal(
            installationId,
            outside(`token for installation ${installationId}`, false, error, app.clock.now()),
          );
        }
      }),
  };
}

/** No token is never "not found": a reader would take that for an answer about the thing it asked for. */
function refusal(installationId: number, error: unknown): unknown {
  if (!(error instanceof OutsideError) || error.problem.retryable) return error;
  const remedy = {
    "not-found": `the App has no installation ${installationId}: it was uninstalled`,
    forbidden: "suspended, or PROA_GITHUB_APP_ID and PROA_GITHUB_PRIVATE_KEY are not of one App",
    invalid: "an owner of the account has to accept the App's new permissions",
  }[error.problem.code as string];
  return new OutsideError(
    { code: "forbidden", detail: [error.message, remedy].join(" — "), retryable: false, whole: "installation" },
    { cause: error },
  );
}

const parseToken = ({ token, expiresAt }: { token: string; expiresAt: string }): Token => ({
  token,
  expiresAt: Date.parse(expiresAt),
});

/** Single flight: those who ask while a token is on its way wait for that one. */
export function keepToken(clock: { now(): Millis }, fetchToken: () => Promise<Token>): Credentials {
  let kept: Token | null = null;
  let coming: Promise<Token> | null = null;
  return {
    async token() {
      if (kept !== null && clock.now() < kept.expiresAt - RENEW_BEFORE_MS) return kept.token;
      coming ??= fetchToken().finally(() => (coming = null));
      kept = await coming;
      return kept.token;
    },
    refused(token) {
      if (kept?.token === token) kept = null;
    },
  };
}

function signJwt({ appId, privateKey, clock }: AppIdentity): { jwt: string; expiresAt: string } {
  const issuedAt = Math.floor(clock.now() / 1000) - JWT_BACKDATE_S;
  const expiresAt = issuedAt + JWT_BACKDATE_S + JWT_LIFETIME_S;
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64url");
  const body = `${part({ alg: "RS256", typ: "JWT" })}.${part({ iat: issuedAt, exp: expiresAt, iss: appId })}`;
  const signature = sign("RSA-SHA256", Buffer.from(body), createPrivateKey(privateKey.reveal())).toString("base64url");
  return { jwt: `${body}.${signature}`, expiresAt: new Date(expiresAt * 1000).toISOString() };
}
