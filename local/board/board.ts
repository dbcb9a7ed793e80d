import { readFileSync } from "node:fs";
import type { IncomingMessage, ServerResponse } from "node:http";
import { Field, MalformedReply } from "../../src/adapters/github-field.ts";
import { parseTargetId } from "../../src/core/target-names.ts";
import { readBody } from "../github/http.ts";
import type { World } from "../world.ts";
import { ACTIONS } from "./actions.ts";
import { parseFocus } from "./conversation.ts";
import { createBoardGitHub } from "./github.ts";
import { Refused } from "./refused.ts";
import { createSnapshots } from "./snapshot.ts";

const PAGE: Readonly<Record<string, string>> = {
  "index.html": "text/html; charset=utf-8",
  "board.css": "text/css; charset=utf-8",
  "board.js": "text/javascript; charset=utf-8",
  "dom.js": "text/javascript; charset=utf-8",
  "markdown.js": "text/javascript; charset=utf-8",
  "views.js": "text/javascript; charset=utf-8",
};

/** Everything on the page is ours; what logs and comments hold can neither run nor load anything. */
const HEADERS = {
  "content-security-policy":
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  "x-content-type-options": "nosniff",
  "referrer-policy": "no-referrer",
  "cache-control": "no-store",
};

const LOOK_EVERY_MS = 1_000;
const LOG_LINES = 200;

/** The page that shows the local world, and its buttons. */
export function createBoard(world: World): (req: IncomingMessage, res: ServerResponse) => Promise<void> {
  const github = createBoardGitHub(world);
  const snapshots = createSnapshots(world, github);
  const watch = createWatch(world, () => snapshots.mark());

  return async (req, res) => {
    const { pathname, searchParams } = new URL(req.url ?? "/", world.url);
    try {
      // A name of somebody else's that resolves to this machine would make their page same-origin with ours.
      if (!isThisMachine(req.headers.host))
        throw new Refused(403, "The board answers at localhost and 127.0.0.1 only.");
      if (req.method === "POST") return json(res, 200, await act(pathname, req));
      if (req.method !== "GET" && req.method !== "HEAD") throw new Refused(405, "The board knows GET and POST.");
      if (parseFocus(pathname) !== null) return file(res, "index.html");
      const [, folder, ...rest] = pathname.split("/");
      const name = rest.join("/");
      if (folder === "_board" && name === "state")
        return json(res, 200, await snapshots.take(parseFocus(searchParams.get("at") ?? "/") ?? { kind: "newest" }));
      if (folder === "_board" && name === "events") return watch.join(res);
      if (folder === "_board" && name === "log")
        return send(res, 200, "text/plain; charset=utf-8", await log(searchParams));
      if (folder === "_board" && PAGE[name] !== undefined) return file(res, name);
      throw new Refused(404, `There is nothing at ${pathname}.`);
    } catch (error) {
      const { status, sentence } = explain(error);
      json(res, status, { error: sentence });
    }
  };

  async function act(pathname: string, req: IncomingMessage): Promise<unknown> {
    if (!isOwnPage(req)) throw new Refused(403, "Only the board's own page may press its buttons.");
    const action = ACTIONS.get(pathname.replace(/^\/_board\/actions\//, ""));
    if (action === undefined) throw new Refused(404, `There is no action at ${pathname}.`);
    const done = await action(new Field(JSON.parse(String(await readBody(req))) as unknown, "the page's request"), {
      world,
      github,
    });
    github.forget();
    watch.changed();
    return done;
  }

  async function log(query: URLSearchParams): Promise<string> {
    const target = parseTargetId(query.get("target"));
    const cluster = query.get("cluster") ?? "";
    const namespace =
      target === null ? undefined : (await world.store.load(target)).state?.placements[cluster]?.namespace;
    if (namespace === undefined) throw new Refused(404, "Nothing is deployed there.");
    const options = { previous: query.get("previous") === "true", lines: LOG_LINES };
    return (
      (await world.fx.clusters
        .get(cluster)
        ?.logs(namespace, query.get("pod") ?? "", query.get("container") ?? "", options)) ?? ""
    );
  }
}

/** Tells every open page, at most once a second and only when something changed, to read again. */
function createWatch({ clock }: World, mark: () => Promise<string>) {
  const pages = new Set<ServerResponse>();
  let timer: number | null = null;
  let known = "";
  let looking = false;

  async function look(): Promise<void> {
    if (looking) return;
    looking = true;
    const now = await mark().catch(() => known); // the world is closing, or its next answer is a better one
    looking = false;
    if (now === known) return;
    known = now;
    changed();
  }
  const changed = (): void => {
    for (const page of pages) page.write("data: changed\n\n");
  };
  return {
    changed,
    join(res: ServerResponse): void {
      res.writeHead(200, { ...HEADERS, "content-type": "text/event-stream" }).write("retry: 1000\n\n");
      pages.add(res);
      timer ??= clock.setInterval(() => void look(), LOOK_EVERY_MS);
      res.once("close", () => {
        pages.delete(res);
        if (pages.size > 0 || timer === null) return;
        clock.clearInterval(timer);
        timer = null;
      });
    },
  };
}

const isThisMachine = (host: string | undefined): boolean =>
  /^(?:localhost|127\.0\.0\.1|\[::1\])(?::\d+)?$/i.test(host ?? "");

/** A browser always says where a POST comes from; what says nothing is not our page. */
function isOwnPage({ headers }: IncomingMessage): boolean {
  const site = headers["sec-fetch-site"];
  return headers.origin === `http://${headers.host}` && (site === undefined || site === "same-origin");
}

function explain(error: unknown): { status: number; sentence: string } {
  if (error instanceof Refused) return { status: error.status, sentence: error.message };
  // Octokit's error, whose class is in a package of Octokit's own.
  if (error instanceof Error && "status" in error) {
    const reason = error.message.replace(/ - https:\S+$/, "").replace(/\.$/, "");
    return { status: 422, sentence: `GitHub refused (${String(error.status)}): ${reason}.` };
  }
  const sentence = `That did not work: ${error instanceof Error ? error.message : String(error)}`;
  return { status: error instanceof MalformedReply || error instanceof SyntaxError ? 400 : 500, sentence };
}

const file = (res: ServerResponse, name: string): void =>
  send(res, 200, PAGE[name] ?? "text/plain", readFileSync(new URL(`page/${name}`, import.meta.url)));

const json = (res: ServerResponse, status: number, body: unknown): void =>
  send(res, status, "application/json", JSON.stringify(body));

function send(res: ServerResponse, status: number, type: string, body: string | Buffer): void {
  res.writeHead(status, { ...HEADERS, "content-type": type }).end(body);
}
