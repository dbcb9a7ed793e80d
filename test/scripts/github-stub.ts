import { createPublicKey, generateKeyPairSync, verify } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { APP_PERMISSIONS, EVENTS } from "../../scripts/setup/manifest.ts";

/** An App on the stub. What a test changes, GitHub says from then on. */
export interface StubApp {
  id: number;
  slug: string;
  permissions: Record<string, string>;
  events: string[];
  hook: { url: string; content_type: string; insecure_ssl: string; secret: string };
  privateKeyPem: string;
  installations: { id: number; suspended_at: string | null; permissions: Record<string, string> }[];
  deliveries: {
    id: number;
    guid: string;
    delivered_at: string;
    status_code: number;
    event: string;
    redelivery: boolean;
  }[];
}

export interface GitHubStub {
  readonly url: string;
  readonly apps: StubApp[];
  /** What a manifest that was posted said, by its code. */
  readonly manifests: ReadonlyMap<string, Record<string, unknown>>;
  readonly calls: readonly string[];
  /** What a redelivery does. */
  onRedeliver: (app: StubApp, deliveryId: number) => void | Promise<void>;
  close(): Promise<void>;
}

/** An App that lacks nothing. */
export const stubApp = (change: Partial<StubApp> & Pick<StubApp, "id" | "slug" | "privateKeyPem">): StubApp => ({
  permissions: { ...APP_PERMISSIONS },
  events: [...EVENTS],
  hook: { url: "https://old.example/", content_type: "form", insecure_ssl: "0", secret: "" },
  installations: [],
  deliveries: [],
  ...change,
});

export const appKey = (): string =>
  generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey.export({ type: "pkcs1", format: "pem" }).toString();

/** The part of GitHub that makes Apps from manifests and lets an App look after itself, at the addresses of Enterprise Server. */
export async function startGitHubStub(): Promise<GitHubStub> {
  const apps: StubApp[] = [];
  const manifests = new Map<string, Record<string, unknown>>();
  const calls: string[] = [];
  let url = "";
  const stub = { onRedeliver: (() => undefined) as GitHubStub["onRedeliver"] };

  async function answer(
    req: IncomingMessage,
  ): Promise<{ status: number; body: unknown; headers?: Record<string, string> }> {
    const at = new URL(req.url ?? "/", url);
    const body = await bodyOf(req);
    const line = `${req.method} ${at.pathname}`;
    calls.push(line);
    if (/^POST \/(?:settings|organizations\/[\w-]+\/settings)\/apps\/new$/.test(line)) {
      const manifest = JSON.parse(new URLSearchParams(body).get("manifest") ?? "{}") as Record<string, unknown>;
      const code = `code-${manifests.size + 1}`;
      manifests.set(code, manifest);
      const back = new URL(String(manifest["redirect_url"]));
      back.searchParams.set("code", code);
      back.searchParams.set("state", at.searchParams.get("state") ?? "");
      return { status: 302, body: "", headers: { location: back.href } };
    }
    const path = at.pathname.replace(/^\/api\/v3/, "");
    const code = /^\/app-manifests\/([^/]+)\/conversions$/.exec(path)?.[1];
    if (code !== undefined) return convert(code);
    const app = apps.find((each) => signedBy(each, req.headers.authorization));
    if (app === undefined) return { status: 401, body: { message: "A JSON web token could not be decoded" } };
    const delivery = /^\/app\/hook\/deliveries\/(\d+)\/attempts$/.exec(path)?.[1];
    if (req.method === "POST" && delivery !== undefined) {
      await stub.onRedeliver(app, Number(delivery));
      return { status: 202, body: {} };
    }
    switch (`${req.method} ${path}`) {
      case "GET /app":
        return { status: 200, body: shown(app) };
      case "PATCH /app/hook/config":
        Object.assign(app.hook, JSON.parse(body));
        return { status: 200, body: { ...app.hook, secret: "********" } };
      case "GET /app/hook/config":
        return {
          status: 200,
          body: { ...app.hook, ...(app.hook.secret === "" ? { secret: null } : { secret: "********" }) },
        };
      case "GET /app/installations":
        return {
          status: 200,
          body: app.installations.map((each) => ({
            ...each,
            account: { login: "acme" },
            html_url: `${url}/installations/${each.id}`,
          })),
        };
      case "GET /app/hook/deliveries":
        return { status: 200, body: app.deliveries.toSorted((a, b) => b.id - a.id) };
      default:
        return { status: 501, body: { message: `${line} is not in this test` } };
    }
  }

  function convert(code: string): { status: number; body: unknown } {
    const manifest = manifests.get(code);
    manifests.delete(code);
    if (manifest === undefined) return { status: 404, body: { message: "Not Found" } };
    const hook = manifest["hook_attributes"] as { url: string };
    const app: StubApp = {
      id: 4000 + apps.length,
      slug: String(manifest["name"]).toLowerCase(),
      permissions: { ...(manifest["default_permissions"] as Record<string, string>) },
      events: [...(manifest["default_events"] as string[])],
      hook: { url: hook.url, content_type: "form", insecure_ssl: "0", secret: "made-by-github-0123456789" },
      privateKeyPem: appKey(),
      installations: [],
      deliveries: [],
    };
    apps.push(app);
    return {
      status: 201,
      body: { ...shown(app), pem: app.privateKeyPem, webhook_secret: app.hook.secret, client_secret: "x" },
    };
  }

  const shown = ({ id, slug, permissions, events }: StubApp) => ({
    id,
    slug,
    permissions,
    events,
    html_url: `${url}/apps/${slug}`,
    owner: { login: "acme" },
  });

  async function serve(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const { status, body, headers = {} } = await answer(req);
    res.writeHead(status, { "content-type": "application/json; charset=utf-8", ...headers });
    res.end(typeof body === "string" ? body : JSON.stringify(body));
  }

  const server = createServer((req, res) => void serve(req, res));
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return Object.assign(stub, {
    url,
    apps,
    manifests,
    calls,
    close: () =>
      new Promise<void>((closed) => {
        server.close(() => closed());
        server.closeAllConnections();
      }),
  });
}

function signedBy({ id, privateKeyPem }: StubApp, authorization: string | undefined): boolean {
  const [header = "", payload = "", signature = ""] = (authorization ?? "").replace(/^bearer /i, "").split(".");
  if (payload === "") return false;
  const { iss } = JSON.parse(Buffer.from(payload, "base64url").toString()) as { iss: unknown };
  const key = createPublicKey(privateKeyPem);
  const signed = Buffer.from(`${header}.${payload}`);
  return Number(iss) === id && verify("sha256", signed, key, Buffer.from(signature, "base64url"));
}

async function bodyOf(req: IncomingMessage): Promise<string> {
  let text = "";
  for await (const chunk of req) text += String(chunk);
  return text;
}
