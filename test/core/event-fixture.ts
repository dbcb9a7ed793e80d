import type { Delivery, Reading } from "../../src/core/event-message.ts";
import { toMessages } from "../../src/core/event.ts";

export const OWN_APP = 4242;
export const receivedAt = Date.parse("2026-03-02T09:00:00Z");
export const guid = "72d3162e-cc78-11e3-81ab-4c9367dc0958";
export const head = "ec26c3e57ca3a959ca5aad62de7213c562f8c821";
export const base = "f95f852bd8fca8fcc58a9a2d6c842781e32a215e";

type Payload = Record<string, unknown>;

export const person = { login: "ada", id: 7, type: "User" };
export const robot = { login: "proa[bot]", id: 8, type: "Bot" };

const common = {
  repository: { id: 12, full_name: "acme/shop", html_url: "https://github.example/acme/shop" },
  installation: { id: 99 },
  sender: person,
};

/** What GitHub sends, reduced to the fields that tell one event from another and those that are read. */
export const pullRequest = (action: string, change: Payload = {}): Payload => ({
  ...common,
  action,
  number: 5,
  pull_request: { number: 5, head: { sha: head }, html_url: "https://github.example/acme/shop/pull/5" },
  ...change,
});

export const push = (change: Payload = {}): Payload => ({
  ...common,
  ref: "refs/heads/main",
  before: base,
  after: head,
  deleted: false,
  commits: [],
  ...change,
});

export const inPull = (number: number, change: { repo?: number; sha?: string } = {}): Payload => ({
  number,
  head: { sha: change.sha ?? head, ref: "topic" },
  base: { sha: base, ref: "main", repo: { id: change.repo ?? 12 } },
});

export const checkRun = (action: string, run: Payload = {}, change: Payload = {}): Payload => ({
  ...common,
  action,
  check_run: {
    id: 3,
    name: "test",
    head_sha: head,
    external_id: "",
    app: { id: 15368 },
    pull_requests: [inPull(5)],
    ...run,
  },
  ...change,
});

export const ownRun = (action: string, externalId: string, change: Payload = {}): Payload =>
  checkRun(action, { app: { id: OWN_APP }, external_id: externalId, pull_requests: [] }, change);

export const checkSuite = (action: string, suite: Payload = {}): Payload => ({
  ...common,
  action,
  check_suite: { id: 4, head_sha: head, app: { id: 15368 }, pull_requests: [inPull(5)], ...suite },
});

export const status = (change: Payload = {}): Payload => ({
  ...common,
  id: 1,
  sha: head,
  context: "ci/build",
  state: "success",
  target_url: "https://ci.example/1",
  ...change,
});

export const comment = (body: string, change: Payload = {}): Payload => ({
  ...common,
  action: "created",
  issue: { number: 5, pull_request: { url: "https://api.github.example/repos/acme/shop/pulls/5" } },
  comment: { id: 77, body, created_at: "2026-03-02T08:59:58Z" },
  ...change,
});

export const mergeGroup = (action: string): Payload => ({
  ...common,
  action,
  merge_group: { head_sha: head, head_ref: "refs/heads/gh-readonly-queue/main/pr-5" },
});

export const installation = (action: string): Payload => ({
  action,
  installation: { id: 99, account: { login: "acme" } },
  sender: person,
});

export const installationRepositories = (added: unknown[], removed: unknown[] = []): Payload => ({
  action: added.length > 0 ? "added" : "removed",
  installation: { id: 99 },
  repository_selection: "selected",
  repositories_added: added,
  repositories_removed: removed,
  sender: person,
});

/** The payload without the field at a dotted path. */
export function without(payload: Payload, path: string): Payload {
  const copy = structuredClone(payload);
  const keys = path.split(".");
  const last = keys.pop() ?? "";
  const parent = keys.reduce<Payload>((value, key) => value[key] as Payload, copy);
  delete parent[last];
  return copy;
}

/** The payload with another value at a dotted path. */
export function withField(payload: Payload, path: string, value: unknown): Payload {
  const copy = structuredClone(payload);
  const keys = path.split(".");
  const last = keys.pop() ?? "";
  const parent = keys.reduce<Payload>((inner, key) => inner[key] as Payload, copy);
  parent[last] = value;
  return copy;
}

export const deliver = (event: string, payload: unknown, change: Partial<Delivery> = {}): Reading =>
  toMessages({ event, id: guid, payload, ownAppId: OWN_APP, receivedAt, ...change });
