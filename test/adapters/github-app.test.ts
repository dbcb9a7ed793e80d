import { createVerify } from "node:crypto";
import { inspect } from "node:util";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { old, pull, repository, shop } from "./github-replies.ts";
import {
  type Answer,
  APP,
  type Asked,
  type GitHubServer,
  KEYS,
  problemOf,
  startGitHubServer,
} from "./github-server.ts";

let server: GitHubServer;
beforeEach(async () => {
  server = await startGitHubServer();
});
afterEach(() => server.close());

describe("signing in", () => {
  test("proves itself by a JWT of our key, issued a minute ago, that ends within ten minutes", async () => {
    server.on("GET /repos/acme/shop", { body: repository });
    await server.app().installation(5).repository(shop);
    const [asked] = server.asked("POST /app/installations/5/access_tokens");
    const [header = "", body = "", signature = ""] = (asked?.headers.authorization ?? "")
      .replace(/^bearer /i, "")
      .split(".");
    const claims = JSON.parse(Buffer.from(body, "base64url").toString()) as Record<string, number>;
    expect(createVerify("RSA-SHA256").update(`${header}.${body}`).verify(KEYS.publicKey, signature, "base64url")).toBe(
      true,
    );
    const now = server.clock.now() / 1000;
    expect(claims).toEqual({ iss: APP.appId, iat: now - 60, exp: now + 540 });
  });

  test("asks for no more permissions than Proa uses", async () => {
    server.on("GET /repos/acme/shop", { body: repository });
    await server.app().installation(5).repository(shop);
    expect(server.asked("POST /app/installations/5/access_tokens")[0]?.body).toEqual({
      permissions: {
        metadata: "read",
        contents: "read",
        checks: "write",
        statuses: "write",
        deployments: "write",
        pull_requests: "write",
      },
    });
  });

  test("one token serves calls side by side, later ones, and every client of the installation", async () => {
    server.on("GET /repos/acme/shop", { body: repository });
    const app = server.app();
    await Promise.all([app.installation(5).repository(shop), app.installation(5).repository(shop)]);
    server.clock.at += 54 * 60_000;
    await app.installation(5).repository(shop);
    expect(server.tokensGiven()).toBe(1);
    expect(server.asked("GET /repos/acme/shop")[0]?.headers.authorization).toBe("Bearer ghs_1");
  });

  test("renews a token that has less than five minutes left", async () => {
    server.on("GET /repos/acme/shop", { body: repository });
    const github = server.app().installation(5);
    await github.repository(shop);
    server.clock.at += 56 * 60_000;
    await github.repository(shop);
    expect(server.asked("GET /repos/acme/shop").map(({ headers }) => headers.authorization)).toEqual([
      "Bearer ghs_1",
      "Bearer ghs_2",
    ]);
  });

  test("repeats a call once with a fresh token after a 401, writes too", async () => {
    const refuseFirst = ({ headers }: Asked): Answer =>
      headers.authorization === "Bearer ghs_1"
        ? { status: 401, body: { message: "Bad credentials" } }
        : { status: 201, body: { id: 3 } };
    server.on("POST /repos/acme/shop/issues/7/comments", refuseFirst);
    expect(await server.app().installation(5).createComment(shop, 7, "hello")).toEqual({ id: 3 });
  });

  test("gives up after the second 401", async () => {
    server.on("GET /repos/acme/shop", { status: 401, body: { message: "Bad credentials" } });
    expect(await problemOf(server.app().installation(5).repository(shop))).toMatchObject({ code: "forbidden" });
    expect(server.asked("GET /repos/acme/shop")).toHaveLength(2);
  });

  test("an installation that is gone is a refusal, not the absence of what was asked for", async () => {
    server.on("POST /app/installations/5/access_tokens", { status: 404, body: { message: "Not Found" } });
    const problem = await problemOf(server.app().installation(5).pullRequest(shop, 7));
    expect(problem).toMatchObject({ code: "forbidden", retryable: false, whole: "installation" });
    expect(problem.detail).toContain("the App has no installation 5");
  });
});

describe("requests", () => {
  test("a repeated read is conditional, and a 304 serves what was read before", async () => {
    server.on("GET /repos/acme/shop/pulls/7", { body: pull, headers: { etag: '"one"' } }, { status: 304 });
    const github = server.app().installation(5);
    const first = await github.pullRequest(shop, 7);
    expect(await github.pullRequest(shop, 7)).toEqual(first);
    expect(server.asked("GET /repos/acme/shop/pulls/7").map(({ headers }) => headers["if-none-match"])).toEqual([
      undefined,
      '"one"',
    ]);
    const reads = server.infos.filter(({ method }) => method === "GET");
    expect(reads.map(({ route, status, conditional }) => [route, status, conditional])).toEqual([
      ["/repos/{owner}/{repo}/pulls/{pull_number}", 200, false],
      ["/repos/{owner}/{repo}/pulls/{pull_number}", 304, true],
    ]);
  });

  test("what one installation read is never served to another", async () => {
    server.on("POST /app/installations/6/access_tokens", {
      status: 201,
      body: { token: "ghs_six", expires_at: "2026-03-01T13:00:00Z", permissions: {} },
    });
    server.on("GET /repos/acme/shop", { body: repository, headers: { etag: '"one"' } });
    const app = server.app();
    await app.installation(5).repository(shop);
    await app.installation(6).repository(shop);
    expect(server.asked("GET /repos/acme/shop").map(({ headers }) => headers["if-none-match"])).toEqual([
      undefined,
      undefined,
    ]);
  });

  test("follows a renamed repository, and a write stays a write on the way", async () => {
    server.on("GET /repos/acme/old", { status: 301, headers: { location: `${server.url}/repositories/12` } });
    server.on("GET /repositories/12", { body: repository });
    server.on("POST /repos/acme/old/issues/7/comments", {
      status: 307,
      headers: { location: `${server.url}/repositories/12/issues/7/comments` },
    });
    server.on("POST /repositories/12/issues/7/comments", { status: 201, body: { id: 9 } });
    const github = server.app().installation(5);
    expect(await github.repository(old)).toMatchObject({ name: "acme/shop" });
    expect(await github.createComment(old, 7, "hello")).toEqual({ id: 9 });
    expect(server.asked("POST /repositories/12")[0]?.body).toEqual({ body: "hello" });
  });

  test("never takes the token to another origin", async () => {
    const elsewhere = await startGitHubServer();
    server.on("GET /repos/acme/shop", { status: 301, headers: { location: `${elsewhere.url}/repos/acme/shop` } });
    server.on("GET /repos/acme/shop/pulls", { body: [], headers: { link: `<${elsewhere.url}/more>; rel="next"` } });
    const github = server.app().installation(5);
    expect(await problemOf(github.repository(shop))).toMatchObject({ code: "unavailable" });
    expect(await problemOf(github.openPullRequests(shop))).toMatchObject({ code: "invalid" });
    expect(elsewhere.requests).toEqual([]);
    await elsewhere.close();
  });

  test("takes another fetch, as for node:https", async () => {
    server.on("GET /repos/acme/shop", { body: repository });
    const urls: string[] = [];
    const app = server.app({
      fetch: (url, init) => {
        urls.push(url);
        return fetch(url, init);
      },
    });
    await app.installation(5).repository(shop);
    expect(urls).toEqual([`${server.url}/app/installations/5/access_tokens`, `${server.url}/repos/acme/shop`]);
  });

  test.each([
    ["reset", {}],
    ["half", {}],
    ["never", { timeoutMs: 100 }],
  ] as const)(
    "an answer that breaks off (%s) leaves a read unavailable and a write unknown",
    async (broken, options) => {
      server.on("GET /repos/acme/shop", { broken });
      server.on("POST /repos/acme/shop/issues/7/comments", { status: 201, broken });
      const github = server.app(options).installation(5);
      expect(await problemOf(github.repository(shop))).toMatchObject({ code: "unavailable", retryable: true });
      expect(await problemOf(github.createComment(shop, 7, "hi"))).toMatchObject({
        code: "unknown-result",
        retryable: false,
      });
    },
  );

  test("a reply in an unknown shape is named with its field and URL", async () => {
    server.on("GET /repos/acme/shop/pulls/7", { body: { ...pull, head: { ...pull.head, sha: "main" } } });
    const problem = await problemOf(server.app().installation(5).pullRequest(shop, 7));
    expect(problem.detail).toBe(
      `GET ${server.url}/repos/acme/shop/pulls/7: head.sha is "main", expected a full commit id`,
    );
  });

  test("no error carries a token", async () => {
    server.on("GET /repos/acme/shop", { status: 500, body: { message: "oops" } });
    const error: unknown = await server
      .app()
      .installation(5)
      .repository(shop)
      .catch((reason: unknown) => reason);
    expect(inspect(error, { depth: 9 })).not.toContain("ghs_1");
  });
});

describe("the App's own view", () => {
  test("lists installations over all pages and says which are suspended", async () => {
    const next = `<${server.url}/app/installations?page=2>; rel="next"`;
    server.on("GET /app/installations?per_page=100", {
      body: [{ id: 5, suspended_at: null }],
      headers: { link: next },
    });
    server.on("GET /app/installations?page=2", { body: [{ id: 6, suspended_at: "2026-02-01T00:00:00Z" }] });
    expect(await server.app().installations()).toEqual([
      { id: 5, suspended: false },
      { id: 6, suspended: true },
    ]);
  });

  test("names an installation's repositories", async () => {
    server.on("GET /installation/repositories", { body: { total_count: 1, repositories: [repository] } });
    expect(await server.app().repositoriesOf(5)).toEqual([
      { id: 12, name: "acme/shop", private: true, archived: false, defaultBranch: "main" },
    ]);
  });

  test("finds deliveries of which no attempt succeeded, keeps 64-bit ids whole, and stops at what is older", async () => {
    const delivery = (id: string, guid: string, status_code: number, at: string) =>
      `{"id": ${id}, "guid": "${guid}", "status_code": ${status_code}, "delivered_at": "2026-03-01T${at}:00Z", "event": "push"}`;
    const next = `<${server.url}/app/hook/deliveries?per_page=100&cursor=v1_2>; rel="next"`;
    server.on("GET /app/hook/deliveries?per_page=100", {
      body: `[${delivery("3804004623172239366", "lost", 502, "11:50")}, ${delivery("20", "healed", 200, "11:40")}]`,
      headers: { link: next },
    });
    server.on("GET /app/hook/deliveries?per_page=100&cursor=v1_2", {
      body: `[${delivery("12", "healed", 500, "11:30")}, ${delivery("11", "lost", 0, "11:20")}, ${delivery("10", "old", 500, "08:00")}]`,
      headers: { link: `<${server.url}/app/hook/deliveries?cursor=v1_3>; rel="next"` },
    });
    expect(await server.app().failedDeliveries(Date.parse("2026-03-01T11:00:00Z"))).toEqual([
      { id: "3804004623172239366", guid: "lost", deliveredAt: Date.parse("2026-03-01T11:50:00Z") },
    ]);
    expect(server.asked("GET /app/hook/deliveries")).toHaveLength(2);
  });

  test("asks for a delivery again", async () => {
    server.on("POST /app/hook/deliveries/3804004623172239366/attempts", { status: 202, body: {} });
    await server.app().redeliver("3804004623172239366");
    expect(server.asked("POST /app/hook/deliveries/3804004623172239366/attempts")).toHaveLength(1);
  });
});
