import { describe, expect, test } from "vitest";
import { parseCommand } from "../../src/core/command-text.ts";

const command = (verb: string, argument: string | null = null) => ({ verb, argument });

describe("a comment", () => {
  test.each([
    ["/deploy", command("deploy")],
    ["/approve", command("approve")],
    ["/approve production", command("approve", "production")],
    ["/rollback staging", command("rollback", "staging")],
    ["/release-hold", command("release-hold")],
    ["/release-hold staging", command("release-hold", "staging")],
    ["/deploy  \t staging \t ", command("deploy", "staging")],
    ["Looks good, let us ship it.\r\n\r\n/approve production\r\n", command("approve", "production")],
    ["/lgtm\n/deploy staging", command("deploy", "staging")],
    ["/deploy staging\n/rollback production", command("deploy", "staging")],
    ["> see above\n/deploy", command("deploy")],
    ["```\n/rollback staging\n```\n/deploy", command("deploy")],
    ["~~~~\n```\n/rollback staging\n~~~\n~~~~\n/deploy", command("deploy")],
    ["```inline```\n/deploy", command("deploy")],
    ["<!-- one line -->\n/deploy", command("deploy")],
    ["<!--\n/rollback staging\n-->\n/deploy", command("deploy")],
    ["<!-- ``` -->\n/deploy", command("deploy")],
    ["```\n<!--\n```\n/deploy", command("deploy")],
  ])("%j is a command", (comment, expected) => {
    expect(parseCommand(comment)).toEqual(expected);
  });

  test.each([
    "",
    "please /deploy",
    " /deploy",
    "    /deploy",
    "> /deploy",
    ">/deploy",
    "- /deploy",
    "`/deploy`",
    "/deployment",
    "/deploy-now",
    "/Deploy",
    "/ deploy",
    "//deploy",
    "/lgtm",
    "/rollback/staging",
    "```\n/deploy\n```",
    "```sh\n/deploy",
    "~~~\n/deploy\n```\n/deploy",
    "````\n```\n/deploy\n```\n````",
    "  ```\n/deploy\n  ```",
    "<!--\n/deploy\n-->",
    "<!-- never closed\n/deploy",
    "<!-- a --> <!-- b\n/deploy\n-->",
  ])("%j is none", (comment) => {
    expect(parseCommand(comment)).toBeNull();
  });
});

describe("an argument that is no name stays visible, and stays no name", () => {
  test.each([
    ["/approve staging production", "staging production"],
    ["/deploy @octo/everyone", "?octo?everyone"],
    ["/deploy [x](https://evil.example)", "?x??https???evil.example?"],
    ["/deploy `staging`", "?staging?"],
    ["/deploy stagıng", "stag?ng"],
    ["/deploy ../../etc", "..?..?etc"],
    [`/deploy ${"a".repeat(300)}`, "a".repeat(40)],
  ])("%j", (comment, argument) => {
    expect(parseCommand(comment)?.argument).toBe(argument);
  });
});

test("a comment made to be slow to read is not", () => {
  const hostile = [
    "`".repeat(60_000) + "a`",
    "<!--".repeat(15_000),
    "/deploy" + " ".repeat(60_000) + "\u2028",
    "```\n".repeat(15_000),
    "/deploy\t ".repeat(7000),
  ];
  const started = performance.now();
  for (const comment of hostile) parseCommand(comment);
  // A generous bound: what it catches takes minutes.
  expect(performance.now() - started).toBeLessThan(5000);
});
