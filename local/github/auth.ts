import { createPublicKey, generateKeyPairSync, randomBytes, verify } from "node:crypto";
import { notFound, Refusal } from "./http.ts";
import type { Hub } from "./hub.ts";
import type { Installation, Permission, Repo, Token } from "./state.ts";

/** Who asks. `app`: the App itself, by a JWT; `installation`: the App in one account; `ci`: the CI stand-in's App. */
export type Viewer =
  | { readonly kind: "anonymous" }
  | { readonly kind: "user"; readonly login: string }
  | { readonly kind: "app"; readonly appId: number }
  | { readonly kind: "installation"; readonly token: Token }
  | { readonly kind: "ci" };

/**
 * What a route asks of the caller: of an App, this permission of the installation; of a user, the role that `USER_ROLE` says.
 * `jwt`: only the App itself; `anyone`: no repository is concerned.
 */
export type Access = "anyone" | "user" | "jwt" | "installation" | AppAccess;
type AppAccess = keyof typeof USER_ROLE;

const USER_ROLE = {
  "metadata:read": "read",
  "contents:read": "read",
  "contents:write": "write",
  "pull_requests:read": "read",
  "pull_requests:write": "read",
  /** Labels: GitHub asks for triage. */
  "issues:write": "triage",
  "checks:read": "read",
  /** "You must authenticate via a GitHub App": no role of a user is enough. */
  "checks:write": null,
  /** The stand-in's own button. */
  button: "write",
  "statuses:read": "read",
  "statuses:write": "write",
  "deployments:read": "read",
  "deployments:write": "write",
  "administration:read": "admin",
  "administration:write": "admin",
} as const satisfies Record<string, Permission | null>;

export const ROLES: readonly Permission[] = ["none", "read", "triage", "write", "maintain", "admin"];
export const atLeast = (has: Permission, needs: Permission): boolean => ROLES.indexOf(has) >= ROLES.indexOf(needs);

/** What `docs/` asks an operator to grant Proa's App; a call beyond it fails here as it would on GitHub. */
export const APP_PERMISSIONS: Readonly<Record<string, string>> = {
  metadata: "read",
  contents: "read",
  checks: "write",
  statuses: "write",
  deployments: "write",
  pull_requests: "write",
  /** For `issue_comment` and `merge_group` to be sent at all; no call of Proa's uses them. */
  issues: "read",
  merge_queues: "read",
};

export function authenticate(hub: Hub, header: string | undefined): Viewer {
  if (header === undefined) return { kind: "anonymous" };
  const [scheme = "", credentials = ""] = header.split(" ");
  const secrets =
    scheme.toLowerCase() === "basic" ? Buffer.from(credentials, "base64").toString().split(":") : [credentials];
  for (const secret of secrets) {
    const viewer =
      secret.split(".").length === 3 && !secret.startsWith("ghs_") ? verifyJwt(hub, secret) : ofToken(hub, secret);
    if (viewer !== null) return viewer;
  }
  throw new Refusal(401, "Bad credentials");
}

function ofToken(hub: Hub, secret: string): Viewer | null {
  const { users, ciApp, clock } = hub.options;
  if (secret === ciApp.token) return { kind: "ci" };
  const user = users.find((candidate) => candidate.token === secret);
  if (user) return { kind: "user", login: user.login };
  const [token] = hub.state.list("token", (candidate) => candidate.token === secret);
  if (token === undefined || token.expiresAtMs <= clock.nowMs()) return null;
  if (hub.state.get("installation", token.installationId)?.suspendedAt !== null)
    throw new Refusal(403, "This installation has been suspended");
  return { kind: "installation", token };
}

/** The two messages about time are GitHub's own: Octokit recognises them and corrects its clock by our Date header. */
function verifyJwt(hub: Hub, jwt: string): Viewer {
  const { app, clock } = hub.options;
  const [header = "", payload = "", signature = ""] = jwt.split(".");
  const key = createPublicKey(app.privateKeyPem);
  const genuine =
    claims(header)["alg"] === "RS256" &&
    verify("sha256", Buffer.from(`${header}.${payload}`), key, Buffer.from(signature, "base64url"));
  if (!genuine) throw new Refusal(401, "A JSON web token could not be decoded");
  const { iss, iat, exp } = claims(payload);
  const now = clock.nowMs() / 1000;
  if (Number(iss) !== app.id) throw new Refusal(401, "'Issuer' claim ('iss') must be an Integer or a client id");
  if (typeof iat !== "number" || iat > now + 1)
    throw new Refusal(
      401,
      "'Issued at' claim ('iat') must be an Integer representing the time that the assertion was issued",
    );
  if (typeof exp !== "number" || exp <= now)
    throw new Refusal(
      401,
      "'Expiration time' claim ('exp') must be a numeric value representing the future time at which the assertion expires",
    );
  if (exp > now + 660) throw new Refusal(401, "'Expiration time' claim ('exp') is too far in the future");
  return { kind: "app", appId: app.id };
}

function claims(part: string): Record<string, unknown> {
  try {
    return JSON.parse(Buffer.from(part, "base64url").toString()) as Record<string, unknown>;
  } catch {
    throw new Refusal(401, "A JSON web token could not be decoded");
  }
}

/** The login that writes: an App writes as its bot. */
export function loginOf(hub: Hub, viewer: Viewer): string {
  const { app, ciApp } = hub.options;
  switch (viewer.kind) {
    case "anonymous":
      throw new Refusal(401, "Requires authentication");
    case "user":
      return viewer.login;
    case "ci":
      return `${ciApp.slug}[bot]`;
    case "app":
    case "installation":
      return `${app.slug}[bot]`;
  }
}

/** A user's own role in a repository, whatever its visibility. */
export function roleOf(hub: Hub, login: string, repo: Repo): Permission {
  if (login === repo.owner) return "admin";
  return hub.options.users.find((user) => user.login === login)?.permission ?? "none";
}

export function covers(hub: Hub, token: Token, repo: Repo): boolean {
  const installation: Installation | undefined = hub.state.get("installation", token.installationId);
  return (
    installation?.account === repo.owner && (token.repositoryIds === null || token.repositoryIds.includes(repo.id))
  );
}

/** Throws GitHub's refusal. What a caller may not even read does not exist for them. */
export function authorize(hub: Hub, viewer: Viewer, access: Access, repo: Repo | undefined): void {
  if (access === "anyone") return;
  if (access === "jwt") {
    if (viewer.kind !== "app") throw new Refusal(401, "A JSON web token could not be decoded");
    if (repo === undefined) return;
  }
  if (access === "user") {
    if (viewer.kind === "installation" || viewer.kind === "ci" || viewer.kind === "app") throw forbidden();
    loginOf(hub, viewer);
    return;
  }
  if (access === "installation") {
    if (viewer.kind !== "installation")
      throw new Refusal(
        403,
        "You must authenticate with an installation access token in order to list repositories for an installation.",
      );
    return;
  }
  if (repo === undefined) throw notFound();
  if (access === "jwt") return;
  const [area = "", level] = access.split(":");
  switch (viewer.kind) {
    case "anonymous":
      if (repo.private) throw notFound();
      if (USER_ROLE[access] !== "read" || level === "write") throw new Refusal(401, "Requires authentication");
      return;
    case "app":
      throw new Refusal(401, "Bad credentials");
    case "ci":
      return;
    case "installation": {
      if (!covers(hub, viewer.token, repo)) throw repo.private ? notFound() : forbidden();
      const { permissions } = viewer.token;
      // Whoever may write pull requests may comment on them, which elsewhere is a matter of issues.
      const has = [permissions[area], ...(area === "issues" ? [permissions["pull_requests"]] : [])];
      const enough = has.includes("write") || (has.includes("read") && level === "read");
      // A public repository is read without any permission, as by everybody; its administration is not.
      const open = !repo.private && level === "read" && USER_ROLE[access] === "read";
      if (!enough && !open) throw forbidden(`${area}=${level}`);
      return;
    }
    case "user": {
      const role = roleOf(hub, viewer.login, repo);
      const sees: Permission = role === "none" && !repo.private ? "read" : role;
      const needs = USER_ROLE[access];
      if (!atLeast(sees, "read")) throw notFound();
      if (needs === null) throw new Refusal(403, "You must authenticate via a GitHub App.");
      if (!atLeast(sees, needs))
        throw new Refusal(
          403,
          needs === "admin" ? "Must have admin rights to Repository." : "Must have push access to Repository.",
        );
    }
  }
}

function forbidden(accepted = "metadata=read"): Refusal {
  return new Refusal(403, "Resource not accessible by integration", {
    headers: { "x-accepted-github-permissions": accepted },
  });
}

/** GitHub's installation tokens are no longer 40 characters long; nothing may depend on their length. */
export const newToken = (appId: number): string => `ghs_${appId}_${randomBytes(96).toString("base64url")}`;

/** A key pair for the App, as GitHub hands one out: PEM, 2048 bits. */
export function generateAppKey(): string {
  return generateKeyPairSync("rsa", { modulusLength: 2048 })
    .privateKey.export({ type: "pkcs1", format: "pem" })
    .toString();
}
