import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { generateAppKey } from "../../local/github/server.ts";
import { createSqliteQueue } from "../../src/adapters/queue-sqlite.ts";
import { createSqliteTable } from "../../src/adapters/table-sqlite.ts";
import { leaksOf, outputsOf } from "./leaks.ts";

const planted = [{ name: "password", value: "canary/91c2+of the=store" }];
const value = planted[0]?.value ?? "";

test.for([
  ["as it is", `refused: ${value}.`],
  ["in base64", `data: ${Buffer.from(value).toString("base64")}`],
  ["at the beginning of something longer in base64", Buffer.from(`${value} and more`).toString("base64")],
  ["in an address", `https://registry.example/?password=${encodeURIComponent(value)}`],
])("a secret is found %s", ([, text]) => {
  expect(leaksOf(planted, [{ where: "the log", text: text ?? "" }])).toEqual(["the secret password stands in the log"]);
});

test("a line of a private key is found wherever it stands", () => {
  const key = generateAppKey();
  const text = JSON.stringify({ cause: key });
  expect(leaksOf([{ name: "appKey", value: key }], [{ where: "an answer", text }])).toHaveLength(1);
  expect(leaksOf([{ name: "appKey", value: key }], [{ where: "an answer", text: generateAppKey() }])).toEqual([]);
});

test("the log, GitHub, the store and the queue are searched, dead letters too", async (t) => {
  const dir = mkdtempSync(join(tmpdir(), "proa-leaks-"));
  t.onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  const table = createSqliteTable(join(dir, "proa.sqlite"));
  const queue = createSqliteQueue(join(dir, "queue.sqlite"), () => 0);
  await table.write([{ kind: "put", key: { pk: "a", sk: value }, value: 1, when: { kind: "always" } }]);
  await queue.report(1, 0);
  const exchange = {
    method: "POST",
    path: "/repos/acme/shop/issues/1/comments",
    requestBody: { body: value },
    status: 201,
    responseBody: {},
  };
  const outputs = outputsOf(dir, [`{"msg":"${value}"}`], [exchange]);
  table.close();
  queue.close();
  expect(leaksOf(planted, outputs)).toEqual([
    "the secret password stands in the log",
    "the secret password stands in GitHub's POST /repos/acme/shop/issues/1/comments",
    "the secret password stands in proa.sqlite items",
  ]);
  expect(outputs.map(({ where }) => where)).toContain("queue.sqlite messages");
});
