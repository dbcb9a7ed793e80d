import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";

const PACKAGES = ["containerd", "runc", "busybox-static", "containernetworking-plugins"] as const;

/**
 * A folder with Debian's containerd, runc, busybox and CNI plugins unpacked in it: downloaded once into the cache folder,
 * nothing of the machine's own system is changed.
 * @throws where there is no apt, or it cannot fetch them, with what to do
 */
export function unpackPackages(cache: string): string {
  const root = join(cache, "packages");
  if (existsSync(root)) return root;
  mkdirSync(cache, { recursive: true });
  const fresh = mkdtempSync(join(cache, "packages-"));
  try {
    download(fresh);
    for (const file of readdirSync(fresh).filter((name) => name.endsWith(".deb"))) {
      run("dpkg-deb", ["--extract", join(fresh, file), join(fresh, "root")], fresh);
    }
    renameSync(join(fresh, "root"), root);
    return root;
  } finally {
    rmSync(fresh, { recursive: true, force: true });
  }
}

function download(dir: string): void {
  // As root: apt's own user cannot write here, and its warning about that would be all that anybody reads.
  const args = ["-qq", "-o", "APT::Sandbox::User=root", "download", ...PACKAGES];
  try {
    run("apt-get", args, dir);
  } catch {
    // A machine whose lists are missing or old.
    run("apt-get", ["-qq", "update"], dir);
    run("apt-get", args, dir);
  }
}

function run(command: string, args: readonly string[], cwd: string): void {
  try {
    execFileSync(command, args, { cwd, stdio: ["ignore", "ignore", "pipe"] });
  } catch (cause) {
    const what = `${command} ${args.join(" ")} in ${dirname(cwd)}`;
    throw new Error(`${what} failed: a real node needs Debian's packages ${PACKAGES.join(", ")}`, { cause });
  }
}
