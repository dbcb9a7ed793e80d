import { emitterEventNames } from "@octokit/webhooks";
import { expect, test } from "vitest";
import { APP_PERMISSIONS as LOCAL_PERMISSIONS } from "../../local/github/auth.ts";
import { PERMISSIONS } from "../../src/adapters/github-credentials.ts";
import { toMessages } from "../../src/core/event.ts";
import { addressesOf, addressesOfApi } from "../../scripts/installation/github-addresses.ts";
import { APP_PERMISSIONS, appManifest, EVENTS } from "../../scripts/setup/manifest.ts";

const EVERY_EVENT = [...new Set(emitterEventNames.map((name) => name.split(".")[0] ?? ""))];

/** An event that is understood complains of an empty payload; the others are ignored before anybody looks. */
const understood = (event: string): boolean =>
  toMessages({ event, id: "00000000-0000-4000-8000-000000000000", payload: {}, ownAppId: 1, receivedAt: 0 }).kind ===
  "malformed";

test("the App asks for exactly the events that are understood, save those that come unasked", () => {
  const unasked = ["installation", "installation_repositories"];
  expect(EVERY_EVENT.length).toBeGreaterThan(50);
  expect([...EVENTS, ...unasked].sort()).toEqual(EVERY_EVENT.filter(understood).sort());
});

/** "To subscribe to this event, a GitHub App must have at least read-level access for …", event by event. */
const NEEDED: Readonly<Record<(typeof EVENTS)[number], string>> = {
  check_run: "checks",
  check_suite: "checks",
  issue_comment: "issues",
  merge_group: "merge_queues",
  pull_request: "pull_requests",
  push: "contents",
  status: "statuses",
};

test("it may be sent every event it asks for: GitHub refuses a manifest otherwise", () => {
  expect(Object.values(NEEDED).filter((permission) => !(permission in APP_PERMISSIONS))).toEqual([]);
});

test("beyond what its tokens are made for it holds only what an event needs, and only to read", () => {
  const beyond = Object.entries(APP_PERMISSIONS).filter(([name]) => !(name in PERMISSIONS));
  expect(APP_PERMISSIONS).toMatchObject(PERMISSIONS);
  expect(beyond.filter(([name, level]) => level !== "read" || !Object.values(NEEDED).includes(name))).toEqual([]);
});

test("the webhook goes to the stack, and nobody else may install the App unless that is wanted", () => {
  const wish = {
    name: "proa-acme",
    homepage: "https://github.com/acme",
    webhookUrl: "https://hook.example/",
    redirectUrl: "http://127.0.0.1:1/created",
    public: false,
  };
  expect(appManifest(wish)).toMatchObject({
    public: false,
    hook_attributes: { url: "https://hook.example/", active: true },
    redirect_url: "http://127.0.0.1:1/created",
  });
});

test("the local GitHub's App is granted the same, so that a journey needs nothing more than a real App has", () => {
  expect(LOCAL_PERMISSIONS).toEqual(APP_PERMISSIONS);
});

test.each([
  ["https://github.com", "https://api.github.com"],
  ["https://acme.ghe.com", "https://api.acme.ghe.com"],
  ["https://github.example.com", "https://github.example.com/api/v3"],
])("GitHub at %s has its API at %s, and the other way round", (html, api) => {
  expect(addressesOf(html)).toEqual({ html, api });
  expect(addressesOfApi(api)).toEqual({ html, api });
});

test("an address that is none is not taken for a GitHub", () => {
  expect(() => addressesOf("github.com")).toThrow("write https://github.com");
});
