import * as fc from "fast-check";
import { expect, test } from "vitest";
import { dedupId, groupOf } from "../../src/core/message-ids.ts";
import { parseCommand } from "../../src/core/command-text.ts";
import type { Message } from "../../src/core/message.ts";
import { isTarget, parseMessage } from "../../src/core/message-parse.ts";
import { targetId } from "../../src/core/names.ts";
import { parseTargetId } from "../../src/core/target-names.ts";
import { preview, repo, repoId, sha, staging } from "../core/decision-fixture.ts";
import { HOSTILE, hostileText, hostileValue, mutationOf, runs } from "./arbitrary.ts";

const from = { v: 1, delivery: "d", installation: 3, repo, receivedAt: 0, because: "test" } as const;
const ordered = { verb: "rollback", environment: null, actor: { login: "ada", id: 7 }, at: 0 } as const;
const whole: readonly Message[] = [
  { ...from, kind: "look", target: preview, sha: sha("a") },
  { ...from, kind: "commit", repoId, sha: sha("a") },
  { ...from, kind: "branch", repoId, branch: "main", sha: sha("a") },
  { v: 1, kind: "image", delivery: "d", receivedAt: 0, because: "test", repository: "acme/web", tag: "t" },
  {
    ...from,
    kind: "command",
    repoId,
    target: null,
    command: { ...ordered, source: { kind: "comment", number: 5, commentId: 77 } },
  },
  {
    ...from,
    kind: "command",
    repoId,
    target: staging,
    command: { ...ordered, source: { kind: "button", sha: sha("a"), checkRunId: 3, externalId: "env/12/staging@4" } },
  },
  { v: 1, kind: "tick", target: staging, n: 4 },
  {
    v: 1,
    kind: "installation",
    delivery: "d",
    installation: 3,
    receivedAt: 0,
    because: "test",
    change: "active",
    repositories: [{ id: repoId, name: repo, change: "added" }],
  },
];

/** What is wrong with how the body was read, or refused. */
function faults(body: unknown): string[] {
  let message: Message;
  try {
    message = parseMessage(body);
  } catch (error) {
    return /^Error: the (\w+ )?message /.test(String(error)) ? [] : [String(error)];
  }
  const ids = [groupOf(message), dedupId(message)];
  const target = "target" in message ? message.target : null;
  const sha = "sha" in message ? message.sha : null;
  return [
    ...ids.filter((id) => /undefined|null|NaN|\[object/.test(id)),
    ...(groupOf(message).includes("..") ? [groupOf(message)] : []),
    ...(target === null || parseTargetId(targetId(target)) !== null ? [] : ["a target that is none"]),
    ...(target === null || message.kind !== "command" || target.repoId === message.repoId ? [] : ["another's target"]),
    ...(sha === null || /^[0-9a-f]{40}(?:[0-9a-f]{24})?$/.test(sha) ? [] : ["a commit that is none"]),
    ...("receivedAt" in message && !(message.receivedAt >= 0) ? ["a time that is none"] : []),
  ];
}

test("a changed message is either refused with its name, or in every part what its type says", () => {
  fc.assert(
    fc.property(fc.oneof(mutationOf(...whole), hostileValue), (body) => {
      expect(faults(body)).toEqual([]);
    }),
    runs(6_000),
  );
});

test("every field that a message is acted on by is missed when it is of another type", () => {
  for (const message of whole) {
    for (const path of leaves(message)) {
      const value = path.reduce<unknown>((inner, key) => Reflect.get(Object(inner), key), message);
      const nullable = value === null || (message.kind === "look" && path[0] === "sha");
      for (const wrong of [{}, [], typeof value === "number" ? "7" : 7, true, ...(nullable ? [] : [null])]) {
        const body = replaced(message, path, wrong);
        expect(() => parseMessage(body), `${path.join(".")} of ${message.kind}: ${JSON.stringify(wrong)}`).toThrow(
          "message",
        );
      }
    }
  }
});

const leaves = (value: unknown, path: readonly string[] = []): string[][] =>
  typeof value === "object" && value !== null
    ? Object.entries(value).flatMap(([key, inner]) => leaves(inner, [...path, key]))
    : [[...path]];

function replaced(value: unknown, [key, ...rest]: readonly string[], by: unknown): unknown {
  if (key === undefined) return by;
  const copy = Array.isArray(value) ? [...(value as unknown[])] : { ...(value as object) };
  Reflect.set(copy, key, replaced(Reflect.get(copy, key), rest, by));
  return copy;
}

test("only what is exactly a target is one", () => {
  const exact = (value: unknown): boolean => {
    if (!isTarget(value)) return true;
    const { kind, repoId: id } = value;
    const read = parseTargetId(targetId(value));
    return typeof id === "number" && read?.kind === kind && read.repoId === id;
  };
  fc.assert(
    fc.property(mutationOf(preview, staging), (value) => {
      expect(exact(value)).toBe(true);
    }),
    runs(5_000),
  );
});

test("a command in a comment is one of four verbs and at most a short harmless word, whatever else is written", () => {
  const verb = fc.constantFrom("/approve", "/rollback", "/release-hold", "/deploy", "/destroy", "/APPROVE", " /deploy");
  const line = fc.oneof(
    fc.tuple(verb, fc.constantFrom("", " ", "\t", "  "), hostileText).map((parts) => parts.join("")),
    fc.constantFrom("```", "~~~", "<!--", "-->", "> /deploy", "    /deploy", ...HOSTILE),
    hostileText,
  );
  const comment = fc
    .array(line, { maxLength: 12 })
    .chain((lines) => fc.constantFrom("\n", "\r\n", "\r").map((end) => lines.join(end)));
  fc.assert(
    fc.property(comment, (text) => {
      const { verb, argument } = parseCommand(text) ?? { verb: "deploy", argument: null };
      expect(["approve", "rollback", "release-hold", "deploy"]).toContain(verb);
      expect(argument ?? "none").toMatch(/^[A-Za-z0-9 ._?-]{1,40}$/);
    }),
    runs(5_000),
  );
});

test("a comment of many lines, or one line of half a million signs, is read once", () => {
  for (const unit of ["/deploy\0\n", "`", "<!--", "-->\n<!--", "~~~\n", "/deploy ", "\r", "   \n", " "]) {
    const comment = unit.repeat(500_000 / unit.length);
    expect(parseCommand(`${comment}\n`)?.verb ?? "none").toMatch(/^(deploy|none)$/);
  }
});
