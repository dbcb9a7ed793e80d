import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

export interface Python {
  /** Finds what requirements.txt names: `run(command, ["-m", "ministack"], { env: { ...process.env, ...env } })`. */
  readonly command: string;
  readonly env: { readonly PYTHONPATH: string };
}

const REQUIREMENTS = fileURLToPath(new URL("requirements.txt", import.meta.url));
const NEEDED = "the tests on AWS need Python 3.10 or newer with venv or pip (Debian: apt install python3-venv)";
const run = promisify(execFile);

/**
 * Python with everything that requirements.txt names. It is installed once, into the user's cache folder under a hash of
 * the list and the interpreter; two that install at once do the work twice and put the same folder in place.
 */
export async function pythonWithPackages(): Promise<Python> {
  const interpreter = await identify();
  const hash = createHash("sha256").update(interpreter).update(readFileSync(REQUIREMENTS)).digest("hex").slice(0, 16);
  const folder = join(process.env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache"), "proa", "python", hash);
  if (!existsSync(folder)) await install(folder);
  return { command: "python3", env: { PYTHONPATH: folder } };
}

/** What compiled packages depend on. */
async function identify(): Promise<string> {
  const script =
    "import sys, sysconfig; assert sys.version_info >= (3, 10); print(sys.implementation.cache_tag, sysconfig.get_platform())";
  try {
    return (await run("python3", ["-c", script])).stdout;
  } catch (cause) {
    throw new Error(NEEDED, { cause });
  }
}

async function install(folder: string): Promise<void> {
  const partial = `${folder}.${process.pid}.partial`;
  mkdirSync(dirname(folder), { recursive: true });
  try {
    const pip = await findPip(join(partial, "venv"));
    // Not into the virtual environment: only a plain folder can be moved once it is whole.
    const packages = join(partial, "packages");
    await run(pip, [...PIP_INSTALL, "--target", packages, "--requirement", REQUIREMENTS], { timeout: 300_000 });
    renameSync(packages, folder);
  } catch (error) {
    // Somebody else was first.
    if (!existsSync(folder)) throw error;
  } finally {
    rmSync(partial, { recursive: true, force: true });
  }
}

const PIP_INSTALL = [
  "-m",
  "pip",
  "install",
  "--quiet",
  "--disable-pip-version-check",
  "--require-hashes",
  "--only-binary=:all:",
];

/** The Python that has pip: the host's own, else that of a virtual environment. Debian has a package for either, and installs neither. */
async function findPip(venv: string): Promise<string> {
  const has = async (python: string) =>
    run(python, ["-m", "pip", "--version"]).then(
      () => true,
      () => false,
    );
  if (await has("python3")) return "python3";
  await run("python3", ["-m", "venv", venv]).catch((cause: unknown) => {
    throw new Error(NEEDED, { cause });
  });
  return join(venv, "bin", "python");
}
