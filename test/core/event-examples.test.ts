import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { dedupId, groupOf } from "../../src/core/message-ids.ts";
import { deliver } from "./event-fixture.ts";

interface Examples {
  readonly name: string;
  readonly examples: readonly Record<string, unknown>[];
}

const file = fileURLToPath(import.meta.resolve("@octokit/webhooks-examples"));
const published = JSON.parse(readFileSync(file, "utf8")) as readonly Examples[];
/** Many examples were recorded from a repository's own webhook, which names no installation. */
const withInstallation = (example: Record<string, unknown>): Record<string, unknown> => ({
  installation: { id: 2 },
  ...example,
});
const cases = published.flatMap(({ name, examples }) =>
  examples.map((example, i) => ({ name, i, payload: withInstallation(example) })),
);
const handled = [
  "check_run",
  "check_suite",
  "installation",
  "installation_repositories",
  "issue_comment",
  "merge_group",
  "pull_request",
  "push",
  "status",
];

describe("GitHub's published examples", () => {
  test("are there", () => {
    expect(cases.length).toBeGreaterThan(200);
    expect(handled.filter((name) => !cases.some((example) => example.name === name))).toEqual([]);
  });

  test("are all understood", () => {
    const misread = cases.filter(({ name, payload }) => deliver(name, payload).kind === "malformed");
    expect(misread.map(({ name, i }) => `${name} ${i}: ${JSON.stringify(deliver(name, cases[i]?.payload))}`)).toEqual(
      [],
    );
  });

  test("become these messages", () => {
    const summary = cases
      .filter(({ name }) => handled.includes(name))
      .map(({ name, payload }) => {
        const reading = deliver(name, payload);
        const action = typeof payload["action"] === "string" ? `.${payload["action"]}` : "";
        const what =
          reading.kind === "messages" ? reading.messages.map((m) => `${m.kind} ${groupOf(m)}`) : [reading.kind];
        return `${name}${action}: ${what.join(", ")}`;
      });
    expect([...new Set(summary)].sort().join("\n")).toMatchSnapshot();
  });

  test("become messages of less than two kilobytes, without a URL, each with its own id", () => {
    const large = cases.flatMap(({ name, i, payload }) => {
      const reading = deliver(name, payload);
      if (reading.kind !== "messages") return [];
      const bad = reading.messages.filter((m) => JSON.stringify(m).length >= 2048 || JSON.stringify(m).includes("://"));
      const ids = new Set(reading.messages.map(dedupId));
      const long = [...ids].filter((id) => id.length > 128);
      return bad.length + long.length > 0 || ids.size < reading.messages.length ? [`${name} ${i}`] : [];
    });
    expect(large).toEqual([]);
  });

  test.each(handled)("of any other event are never taken for %s", (event) => {
    const taken = cases.filter(({ name, payload }) => name !== event && deliver(event, payload).kind === "messages");
    expect(taken.map(({ name, i }) => `${name} ${i}`)).toEqual([]);
  });
});
