import { timingSafeEqual } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import { isRepository } from "../src/core/image.ts";
import type { Digest } from "../src/core/names.ts";
import { blobHandlers, type Call } from "./registry/blobs.ts";
import { openRegistryFiles } from "./registry/files.ts";
import { Refusal, sendJson, sha256 } from "./registry/http.ts";
import { manifestHandlers } from "./registry/manifests.ts";

export interface LocalRegistry {
  /** Serves every path under `/v2/`. */
  handle(req: IncomingMessage, res: ServerResponse): Promise<void>;
}

export interface LocalRegistryOptions {
  readonly dir: string;
  /** Pushing needs it, as Bearer token or as Basic password; pulling is open. */
  readonly token: string;
  readonly onPush?: (push: { repository: string; tag: string; digest: Digest }) => void;
}

/**
 * The OCI distribution API (https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md) on a folder: push, pull,
 * resolve, list and delete. Left out: referrers, and collecting content that nothing names any more.
 */
export function createLocalRegistry({ dir, token, onPush }: LocalRegistryOptions): LocalRegistry {
  const files = openRegistryFiles(dir);
  const blobs = blobHandlers(files);
  const manifests = manifestHandlers(files, (repository, tag, digest) => onPush?.({ repository, tag, digest }));
  const handlers: Readonly<Record<string, (call: Call) => Promise<void>>> = {
    "GET tags": manifests.tags,
    "GET manifest": manifests.read,
    "PUT manifest": manifests.put,
    "DELETE manifest": manifests.remove,
    "GET blob": blobs.read,
    "DELETE blob": blobs.remove,
    "POST uploads": blobs.start,
    "GET upload": blobs.status,
    "PATCH upload": blobs.append,
    "PUT upload": blobs.finish,
    "DELETE upload": blobs.cancel,
  };

  return {
    async handle(req, res) {
      res.setHeader("docker-distribution-api-version", "registry/2.0");
      try {
        await route(req, res);
      } catch (error) {
        if (!(error instanceof Refusal)) throw error;
        req.resume(); // what is left of a refused upload
        if (error.status === 401) res.setHeader("www-authenticate", 'Basic realm="registry"');
        sendJson(res, error.status, { errors: [{ code: error.code, message: error.message }] });
      }
    },
  };

  async function route(req: IncomingMessage, res: ServerResponse): Promise<void> {
    authorize(req);
    const { pathname, searchParams: query } = new URL(req.url ?? "/", "http://registry");
    if (/^\/v2\/?$/.test(pathname)) return sendJson(res, 200, {});
    const place = parsePath(pathname);
    const handler = handlers[`${req.method === "HEAD" ? "GET" : req.method} ${place.kind}`];
    if (handler === undefined) throw new Refusal(405, "UNSUPPORTED", `${req.method} does not apply to ${pathname}`);
    await handler({ req, res, query, repository: place.repository, name: place.name });
  }

  function authorize(req: IncomingMessage): void {
    const [scheme = "", value = ""] = (req.headers.authorization ?? "").split(" ");
    const given = /^basic$/i.test(scheme)
      ? Buffer.from(value, "base64")
          .toString()
          .replace(/^[^:]*:/, "")
      : value;
    if (scheme === "" && (req.method === "GET" || req.method === "HEAD")) return;
    if (timingSafeEqual(Buffer.from(sha256(given)), Buffer.from(sha256(token)))) return;
    throw new Refusal(401, "UNAUTHORIZED", "this needs the registry's token, as Bearer token or as Basic password");
  }
}

/** A repository's own name may hold `/`, so a path is read from its end. */
function parsePath(pathname: string): { kind: string; repository: string; name: string } {
  const forms = [
    { kind: "tags", form: /^\/v2\/(.+)\/tags\/list()$/ },
    { kind: "manifest", form: /^\/v2\/(.+)\/manifests\/([^/]+)$/ },
    { kind: "uploads", form: /^\/v2\/(.+)\/blobs\/uploads\/?()$/ },
    { kind: "upload", form: /^\/v2\/(.+)\/blobs\/uploads\/([^/]+)$/ },
    { kind: "blob", form: /^\/v2\/(.+)\/blobs\/([^/]+)$/ },
  ];
  for (const { kind, form } of forms) {
    const [, repository, name] = form.exec(pathname) ?? [];
    if (repository === undefined || name === undefined) continue;
    if (!isRepository(repository)) throw new Refusal(400, "NAME_INVALID", `"${repository}" is not a repository's name`);
    return { kind, repository, name: name.replace("%3A", ":").replace("%3a", ":") };
  }
  throw new Refusal(404, "NAME_UNKNOWN", `${pathname} is not a path of the distribution API`);
}
