import { execFileSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import { gunzipSync } from "node:zlib";
import { afterEach, beforeEach, expect, test } from "vitest";
import { createLocalCi, type LocalCi } from "../../local/ci/ci.ts";
import { createLocalRegistry } from "../../local/registry.ts";
import { shopFiles } from "../../local/seed/shop.ts";
import { variants } from "../../local/seed/variants.ts";

interface CheckRun {
  id: number;
  name: string;
  head_sha: string;
  status: string;
  conclusion?: string;
  output?: { title: string; summary: string };
}

let dir: string;
let server: Server;
let url: string;
let checks: CheckRun[];
let failures: number;
let ci: LocalCi;

beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), "ci-"));
  checks = [];
  failures = 0;
  const registry = createLocalRegistry({ dir: join(dir, "registry"), token: "push-token" });
  server = createServer((req, res) => {
    if (req.url?.startsWith("/v2/")) return void registry.handle(req, res).catch(() => res.destroy());
    const chunks: Buffer[] = [];
    req.on("data", (chunk: Buffer) => chunks.push(chunk));
    req.on("end", () => {
      const answer = (status: number, body: object): unknown =>
        res.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
      if (req.headers.authorization !== "token ci-token") return answer(401, {});
      if (failures-- > 0) return answer(503, {});
      const body = JSON.parse(Buffer.concat(chunks).toString()) as Omit<CheckRun, "id">;
      if (req.method === "POST" && req.url === "/repos/acme/shop/check-runs") {
        checks.push({ id: checks.length + 1, ...body });
        return answer(201, { id: checks.length });
      }
      const id = Number(/^\/repos\/acme\/shop\/check-runs\/(\d+)$/.exec(req.url ?? "")?.[1]);
      const check = checks[id - 1];
      if (req.method !== "PATCH" || check === undefined) return answer(404, {});
      return answer(200, Object.assign(check, body));
    });
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  git("init", "--quiet", "--initial-branch=main", repository());
  ci = newCi();
});
afterEach(async () => {
  await ci.close();
  server.closeAllConnections();
  await new Promise((done) => server.close(done));
  rmSync(dir, { recursive: true });
});

const newCi = ({ testTimeoutMs = 60_000, pushToken = "push-token" } = {}): LocalCi =>
  createLocalCi({
    dir: join(dir, "ci"),
    clock: {
      nowMs: () => 0,
      setTimeout: () => 0,
      clearTimeout() {},
      setInterval: () => 0,
      clearInterval() {},
      step() {},
    },
    apiUrl: () => url,
    gitUrl: () => pathToFileURL(join(dir, "git")).href,
    token: "ci-token",
    registry: { host: "registry.localhost", url: () => url, token: pushToken },
    env: { ...process.env, SECRET_TOKEN: "canary" },
    log: () => undefined,
    testTimeoutMs,
  });

const repository = (): string => join(dir, "git", "acme", "shop.git");
const git = (...args: string[]): string => execFileSync("git", args, { encoding: "utf8" }).trim();

/** Replaces all files of the repository and commits them. */
function commit(files: Record<string, string>): string {
  for (const name of readdirSync(repository()))
    if (name !== ".git") rmSync(join(repository(), name), { recursive: true });
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(repository(), path)), { recursive: true });
    writeFileSync(join(repository(), path), content);
  }
  git("-C", repository(), "add", "--all");
  git(
    "-C",
    repository(),
    "-c",
    "user.name=t",
    "-c",
    "user.email=t@example.com",
    "commit",
    "--quiet",
    "--allow-empty",
    "-m",
    "change",
  );
  return git("-C", repository(), "rev-parse", "HEAD");
}

const push = (sha: string, ref = "refs/heads/main"): void =>
  ci.pushed({ owner: "acme", repo: "shop", ref, sha, before: "0".repeat(40) });

async function run(files: Record<string, string>): Promise<{ check: CheckRun | undefined; sha: string }> {
  const sha = commit(files);
  push(sha);
  await ci.idle();
  return { check: checks.findLast((check) => check.head_sha === sha), sha };
}

interface Pulled {
  digest: string | null;
  config: { config: Record<string, unknown>; rootfs: { diff_ids: string[] } };
  /** The layer's files as the system's own tar unpacks them. */
  root: string;
}
async function pull(image: string, tag: string): Promise<Pulled> {
  const answer = await fetch(`${url}/v2/${image}/manifests/${tag}`);
  const manifest = (await answer.json()) as { config: { digest: string }; layers: { digest: string }[] };
  const blob = async (digest: string): Promise<Buffer> =>
    Buffer.from(await (await fetch(`${url}/v2/${image}/blobs/${digest}`)).arrayBuffer());
  const root = mkdtempSync(join(dir, "pulled-"));
  writeFileSync(join(root, "layer.tar"), gunzipSync(await blob(manifest.layers[0]?.digest ?? "")));
  execFileSync("tar", ["-xf", "layer.tar"], { cwd: root });
  const config = JSON.parse((await blob(manifest.config.digest)).toString()) as Pulled["config"];
  return { digest: answer.headers.get("docker-content-digest"), config, root };
}

const app = { "package.json": JSON.stringify({ scripts: { start: "node server.js" } }), "server.js": "" };
const withTest = (script: string): Record<string, string> => ({
  ...app,
  "package.json": JSON.stringify({ scripts: { start: "node server.js", test: script } }),
});

test("the seeded shop is tested and its image pushed under the commit", async () => {
  const { check, sha } = await run(shopFiles());
  expect(check).toMatchObject({
    name: "test",
    status: "completed",
    conclusion: "success",
    output: { title: "The tests passed" },
  });
  expect(check?.output?.summary).toContain(`registry.localhost/acme/shop-web:${sha}`);
  const { config, root } = await pull("acme/shop-web", sha);
  expect(config.config).toEqual({
    Env: ["NODE_ENV=production", `SOURCE_COMMIT=${sha}`],
    WorkingDir: "/app",
    Cmd: ["node", "server.js"],
    ExposedPorts: { "8080/tcp": {} },
  });
  expect(readFileSync(join(root, "app", "server.js"), "utf8")).toBe(shopFiles()["server.js"]);
  expect(existsSync(join(root, "app", ".git"))).toBe(false);
});

test("a failing test fails the check with its output, and the image is there all the same", async () => {
  const { check, sha } = await run({ ...shopFiles(), ...variants["failing-test"](2) });
  expect(check).toMatchObject({ conclusion: "failure", output: { title: "The tests failed" } });
  expect(check?.output?.summary).toContain("prices have two decimals");
  expect((await pull("acme/shop-web", sha)).digest).toMatch(/^sha256:/);
});

test.each(["good", "crashing", "never-ready", "slow-start"] as const)(
  "the tests of a %s version pass",
  async (variant) => {
    expect((await run({ ...shopFiles(), ...variants[variant](3) })).check?.conclusion).toBe("success");
  },
);

test("a commit runs once, whatever branches bring it, and again when asked to", async () => {
  const { sha } = await run(app);
  push(sha, "refs/heads/other");
  await ci.idle();
  expect(checks).toHaveLength(1);
  const first = await pull("acme/shop-web", sha);
  ci.rerun({ owner: "acme", repo: "shop", sha });
  await ci.idle();
  expect(checks).toHaveLength(2);
  expect((await pull("acme/shop-web", sha)).digest).toBe(first.digest);
});

test("tags and deleted branches are no work", async () => {
  push(commit(app), "refs/tags/v1");
  push("0".repeat(40));
  await ci.idle();
  expect(checks).toEqual([]);
});

test("without a test script the check says so and succeeds", async () => {
  const { check } = await run(app);
  expect(check).toMatchObject({ conclusion: "success", output: { title: "No tests" } });
});

test("what is not a Node app is refused with what would be one", async () => {
  const { check } = await run({ "main.go": "package main" });
  expect(check).toMatchObject({
    conclusion: "failure",
    output: { summary: expect.stringContaining("builds Node apps") },
  });
});

test("an image in another registry is refused by name", async () => {
  const { check } = await run({ ...app, ".proa.yml": "services: {web: {image: ghcr.io/acme/shop}}" });
  expect(check).toMatchObject({
    conclusion: "failure",
    output: { summary: expect.stringContaining("ghcr.io/acme/shop") },
  });
});

test("each service of a monorepo gets an image, started in its own folder", async () => {
  const { sha } = await run({
    ".proa.yml":
      "services: {web: {path: apps/web, port: 3000}, worker: {path: apps/worker, image: registry.localhost/acme/work}}",
    "apps/web/package.json": JSON.stringify({ main: "index.js" }),
    "apps/worker/Procfile": 'worker: node worker.js --queue "high priority"\n',
    "packages/shared.js": "shared",
  });
  const web = await pull("acme/shop-web", sha);
  expect(web.config.config).toMatchObject({
    WorkingDir: "/app/apps/web",
    Cmd: ["node", "index.js"],
    ExposedPorts: { "3000/tcp": {} },
  });
  expect(readFileSync(join(web.root, "app", "packages", "shared.js"), "utf8")).toBe("shared");
  const worker = await pull("acme/work", sha);
  expect(worker.config.config).toMatchObject({
    WorkingDir: "/app/apps/worker",
    Cmd: ["node", "worker.js", "--queue", "high priority"],
  });
});

test("a start line with shell syntax is run by a shell", async () => {
  const { sha } = await run({ ...app, Procfile: "web: node server.js --port $PORT" });
  expect((await pull("acme/shop-web", sha)).config.config["Cmd"]).toEqual(["sh", "-c", "node server.js --port $PORT"]);
});

test("long paths, names beyond ASCII, symbolic links and modes survive the layer", async () => {
  const long = `${"folder/".repeat(20)}file.txt`;
  commit(app);
  symlinkSync("server.js", join(repository(), "link.js"));
  writeFileSync(join(repository(), "run.sh"), "#!/bin/sh", { mode: 0o755 });
  mkdirSync(dirname(join(repository(), long)), { recursive: true });
  writeFileSync(join(repository(), long), "deep");
  writeFileSync(join(repository(), "größe.txt"), "wide");
  git("-C", repository(), "add", "--all");
  git("-C", repository(), "-c", "user.name=t", "-c", "user.email=t@example.com", "commit", "--quiet", "-m", "odd");
  const sha = git("-C", repository(), "rev-parse", "HEAD");
  push(sha);
  await ci.idle();
  const root = join((await pull("acme/shop-web", sha)).root, "app");
  expect(readFileSync(join(root, long), "utf8")).toBe("deep");
  expect(readFileSync(join(root, "größe.txt"), "utf8")).toBe("wide");
  expect(git("-C", root, "hash-object", "link.js")).toBe(git("-C", root, "hash-object", "server.js"));
  expect(
    execFileSync("find", [root, "-type", "l", "-o", "-name", "run.sh", "-perm", "755"], { encoding: "utf8" })
      .split("\n")
      .sort(),
  ).toEqual(["", join(root, "link.js"), join(root, "run.sh")]);
});

test("the commit's code sees no secret of the process, and what it writes stays out of the image", async () => {
  const { check, sha } = await run(
    withTest(`node -e "console.log(JSON.stringify(process.env)); fs.writeFileSync('junk', '')"`),
  );
  expect(check?.conclusion).toBe("success");
  expect(check?.output?.summary).not.toMatch(/canary|ci-token|push-token/);
  expect(existsSync(join((await pull("acme/shop-web", sha)).root, "app", "junk"))).toBe(false);
});

test("tests that hang are stopped and said to be", async () => {
  ci = newCi({ testTimeoutMs: 300 });
  const { check } = await run(withTest("node -e 'setInterval(() => 0, 1000)'"));
  expect(check).toMatchObject({ conclusion: "failure", output: { summary: expect.stringContaining("took too long") } });
});

test("a GitHub that fails for a moment still gets the result", async () => {
  failures = 2;
  const { check } = await run(app);
  expect(check).toMatchObject({ status: "completed", conclusion: "success" });
});

test("a registry that refuses fails the check", async () => {
  ci = newCi({ pushToken: "wrong" });
  const { check } = await run(app);
  expect(check).toMatchObject({ conclusion: "failure", output: { title: "The image cannot be pushed" } });
});

test("closing kills what runs, and the next process finishes it", async () => {
  const marker = join(dir, "first-run");
  const sha = commit(
    withTest(`node -e "fs.existsSync('${marker}') || (fs.writeFileSync('${marker}', ''), setInterval(() => 0, 1000))"`),
  );
  push(sha);
  await expect.poll(() => existsSync(marker), { timeout: 20_000 }).toBe(true);
  await ci.close();
  expect(checks.map(({ status }) => status)).toEqual(["in_progress"]);
  ci = newCi();
  ci.resume();
  await ci.idle();
  expect(checks.map(({ status }) => status)).toEqual(["in_progress", "completed"]);
  expect(readdirSync(join(dir, "ci", "work"))).toEqual([]);
});
