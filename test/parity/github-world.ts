import { execFile } from "node:child_process";
import { createServer, type IncomingHttpHeaders, type Server } from "node:http";
import { mkdtemp, rm } from "node:fs/promises";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { createAppAuth } from "@octokit/auth-app";
import { Octokit } from "@octokit/rest";
import type { WorldClock } from "../../local/clock.ts";
import {
  createLocalGitHub,
  type Exchange,
  generateAppKey,
  type LocalGitHub,
  type LocalGitHubOptions,
} from "../../local/github/server.ts";

export interface Received {
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  readonly event: string;
  readonly payload: { readonly [field: string]: unknown };
}

/** The local GitHub behind a server of its own, a receiver for its webhooks, and clients for each kind of caller. */
export interface GitHubWorld {
  readonly github: LocalGitHub;
  readonly base: string;
  readonly dir: string;
  readonly repoId: number;
  readonly exchanges: readonly Exchange[];
  readonly received: readonly Received[];
  readonly pushes: readonly { ref: string; sha: string }[];
  readonly reruns: readonly { name: string }[];
  readonly admin: Octokit;
  readonly writer: Octokit;
  readonly reader: Octokit;
  readonly ci: Octokit;
  readonly anonymous: Octokit;
  readonly jwt: Octokit;
  readonly installation: Octokit;
  readonly now: () => number;
  stepClock(ms: number): void;
  /** Events since the last call, as `pull_request.opened`. */
  events(): Promise<string[]>;
  git: (args: readonly string[], cwd?: string) => Promise<string>;
  stop(): Promise<void>;
}

export const WEBHOOK_SECRET = "webhook secret of the tests";
const key = generateAppKey();

export async function startGitHubWorld(
  options: { dir?: string; deliver?: LocalGitHubOptions["deliver"] } = {},
): Promise<GitHubWorld> {
  const dir = options.dir ?? (await mkdtemp(join(tmpdir(), "proa-github-")));
  const exchanges: Exchange[] = [];
  const received: Received[] = [];
  const pushes: { ref: string; sha: string }[] = [];
  const reruns: { name: string }[] = [];
  let skewMs = 0;
  const now = (): number => Date.now() + skewMs;
  // Nothing here sets timers: the clock only has to tell the time.
  const clock = { nowMs: now } as WorldClock;

  const receiver = createServer((req, res) => {
    const chunks: Buffer[] = [];
    req.on("data", (chunk: Buffer) => chunks.push(chunk));
    req.on("end", () => {
      const body = Buffer.concat(chunks).toString();
      const payload = JSON.parse(body) as Received["payload"];
      received.push({ headers: req.headers, body, event: String(req.headers["x-github-event"]), payload });
      res.writeHead(202).end("{}");
    });
  });
  const webhookUrl = await listen(receiver);
  const server = createServer((req, res) => void github.handle(req, res));
  const base = await listen(server);
  const github = await createLocalGitHub({
    dir,
    clock,
    baseUrl: () => base,
    app: {
      id: 77,
      slug: "proa-local",
      privateKeyPem: key,
      webhookUrl: () => `${webhookUrl}/webhook`,
      webhookSecret: WEBHOOK_SECRET,
    },
    ciApp: { id: 78, slug: "local-ci", token: "ghs_ci" },
    users: [
      { login: "ada", token: "token-ada", permission: "admin" },
      { login: "wim", token: "token-wim", permission: "write" },
      { login: "rex", token: "token-rex", permission: "read" },
    ],
    onPush: (push) => pushes.push(push),
    onRerequest: (run) => reruns.push(run),
    record: (exchange) => exchanges.push(exchange),
    ...(options.deliver ? { deliver: options.deliver } : {}),
  });
  const files = { "README.md": "# shop\n", "src/app.js": "console.log('one');\n", "package.json": "{}\n" };
  const seeded = await github.createRepository({ owner: "acme", name: "shop", files });

  const silent = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };
  const client = (auth?: string): Octokit =>
    new Octokit({ baseUrl: `${base}/api/v3`, log: silent, ...(auth === undefined ? {} : { auth }) });
  const asApp = (installationId?: number): Octokit =>
    new Octokit({
      baseUrl: `${base}/api/v3`,
      log: silent,
      authStrategy: createAppAuth,
      auth: { appId: 77, privateKey: key, ...(installationId === undefined ? {} : { installationId }) },
    });
  let told = 0;
  return {
    github,
    base,
    dir,
    exchanges,
    received,
    pushes,
    reruns,
    now,
    repoId: seeded.id,
    admin: client("token-ada"),
    writer: client("token-wim"),
    reader: client("token-rex"),
    ci: client("ghs_ci"),
    anonymous: client(),
    jwt: asApp(),
    installation: asApp(seeded.installationId),
    stepClock(ms) {
      skewMs += ms;
    },
    async events() {
      await github.idle();
      const fresh = received.slice(told);
      told = received.length;
      return fresh.map(({ event, payload }) =>
        typeof payload["action"] === "string" ? `${event}.${payload["action"]}` : event,
      );
    },
    async git(args, cwd = dir) {
      const identity = ["-c", "user.name=Wim", "-c", "user.email=wim@acme.example", "-c", "commit.gpgsign=false"];
      const { stdout } = await promisify(execFile)("git", [...identity, ...args], {
        cwd,
        env: { ...process.env, GIT_TERMINAL_PROMPT: "0" },
      });
      return stdout.trim();
    },
    async stop() {
      await github.close();
      await Promise.all(
        [server, receiver].map((each) => new Promise((done) => each.close(done).closeAllConnections())),
      );
      if (options.dir === undefined) await rm(dir, { recursive: true, force: true });
    },
  };
}

function listen(server: Server): Promise<string> {
  return new Promise((resolve) =>
    server.listen(0, "127.0.0.1", () => resolve(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)),
  );
}
