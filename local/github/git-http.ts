import { spawn } from "node:child_process";
import type { IncomingMessage, ServerResponse } from "node:http";
import { authenticate, atLeast, covers, loginOf, roleOf, type Viewer } from "./auth.ts";
import { type Git, NO_COMMIT } from "./git.ts";
import { readBody, Refusal } from "./http.ts";
import type { Hub } from "./hub.ts";
import { afterMoves, type Move } from "./refs.ts";
import type { Repo } from "./state.ts";

const SERVICES = ["git-upload-pack", "git-receive-pack"] as const;
type Service = (typeof SERVICES)[number];

/**
 * Git's smart HTTP protocol (gitprotocol-http): git itself speaks it, this hands it the bytes. Public repositories are read by
 * anyone; a push names a token as user or password.
 */
export async function serveGit(hub: Hub, req: IncomingMessage, res: ServerResponse): Promise<void> {
  const url = new URL(req.url ?? "/", hub.html);
  const path = /^\/git(?:\/([^/]+)\/([^/]+?)(?:\.git)?)?\/(info\/refs|git-upload-pack|git-receive-pack)$/.exec(
    url.pathname,
  );
  const [, owner, name, action] = path ?? [];
  const repo = owner === undefined || name === undefined ? hub.state.list("repo")[0] : hub.repository(owner, name);
  const service = SERVICES.find(
    (known) => known === (action === "info/refs" ? url.searchParams.get("service") : action),
  );
  if (path === null || repo === undefined || service === undefined) return refuse(res, 404, "Repository not found.");
  try {
    const viewer = authenticate(hub, req.headers.authorization);
    const denied = deny(hub, viewer, repo, service);
    if (denied !== null) return refuse(res, denied.status, denied.message);
    const git = await hub.git(repo);
    const headers = {
      "cache-control": "no-cache",
      "content-type": `application/x-${service}-${action === "info/refs" ? "advertisement" : "result"}`,
    };
    if (action === "info/refs") {
      const announced = `# service=${service}\n`;
      const length = (announced.length + 4).toString(16).padStart(4, "0");
      const refs = await speak(service, ["--http-backend-info-refs", git.dir]);
      res.writeHead(200, headers).end(Buffer.concat([Buffer.from(`${length}${announced}0000`), refs]));
      return;
    }
    const body = await readBody(req);
    if (service === "git-upload-pack") {
      res.writeHead(200, headers).end(await speak(service, ["--stateless-rpc", git.dir], body));
      return;
    }
    await hub.exclusive(async () => {
      const before = await branchesAndTags(git);
      const answer = await speak(service, ["--stateless-rpc", git.dir], body);
      await afterMoves(hub, repo.id, movesBetween(before, await branchesAndTags(git)), loginOf(hub, viewer));
      res.writeHead(200, headers).end(answer);
      hub.flush();
    });
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    refuse(res, error.answer.status, error.message);
  }
}

function deny(hub: Hub, viewer: Viewer, repo: Repo, service: Service): { status: number; message: string } | null {
  const push = service === "git-receive-pack";
  switch (viewer.kind) {
    case "anonymous":
      return push || repo.private
        ? { status: 401, message: "Authentication required: give a token as the password." }
        : null;
    case "user":
      return atLeast(roleOf(hub, viewer.login, repo), push ? "write" : "read") || (!push && !repo.private)
        ? null
        : { status: 403, message: `Permission to ${repo.owner}/${repo.name} denied to ${viewer.login}.` };
    case "installation": {
      const has = covers(hub, viewer.token, repo) ? viewer.token.permissions["contents"] : undefined;
      return has === "write" || (has === "read" && !push)
        ? null
        : { status: 403, message: "Resource not accessible by integration" };
    }
    case "app":
      return { status: 403, message: "A JSON web token does not open a repository: use an installation token." };
    case "ci":
      return null;
  }
}

function refuse(res: ServerResponse, status: number, message: string): void {
  const challenge = status === 401 ? { "www-authenticate": 'Basic realm="GitHub"' } : {};
  res.writeHead(status, { "content-type": "text/plain; charset=utf-8", ...challenge }).end(`${message}\n`);
}

async function branchesAndTags(git: Git): Promise<Map<string, string>> {
  return new Map([...(await git.refs("refs/heads")), ...(await git.refs("refs/tags"))]);
}

function movesBetween(before: ReadonlyMap<string, string>, after: ReadonlyMap<string, string>): Move[] {
  const names = [...new Set([...before.keys(), ...after.keys()])].sort();
  const moves = names.map((ref) => ({ ref, before: before.get(ref) ?? NO_COMMIT, after: after.get(ref) ?? NO_COMMIT }));
  return moves.filter((move) => move.before !== move.after);
}

/** A refused push is an answer too: receive-pack writes it into the protocol and ends with an error code. */
function speak(service: Service, args: readonly string[], input?: Buffer): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const child = spawn("git", [service.slice("git-".length), ...args], { stdio: ["pipe", "pipe", "ignore"] });
    const chunks: Buffer[] = [];
    child.stdout.on("data", (chunk: Buffer) => chunks.push(chunk));
    child.on("error", (cause) =>
      reject(new Error(`run git ${service}: git has to be installed and on the PATH`, { cause })),
    );
    child.on("close", () => resolve(Buffer.concat(chunks)));
    child.stdin.on("error", () => {});
    child.stdin.end(input);
  });
}
