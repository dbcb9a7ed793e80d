import { posix } from "node:path";
import { parse } from "yaml";
import { parseImageName } from "../../src/core/image.ts";
import { splitCommand } from "./command.ts";

/** What CI does for one commit, read off its files. */
export type Plan =
  | {
      readonly kind: "run";
      /** Folders with a package.json that has dependencies. */
      readonly installs: readonly string[];
      /** Folders with a `test` script. */
      readonly tests: readonly string[];
      readonly builds: readonly Build[];
    }
  | { readonly kind: "unsupported"; readonly because: string };

export interface Build {
  readonly service: string;
  /** The service's folder, `.` for the whole repository. */
  readonly path: string;
  /** The image's repository in our registry. */
  readonly repository: string;
  readonly command: readonly string[];
  readonly port: number;
}

export interface Source {
  readonly owner: string;
  readonly repo: string;
  /** The registry's host in image names. */
  readonly host: string;
  /** A file's text; null: no such file. */
  readonly read: (path: string) => string | null;
}

export function planRun(source: Source): Plan {
  const services = readServices(source.read(".proa.yml"));
  const builds: Build[] = [];
  for (const service of services) {
    const alone = services.filter(({ path }) => path === service.path).length === 1;
    const build = planBuild(service, alone, source);
    if (typeof build === "string") return { kind: "unsupported", because: `Service ${service.name}: ${build}` };
    builds.push(build);
  }
  const root = readManifest(".", source);
  const folders = [...new Set([".", ...services.map(({ path }) => path)])];
  // A workspace's root installs for all of them, and a root that tests is taken to test all of it.
  const installs = (root.isWorkspace ? ["."] : folders).filter((path) => {
    const { hasDependencies, isWorkspace } = readManifest(path, source);
    return hasDependencies || isWorkspace;
  });
  const tests = (root.scripts["test"] === undefined ? folders : ["."]).filter(
    (path) => readManifest(path, source).scripts["test"] !== undefined,
  );
  return { kind: "run", installs, tests, builds };
}

interface Service {
  readonly name: string;
  readonly path: string;
  /** null: not said. */
  readonly image: string | null;
  readonly command: readonly string[] | null;
  readonly port: number;
}

/** Tolerant on purpose: what is wrong in the file, Proa itself says; CI goes on with what it can read. */
function readServices(text: string | null): Service[] {
  const services = Object.entries(objectAt(parseOr(text, parse), "services"));
  if (services.length === 0) services.push(["web", {}]);
  return services.map(([name, fields]) => {
    const { path, image, port, command } = asObject(fields);
    return {
      name,
      path: typeof path === "string" ? posix.normalize(path).replace(/\/$/, "") : ".",
      image: typeof image === "string" ? image : null,
      port: typeof port === "number" ? port : 8080,
      command: Array.isArray(command) ? command.map(String) : null,
    };
  });
}

/** A build, or the sentence that says why there is none. */
function planBuild(service: Service, alone: boolean, source: Source): Build | string {
  const { name, path } = service;
  if (path.startsWith("..") || path.startsWith("/")) return `its path "${path}" leads out of the repository.`;
  const image = service.image ?? `${source.host}/${source.owner}/${source.repo}-${name}`.toLowerCase();
  const parsed = parseImageName(image);
  if (parsed === null) return `"${image}" is not an image's name.`;
  if (parsed.host !== source.host) {
    return `its image ${image} is not in ${source.host}, the only registry the local CI pushes to. Remove \`image\` or move it there.`;
  }
  const { hasFile, main, scripts } = readManifest(path, source);
  const procfile = source.read(posix.join(path, "Procfile"));
  if (!hasFile && procfile === null) return `there is neither a package.json nor a Procfile in ${path}. ${SUPPORTED}`;
  const processes = readProcfile(procfile ?? "");
  const line = processes[name] ?? (alone ? processes["web"] : undefined) ?? scripts["start"];
  const command =
    service.command ?? (line === undefined ? null : splitCommand(line)) ?? (main === null ? null : ["node", main]);
  if (command === null) return `nothing says how to start it. ${SUPPORTED}`;
  return { service: name, path, repository: parsed.repository, command, port: service.port };
}

const SUPPORTED =
  "The local CI builds Node apps that listen on $PORT and are started by a Procfile line named like the service (or `web:`), by `npm start`, or by package.json's `main`.";

function readProcfile(text: string): Record<string, string> {
  const lines = text.split("\n").map((line) => /^([A-Za-z0-9_-]+):\s*(\S.*?)\s*$/.exec(line) ?? []);
  return Object.fromEntries(
    lines.map(([, name = "", command = ""]) => [name, command]).filter(([name]) => name !== ""),
  );
}

interface PackageManifest {
  readonly hasFile: boolean;
  readonly hasDependencies: boolean;
  readonly isWorkspace: boolean;
  readonly main: string | null;
  readonly scripts: Readonly<Record<string, string>>;
}

function readManifest(path: string, { read }: Source): PackageManifest {
  const text = read(posix.join(path, "package.json"));
  const manifest = asObject(parseOr(text, JSON.parse));
  const { main } = manifest;
  const scripts = Object.entries(objectAt(manifest, "scripts"));
  return {
    hasFile: text !== null,
    hasDependencies: ["dependencies", "devDependencies"].some((key) => Object.keys(objectAt(manifest, key)).length > 0),
    isWorkspace: "workspaces" in manifest,
    main: typeof main === "string" ? main : null,
    scripts: Object.fromEntries(scripts.filter((entry): entry is [string, string] => typeof entry[1] === "string")),
  };
}

function parseOr(text: string | null, parser: (text: string) => unknown): unknown {
  try {
    return text === null ? null : parser(text);
  } catch {
    return null;
  }
}

const asObject = (value: unknown): Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value) ? { ...value } : {};

const objectAt = (value: unknown, key: string): Record<string, unknown> => asObject(asObject(value)[key]);
