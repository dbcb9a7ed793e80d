import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const SOURCES = fileURLToPath(new URL("minicluster/", import.meta.url));
const STRIPPED = ["-buildvcs=false", "-trimpath", "-mod=readonly"];

export type Program = "minicluster" | "kubelet";

/**
 * Path of a program built from `minicluster/`. The result is kept in the user's cache folder under a hash of everything it is
 * made from; two builds at once do the work twice and put the same file in place. A kubelet lies beside its minicluster.
 */
export async function built(program: Program): Promise<string> {
  const folder = join(process.env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache"), "proa", "minicluster", sourcesHash());
  const path = join(folder, program);
  if (existsSync(path)) return path;
  mkdirSync(folder, { recursive: true });
  const partial = `${path}.${process.pid}.partial`;
  const what = program === "kubelet" ? "k8s.io/kubernetes/cmd/kubelet" : ".";
  await go(["build", ...STRIPPED, "-ldflags", `-s -w ${versionFlags()}`, "-o", partial, what], program);
  renameSync(partial, path);
  return path;
}

function sourcesHash(): string {
  const hash = createHash("sha256").update([process.platform, process.arch, ...STRIPPED, versionFlags()].join("\n"));
  for (const file of readdirSync(SOURCES, { recursive: true, encoding: "utf8" }).sort()) {
    if (/\.(go|mod|sum|yaml)$/.test(file)) hash.update(`\n${file}\n`).update(readFileSync(join(SOURCES, file)));
  }
  return hash.digest("hex").slice(0, 16);
}

/** Kubernetes takes its version from the linker; without it `/version` says v0.0.0. */
function versionFlags(): string {
  const [, version, major, minor] =
    /\bk8s\.io\/kubernetes (v(\d+)\.(\d+)\.\d+)\n/.exec(readFileSync(join(SOURCES, "go.mod"), "utf8")) ?? [];
  const values = {
    gitVersion: version,
    gitMajor: major,
    gitMinor: minor,
    gitTreeState: "clean",
    gitCommit: "unknown",
    buildDate: "1970-01-01T00:00:00Z",
  };
  return ["k8s.io/component-base/version", "k8s.io/client-go/pkg/version"]
    .flatMap((at) => Object.entries(values).map(([name, value]) => `-X ${at}.${name}=${value}`))
    .join(" ");
}

function go(args: readonly string[], program: Program): Promise<void> {
  const began = Date.now();
  const say = (line: string): boolean => process.stderr.write(`${line}\n`);
  say(
    `building ${program} with Go: 8 to 15 minutes the first time, a minute at most with Go's cache, and then never again`,
  );
  const reminder = setInterval(
    () => say(`building ${program}: ${Math.round((Date.now() - began) / 60_000)} min`),
    60_000,
  );
  return new Promise<void>((resolve, reject) => {
    // GOFLAGS of this machine would change what is built; everything else (proxy, toolchain, cache) is the user's choice.
    const env = { ...process.env, CGO_ENABLED: "0", GOFLAGS: "" };
    const child = spawn("go", args, { cwd: SOURCES, env, stdio: ["ignore", "ignore", "pipe"] });
    let errors = "";
    child.stderr.on("data", (chunk: Buffer) => (errors = (errors + chunk.toString()).slice(-4_000)));
    child.once("error", (cause) =>
      reject(
        new Error(
          "test:cluster builds a Kubernetes control plane with Go, which was not found: install Go 1.26 or newer (go.dev/dl), " +
            "or set TEST_KUBECONFIG to the kubeconfig of a cluster that tests may use",
          { cause },
        ),
      ),
    );
    child.once("close", (code) => (code === 0 ? resolve() : reject(new Error(`go build ${program}: ${errors}`))));
  }).finally(() => clearInterval(reminder));
}
