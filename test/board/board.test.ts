import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Browser, chromium, type Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { createBoard } from "../../local/board/board.ts";
import { createWorld, type World } from "../../local/world.ts";

const CHROMIUM = "/usr/bin/chromium";
const MISSING = `The board is tested in a real browser, and there is none at ${CHROMIUM}: apt-get install chromium`;
/** Nothing of its own to the internet: the board must work without. */
const QUIET = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"];
/** Real tests run, images are pushed and pods start meanwhile; how long that takes is the machine's affair. */
const PATIENCE_MS = 150_000;

let world: World;
let browser: Browser;
let page: Page;
let origin: string;
let dir: string;
const complaints: string[] = [];

beforeAll(async () => {
  if (!existsSync(CHROMIUM)) return;
  dir = await mkdtemp(join(tmpdir(), "proa-board-"));
  world = await createWorld({ dir, port: 0, env: process.env, log: () => {}, page: createBoard });
  origin = world.url.replace("127.0.0.1", "localhost");
  const args = [...QUIET, "--disable-component-update", "--disable-sync"];
  browser = await chromium.launch({ executablePath: CHROMIUM, args });
});

afterAll(async () => {
  await browser?.close();
  await world?.close();
  if (dir !== undefined) await rm(dir, { recursive: true, force: true });
});

beforeEach(async ({ skip }) => {
  if (browser === undefined && process.env["CI"] !== undefined) throw new Error(MISSING);
  if (browser === undefined) return skip(MISSING);
  page = await browser.newPage({ viewport: { width: 1280, height: 900 } });
  page.setDefaultTimeout(PATIENCE_MS);
  // Whatever the page's policy forbids, and whatever throws, is said on the console.
  page.on("console", (message) => message.type() === "error" && complaints.push(message.text()));
  page.on("pageerror", (error) => complaints.push(error.message));
});

afterEach(async () => {
  await page?.close();
  const said = complaints.splice(0);
  if (said.length > 0) throw new Error(`The browser complained: ${said.join("; ")}`);
});

test(
  "from a pull request through a crash to one digest in staging and production, and back",
  { timeout: 4 * PATIENCE_MS },
  async () => {
    await page.goto(origin);
    await page.getByRole("region", { name: "The story" }).getByRole("button", { name: "Open a pull request" }).click();
    await page.waitForURL(/\/acme\/shop\/pull\/\d+$/);
    await page.getByText("Preview is ready").waitFor();
    expect(await appVersion("preview")).toMatch(/^version 1\.\d+\.0 · commit [0-9a-f]{7}$/);

    await page.getByRole("button", { name: "Push a crashing version" }).click();
    const github = page.getByRole("region", { name: "On GitHub" });
    await github.getByText("Preview failed").waitFor();
    const report = github.locator("details.run", { hasText: "proa/preview report" });
    await report.getByText("TypeError: Cannot read properties of undefined").waitFor();
    expect(await report.getByRole("button").allInnerTexts()).toEqual(["Retry"]);
    expect(await appVersion("preview")).toMatch(/^version 1\.\d+\.0/);

    await page.getByRole("button", { name: "Push a good version" }).click();
    await page.getByText("Preview is ready").waitFor();
    await stage("Pull request").getByRole("button", { name: "Merge" }).click();
    await page.getByText("That is the whole story").waitFor();
    const digests = await Promise.all(
      ["Staging", "Production"].map((name) => stage(name).locator(".digest").getAttribute("title")),
    );
    expect(digests[0]).toMatch(/^sha256:[0-9a-f]{64}$/);
    expect(digests[1]).toBe(digests[0]);
    expect(await appVersion("production")).toBe(await appVersion("staging"));

    const live = github.locator("details.run", { hasText: "proa/production report" });
    await live.locator("summary").click();
    await live.getByRole("button", { name: "Roll back" }).click();
    await stage("Production").getByText("On hold").waitFor();
    await stage("Production").getByText("blocked").waitFor();
    expect(await stage("Production").locator(".digest").getAttribute("title")).not.toBe(digests[0]);
  },
);

test(
  "a pod's log stays open while a delivery is sent again and the page goes on",
  { timeout: 2 * PATIENCE_MS },
  async () => {
    await page.goto(origin);
    const cluster = page.getByRole("region", { name: "In the cluster" });
    await cluster.getByRole("button", { name: "production" }).click();
    await cluster.getByRole("button", { name: "Log", exact: true }).click();
    await cluster.getByText(/is listening on port/).waitFor();
    await page.getByRole("button", { name: "Redeliver" }).first().click();
    await page.getByText("GitHub delivers it once more").waitFor();
    await page.getByRole("region", { name: "Activity" }).getByText("again").first().waitFor();
    expect(await cluster.locator(".log pre").innerText()).toMatch(/is listening on port/);
  },
);

test(
  "what somebody writes is text on the page, and a refused command is answered",
  { timeout: 2 * PATIENCE_MS },
  async () => {
    const path = await openPull();
    await page.goto(`${origin}${path}`);
    await page
      .getByLabel("Comment on")
      .fill(`<img src=x onerror="document.title='stolen'"> [here](javascript:alert(1))`);
    await page.getByRole("button", { name: "Comment", exact: true }).click();
    const comment = page.getByRole("article").filter({ hasText: "maintainer" });
    await comment.getByText("<img src=x onerror=").waitFor();
    expect(await comment.locator("img, a").count()).toBe(0);

    await page.getByLabel("Comment on").fill("/release-hold staging");
    await page.getByRole("button", { name: "Comment", exact: true }).click();
    await page.getByText("nothing is held here").waitFor();
  },
);

test("the addresses that GitHub hands out open the board at what they name", { timeout: 2 * PATIENCE_MS }, async () => {
  const path = await openPull();
  await page.goto(`${origin}${path}`);
  await page.locator("details.run", { hasText: "test" }).first().waitFor();
  const run = (await page.locator("details.run").first().getAttribute("id")) ?? "";
  await page.goto(`${origin}/acme/shop/runs/${run.replace("run-", "")}`);
  await page.locator(`#${run}[data-asked]`).waitFor();

  const sha = (await page.locator(".commit .sha").first().getAttribute("title")) ?? "";
  await page.goto(`${origin}/acme/shop/commit/${sha}`);
  await page.locator(`.commit .sha[title="${sha}"]`).waitFor();
  expect(await page.getByRole("heading", { name: /^Pull request #/ }).count()).toBe(1);
});

test("on a phone nothing is wider than the screen", { timeout: 2 * PATIENCE_MS }, async () => {
  await page.setViewportSize({ width: 390, height: 844 });
  await page.goto(origin);
  await page.locator(".stage").nth(3).waitFor();
  expect(await page.evaluate<number>("document.documentElement.scrollWidth")).toBe(390);
});

test("only the board's own page may press its buttons", async () => {
  const [own, other] = [{ origin }, { origin: "http://evil.example" }];
  for (const headers of [other, {}, { ...own, "sec-fetch-site": "same-site" }]) {
    const answer = await send("POST", "/_board/actions/open", headers);
    expect(answer).toEqual([403, "Only the board's own page may press its buttons."]);
  }
  // A name of theirs that resolves to this machine.
  expect(await send("GET", "/_board/state", { host: "evil.example" })).toEqual([
    403,
    "The board answers at localhost and 127.0.0.1 only.",
  ]);
});

test("what cannot be done is said in a sentence", async () => {
  const own = { origin };
  expect(await send("POST", "/_board/actions/merge", own, { number: 4711 })).toEqual([
    422,
    "GitHub refused (404): Not Found.",
  ]);
  expect(await send("POST", "/_board/actions/merge", own, {})).toEqual([
    400,
    "That did not work: the page's request: number is missing, expected a whole number",
  ]);
  expect(await send("POST", "/_board/actions/dance", own)).toEqual([
    404,
    "There is no action at /_board/actions/dance.",
  ]);
});

const stage = (name: string) => page.locator(".stage", { has: page.getByRole("heading", { name }) });

/** The line at the foot of the shop's page, in a tab of its own. */
async function appVersion(name: string): Promise<string> {
  const [tab] = await Promise.all([
    page.waitForEvent("popup"),
    stage(name).getByRole("link", { name: "Open the app" }).click(),
  ]);
  const text = await tab.locator("footer").innerText();
  await tab.close();
  return text;
}

async function openPull(): Promise<string> {
  const host = new URL(origin).host;
  const answer = await send("POST", "/_board/actions/open", { origin, host }, { variant: "good" }, "go");
  return String(answer[1]);
}

/** As anything but a browser would: every header as given, Host included. */
function send(
  method: string,
  path: string,
  headers: Record<string, string>,
  body: object = {},
  field = "error",
): Promise<[number, unknown]> {
  const host = new URL(origin).host;
  return new Promise((resolve, reject) => {
    const req = request(`${world.url}${path}`, { method, headers: { host, ...headers } }, (res) => {
      let text = "";
      res.setEncoding("utf8").on("data", (chunk: string) => (text += chunk));
      res.on("end", () => resolve([res.statusCode ?? 0, (JSON.parse(text) as Record<string, unknown>)[field]]));
    });
    req.on("error", reject).end(method === "POST" ? JSON.stringify(body) : undefined);
  });
}
