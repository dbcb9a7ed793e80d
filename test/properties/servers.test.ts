import * as fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createGitHubClient } from "../../src/adapters/github-client.ts";
import { createGitHubHttp, createOctokit } from "../../src/adapters/github-http.ts";
import { kubeconfigAccess } from "../../src/adapters/kubeconfig-access.ts";
import { createKubernetes } from "../../src/adapters/kubernetes-client.ts";
import { OutsideError } from "../../src/core/problem.ts";
import { kubeConfigFor } from "../adapters/kubernetes-server.ts";
import { pull, shop } from "../adapters/github-replies.ts";
import { deployment, image } from "../adapters/kubernetes-stub.ts";
import { hostileText, hostileValue, mutationOf, runs } from "./arbitrary.ts";
import { serve, type Stub } from "./stub.ts";

interface Given {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

let stub: Stub;
let given: Given = { status: 200, headers: {}, body: "" };
beforeAll(async () => {
  stub = await serve((_request, response) => {
    response.writeHead(given.status, given.headers).end([204, 304].includes(given.status) ? undefined : given.body);
  });
});
afterAll(() => stub.close());

const header = hostileText.map((text) => text.replaceAll(/[^\t\x20-\x7e\x80-\xff]/g, ""));
const bodies = (...whole: readonly unknown[]) =>
  fc.oneof(
    mutationOf(...whole).map((value) => JSON.stringify(value) ?? ""),
    mutationOf(...whole).map((value) => (JSON.stringify(value) ?? "").slice(0, -3)),
    hostileValue.map((value) => JSON.stringify(value) ?? ""),
    hostileText,
  );
const statuses = [
  200, 200, 200, 201, 202, 204, 206, 301, 304, 307, 400, 401, 403, 404, 409, 410, 422, 429, 500, 501, 502,
];

/** null: it answered; otherwise the problem's code. Anything else that is thrown is a bug of ours. */
async function codeOf(call: Promise<unknown>): Promise<string | null> {
  try {
    await call;
    return null;
  } catch (error) {
    if (!(error instanceof OutsideError)) throw error;
    return error.problem.code;
  }
}

/** A success that cannot be read, or a failure that says nothing of what it has done. */
const mayHaveHappened = ({ status }: Given): boolean => status < 300 || status >= 500;

test("whatever a server in GitHub's place answers is an answer or a problem; a write that may have happened is never called undone", async () => {
  const octokit = createOctokit({ apiUrl: stub.url, userAgent: "proa-test", clock: { now: () => 0 } });
  const credentials = { token: async () => "t", refused: () => undefined };
  const github = createGitHubClient(createGitHubHttp(octokit, credentials, { now: () => 0 }), { id: 7, slug: "proa" });
  const answer: fc.Arbitrary<Given> = fc.record({
    status: fc.constantFrom(...statuses),
    headers: fc.record(
      {
        "content-type": fc.oneof(fc.constantFrom("application/json", "text/html", "application/octet-stream"), header),
        link: fc.oneof(fc.constantFrom('<http://[>; rel="next"', '<x>; rel="next"', '<>; rel="next"'), header),
        location: fc.oneof(fc.constantFrom("http://[", "//", "", "?"), header),
        etag: header,
        "retry-after": fc.oneof(fc.constantFrom("-1", "1e9", "soon"), header),
        "x-ratelimit-remaining": fc.constantFrom("0", "x", "-1"),
        "x-ratelimit-reset": fc.constantFrom("0", "x", "1e99", "-5"),
      },
      { requiredKeys: [] },
    ),
    body: bodies(pull, [pull], { check_runs: [], total_count: 0 }),
  });
  await fc.assert(
    fc.asyncProperty(answer, async (one) => {
      given = one;
      await codeOf(github.pullRequest(shop, 7));
      await codeOf(github.openPullRequests(shop));
      await codeOf(github.file(shop, ".proa.yml", "main"));
      const written = await codeOf(github.createComment(shop, 7, "hello"));
      expect(mayHaveHappened(one) && ["unavailable", "not-found"].includes(`${written}`)).toBe(false);
    }),
    runs(80),
  );
});

test("and so it is for a server in the cluster's place", async () => {
  const kubernetes = createKubernetes({
    cluster: "default",
    access: kubeconfigAccess(kubeConfigFor(stub.url)),
    fieldManager: "proa",
    timeoutMs: 20_000,
  });
  const answer: fc.Arbitrary<Given> = fc.record({
    status: fc.constantFrom(...statuses),
    headers: fc.record(
      { "content-type": fc.oneof(fc.constant("application/json"), header), "retry-after": header },
      { requiredKeys: [] },
    ),
    body: bodies(
      deployment,
      { items: [deployment], metadata: {} },
      {
        kind: "Status",
        reason: "Conflict",
        message: "m",
        details: { causes: [{ reason: "x", field: "f" }] },
        code: 409,
      },
    ),
  });
  await fc.assert(
    fc.asyncProperty(answer, async (one) => {
      given = one;
      await codeOf(kubernetes.deployment("shop", "web"));
      await codeOf(kubernetes.workloads("shop"));
      await codeOf(kubernetes.namespace("shop"));
      const written = await codeOf(kubernetes.patchImage(image));
      expect(mayHaveHappened(one) && ["unavailable", "not-found"].includes(`${written}`)).toBe(false);
    }),
    runs(80),
  );
});
