import { randomBytes, timingSafeEqual } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** The page that sends a manifest to GitHub, and waits for the browser to come back from there. */
export interface ManifestPage {
  /** What a person opens. */
  readonly url: string;
  /** GitHub's code: good once, for an hour. */
  readonly code: Promise<string>;
  close(): Promise<void>;
}

export interface ManifestPageOptions {
  /** Where GitHub takes manifests: `https://github.com/settings/apps/new`, or an organization's. */
  readonly action: string;
  readonly manifest: (redirectUrl: string) => object;
}

/**
 * A page of this machine's own. GitHub takes the manifest from a form that the browser posts, asks the person, makes the App, and
 * sends the browser back with a code. What comes back without the state that this run made up is somebody else's doing.
 * https://docs.github.com/apps/sharing-github-apps/registering-a-github-app-from-a-manifest
 */
export async function openManifestPage({ action, manifest }: ManifestPageOptions): Promise<ManifestPage> {
  const state = randomBytes(32).toString("base64url");
  const came = Promise.withResolvers<string>();
  let origin = "";

  function serve(req: IncomingMessage, res: ServerResponse): void {
    const url = new URL(req.url ?? "/", origin);
    // A name that leads to 127.0.0.1 is a page of somebody else's: https://owasp.org/www-community/attacks/DNS_Rebinding
    if (req.headers.host !== new URL(origin).host || req.method !== "GET")
      return send(res, 404, page("Nothing here", "<p>Open the address that the terminal shows.</p>"));
    if (url.pathname === "/") return send(res, 200, form(action, state, manifest(`${origin}/created`)));
    if (url.pathname !== "/created")
      return send(res, 404, page("Nothing here", `<p><a href="/">Create the GitHub App</a></p>`));
    const code = url.searchParams.get("code") ?? "";
    if (!same(url.searchParams.get("state") ?? "", state) || !/^[\w-]{1,200}$/.test(code))
      return send(
        res,
        400,
        page(
          "This did not come from here",
          `<p>GitHub's answer does not belong to this page: <a href="/">start again</a>.</p>`,
        ),
      );
    came.resolve(code);
    send(res, 200, page("The App is made", "<p>Its key is on its way to AWS. Go back to the terminal.</p>"));
  }

  const server = createServer(serve);
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    url: `${origin}/`,
    code: came.promise,
    close: () =>
      new Promise((closed) => {
        server.close(() => closed());
        server.closeIdleConnections();
      }),
  };
}

function same(a: string, b: string): boolean {
  const [left, right] = [Buffer.from(a), Buffer.from(b)];
  return left.length === right.length && timingSafeEqual(left, right);
}

function form(action: string, state: string, manifest: object): string {
  const to = new URL(action);
  to.searchParams.set("state", state);
  return page(
    "Create Proa's GitHub App",
    `<p>GitHub shows you the App's name, which you may change, and then makes it: with the permissions and events that Proa uses
and no others, and with its webhook at your stack. You come back here by yourself.</p>
<form method="post" action="${escaped(to.href)}">
<input type="hidden" name="manifest" value="${escaped(JSON.stringify(manifest))}">
<button>Create the App on ${escaped(to.host)}</button>
</form>`,
  );
}

const page = (title: string, body: string): string => `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${title}</title>
<style>body{font:16px/1.5 system-ui,sans-serif;max-width:36rem;margin:4rem auto;padding:0 1rem;color:#1f2328;background:#fff}
button{font:inherit;padding:.5rem 1rem;border:0;border-radius:6px;background:#1a7f37;color:#fff;cursor:pointer}
@media(prefers-color-scheme:dark){body{color:#e6edf3;background:#0d1117}a{color:#4493f8}}</style></head>
<body><h1>${title}</h1>${body}</body></html>`;

const ESCAPES: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };
const escaped = (text: string): string => text.replace(/[&<>"]/g, (character) => ESCAPES[character] ?? character);

function send(res: ServerResponse, status: number, html: string): void {
  res.writeHead(status, {
    "content-type": "text/html; charset=utf-8",
    // Nothing runs here, and the code in the address goes to nobody.
    "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'",
    "referrer-policy": "no-referrer",
    "cache-control": "no-store",
    connection: "close",
  });
  res.end(html);
}
