import { createHash, createHmac } from "node:crypto";
import { gzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { OutsideError } from "../src/core/problem.ts";
import { createPlainLog } from "../src/log-plain.ts";
import { notReady, type WebhookRequest } from "../src/receive.ts";
import { SettingsError } from "../src/settings-read.ts";
import { NotSetUp } from "../src/settings-secret.ts";
import { checkRun, comment, guid, head, pullRequest, push } from "./core/event-fixture.ts";
import { bytes, delivery, FORMER, hexOf, json, knock, opened, SECRET, signatureOf } from "./receive-fixture.ts";

describe("a delivery as GitHub sends it", () => {
  test("becomes a message in its target's group, and one line in the log", async () => {
    const outcome = await knock(delivery());
    expect(outcome).toMatchObject({ status: 202, body: '{"queued":1}' });
    expect(outcome.sent).toEqual([
      {
        message: expect.objectContaining({ kind: "look", sha: head }),
        group: "preview/12/5",
        dedupId: `${guid}:preview/12/5`,
      },
    ]);
    expect(outcome.log.map((line) => JSON.parse(line))).toEqual([
      expect.objectContaining({ msg: "webhook queued", delivery: guid, event: "pull_request", messages: 1 }),
    ]);
  });

  test("that concerns more than one target becomes as many messages", async () => {
    const outcome = await knock(delivery(json(checkRun("completed")), { event: "check_run" }));
    expect(outcome).toMatchObject({ status: 202, body: '{"queued":2}' });
    expect(outcome.sent.map(({ group }) => group)).toEqual([`commit/12/${head}`, "preview/12/5"]);
  });

  test("that concerns nothing is answered with the reason", async () => {
    const outcome = await knock(delivery(json({ zen: "Design for failure." }), { event: "ping" }));
    expect(outcome).toMatchObject({ status: 202, body: '{"ignored":"ping"}', sent: [] });
  });

  test("is taken under both secrets while they are exchanged, and under the former no longer after", async () => {
    const old = delivery(opened, { headers: { "x-hub-signature-256": signatureOf(opened, FORMER) } });
    expect(await knock(old, { secrets: [SECRET, FORMER] })).toMatchObject({ status: 202 });
    expect(await knock(delivery(), { secrets: [FORMER, SECRET] })).toMatchObject({ status: 202 });
    expect(await knock(old)).toMatchObject({ status: 401, sent: [] });
  });

  test("is taken under a secret that was changed a moment ago: a signature that matches none makes us look", async () => {
    const request = delivery(opened, { headers: { "x-hub-signature-256": signatureOf(opened, "the one to come") } });
    expect(await knock(request, { fresh: ["the one to come", SECRET] })).toMatchObject({ status: 202 });
    expect(await knock(request, { fresh: ["another one"] })).toMatchObject({ status: 401, sent: [] });
    expect(await knock(delivery(), { fresh: ["the one to come"] })).toMatchObject({ status: 202 });
  });

  test.each(["application/json", "application/json; charset=utf-8", "Application/JSON ;charset=UTF-8"])(
    "may say %j",
    async (type) => {
      expect(await knock(delivery(opened, { headers: { "content-type": type } }))).toMatchObject({ status: 202 });
    },
  );

  test("may hold any text", async () => {
    const body = json(pullRequest("opened", { title: "ünï 🚀 \u0000 \u2028" }));
    expect(await knock(delivery(body))).toMatchObject({ status: 202 });
  });

  test("is recorded as failed on GitHub when the queue does not take it", async () => {
    const outcome = await knock(delivery(), { broken: new Error("send to the queue: 503") });
    expect(outcome).toMatchObject({ status: 500 });
    expect(outcome.log).toEqual([expect.stringContaining("send to the queue: 503")]);
  });
});

/** A well-formed delivery of one opened pull request, with one header changed. */
const signed = (signature: string | undefined): WebhookRequest =>
  delivery(opened, { headers: { "x-hub-signature-256": signature } });
const right = signatureOf(opened);
const hex = hexOf(opened);
const text = Buffer.from(opened).toString("utf8");
/** What was signed is not what arrives. */
const altered = (body: Uint8Array): WebhookRequest => delivery(body, { headers: { "x-hub-signature-256": right } });

describe("is refused before anything is read, and leaves no trace in the queue:", () => {
  const forged = json(pullRequest("opened", { number: 6 }));
  test.each<[title: string, request: WebhookRequest]>([
    ["no signature", signed(undefined)],
    ["an empty signature", signed("")],
    ["the word sha256 only", signed("sha256")],
    ["no digits", signed("sha256=")],
    ["no prefix", signed(hex)],
    ["SHA-1 under the name of SHA-256", signed(`sha1=${hexOf(opened, SECRET, "sha1")}`)],
    ["SHA-1 digits behind sha256=", signed(`sha256=${hexOf(opened, SECRET, "sha1")}`)],
    ["SHA-512", signed(`sha256=${hexOf(opened, SECRET, "sha512")}`)],
    ["only the old SHA-1 header", delivery(opened, { headers: { "x-hub-signature-256": undefined } })],
    ["a prefix in upper case", signed(`SHA256=${hex}`)],
    ["digits in upper case", signed(`sha256=${hex.toUpperCase()}`)],
    ["one digit short", signed(right.slice(0, -1))],
    ["two digits short", signed(right.slice(0, -2))],
    ["one digit long", signed(`${right}0`)],
    ["a byte long", signed(`${right}00`)],
    ["a megabyte long", signed(`sha256=${"a".repeat(1_000_000)}`)],
    ["a letter that is no digit", signed(`sha256=g${hex.slice(1)}`)],
    ["base64 for hexadecimal", signed(`sha256=${Buffer.from(hex, "hex").toString("base64")}`)],
    ["all zeros", signed(`sha256=${"0".repeat(64)}`)],
    ["the last digit changed", signed(right.slice(0, -1) + (right.endsWith("0") ? "1" : "0"))],
    ["two headers, joined", signed(`${right},${right}`)],
    ["two headers, joined with a blank", signed(`sha256=${"0".repeat(64)}, ${right}`)],
    ["a blank before", signed(` ${right}`)],
    ["a blank after", signed(`${right} `)],
    ["a line end after", signed(`${right}\n`)],
    ["a NUL after", signed(`${right}\0`)],
    ["digits of another script", signed(`sha256=${"０".repeat(64)}`)],
    ["quotes", signed(`"${right}"`)],
    ["the right one twice behind one prefix", signed(`${right}${hex}`)],
    ["the right one under the name of another algorithm", signed(`sha512=${hex}`)],
    ["digits in percent signs", signed(`sha256=${hex.replaceAll(/../g, (byte) => `%${byte}`)}`)],
    ["a plus for the prefix's end", signed(`sha256+${hex}`)],
    ["a plain hash of the body", signed(`sha256=${createHash("sha256").update(opened).digest("hex")}`)],
    ["a hash of secret and body", signed(`sha256=${createHash("sha256").update(SECRET).update(opened).digest("hex")}`)],
    [
      "the body as key and the secret as text",
      signed(`sha256=${createHmac("sha256", opened).update(SECRET).digest("hex")}`),
    ],
    ["a signature of the GUID and the body", signed(signatureOf(bytes(`${guid}${text}`)))],
    ["a signature of the event and the body", signed(signatureOf(bytes(`pull_request${text}`)))],
    ["a signature of the body's hash", signed(signatureOf(bytes(createHash("sha256").update(opened).digest("hex"))))],
    ["a signature of the body in base64", signed(signatureOf(bytes(Buffer.from(opened).toString("base64"))))],
    ["a signature of the compressed body", signed(signatureOf(gzipSync(opened)))],
    ["a signature of the form around the body", signed(signatureOf(bytes(`payload=${encodeURIComponent(text)}`)))],
    ["a secret of zeros", signed(signatureOf(opened, "\0"))],
    ["the secret with a blank", signed(signatureOf(opened, `${SECRET} `))],
    ["the secret in other case", signed(signatureOf(opened, SECRET.toUpperCase()))],
    ["the secret in hexadecimal", signed(signatureOf(opened, Buffer.from(SECRET).toString("hex")))],
    ["both secrets at once", signed(signatureOf(opened, `${SECRET},${FORMER}`))],
    ["another secret", signed(signatureOf(opened, "guess"))],
    ["the secret with a line end", signed(signatureOf(opened, `${SECRET}\n`))],
    ["an empty secret", signed(`sha256=${hexOf(opened, "")}`)],
    ["a signature of nothing", signed(signatureOf(bytes("")))],
    ["a signature of another body", signed(signatureOf(forged))],
    ["another body under the signature", altered(forged)],
    ["the same value written again", altered(bytes(JSON.stringify(JSON.parse(text), null, 1)))],
    ["a byte order mark", altered(bytes(`\u{feff}${text}`))],
    ["a line end behind the body", altered(bytes(`${text}\n`))],
    ["a CR LF behind the body", altered(bytes(`${text}\r\n`))],
    ["a NUL behind the body", altered(bytes(`${text}\0`))],
    ["an empty body", altered(bytes(""))],
    ["a body cut short", altered(opened.subarray(0, -1))],
    ["one bit turned", altered(opened.map((byte, i) => (i === 9 ? byte ^ 1 : byte)))],
    ["the body still in base64", altered(bytes(Buffer.from(opened).toString("base64")))],
    ["the body compressed", altered(gzipSync(opened))],
    ["the body as a form", altered(bytes(`payload=${encodeURIComponent(text)}`))],
    [
      "the body compressed, and said to be",
      { ...altered(gzipSync(opened)), headers: { ...delivery().headers, "content-encoding": "gzip" } },
    ],
    ["the body twice", altered(bytes(`${text}${text}`))],
    ["the body in UTF-16", altered(Buffer.from(text, "utf16le"))],
    ["the body in another normal form", altered(bytes(text.replace("acme", "\u{ff41}cme")))],
    [
      "keys in another order",
      altered(json(Object.fromEntries(Object.entries(JSON.parse(text) as object).toReversed()))),
    ],
    ["a text written in escapes", altered(bytes(text.replace("opened", "\\u006fpened")))],
    ["a duplicate key in the body", altered(bytes(text.replace("{", '{"number":6,')))],
    ["an empty body, signed", delivery(bytes(""))],
    // A signature is verified over text, which these bytes are not; JSON is never anything but UTF-8.
    ["invalid UTF-8, signed", delivery(Buffer.from(`{"zen":"\u00ff"}`, "latin1"), { event: "ping" })],
    [
      "invalid UTF-8 that reads like what was signed",
      {
        ...delivery(bytes("\u{fffd}")),
        body: Uint8Array.of(0xff),
      },
    ],
  ])("%s", async (_, request) => {
    const outcome = await knock(request);
    expect(outcome).toMatchObject({ status: 401, sent: [] });
    expect(outcome.log).toHaveLength(1);
    expect(outcome.log.join("")).not.toMatch(/acme|repository|sha256=[0-9a-f]|secret to everybody/);
  });

  test.each(["GET", "HEAD", "PUT", "OPTIONS", "post", ""])("the method %j", async (method) => {
    expect(await knock({ ...delivery(), method })).toMatchObject({ status: 405, sent: [] });
  });

  test("a body that is too large, whoever signed it", async () => {
    const body = Buffer.alloc(6 * 1024 * 1024 + 1, " ");
    expect(await knock(delivery(body))).toMatchObject({ status: 413, sent: [] });
  });

  test("everything, while no secret is configured", async () => {
    const outcome = await knock(delivery(), { secrets: [] });
    expect(outcome).toMatchObject({ status: 500, sent: [] });
    expect(outcome.log).toEqual([expect.stringContaining("no webhook secret is configured")]);
  });

  test("everything, while a secret is empty", async () => {
    await expect(knock(delivery(), { secrets: [""] })).rejects.toThrow("a secret is empty");
  });
});

describe("is refused although it is signed:", () => {
  const unnamed = (name: string, value: string | undefined) => delivery(opened, { headers: { [name]: value } });
  test.each<[title: string, request: WebhookRequest, status: number]>([
    ["a form", unnamed("content-type", "application/x-www-form-urlencoded"), 415],
    ["no content type", unnamed("content-type", undefined), 415],
    ["a content type that begins alike", unnamed("content-type", "application/json-seq"), 415],
    ["no event", unnamed("x-github-event", undefined), 400],
    ["an event with a line end", unnamed("x-github-event", "push\npush"), 400],
    ["two events", unnamed("x-github-event", "pull_request,push"), 400],
    ["two content types", unnamed("content-type", "application/json, text/plain"), 415],
    ["an endless event", unnamed("x-github-event", "a".repeat(65)), 400],
    ["an event in capitals", unnamed("x-github-event", "PULL_REQUEST"), 400],
    ["an event that is a path", unnamed("x-github-event", "../pull_request"), 400],
    ["a delivery id in braces", unnamed("x-github-delivery", `{${guid}}`), 400],
    ["two delivery ids", unnamed("x-github-delivery", `${guid},${guid}`), 400],
    ["a delivery id with a line end", unnamed("x-github-delivery", `${guid}\n`), 400],
    ["no delivery id", unnamed("x-github-delivery", undefined), 400],
    ["a delivery id that is a number", unnamed("x-github-delivery", "1"), 400],
    ["a delivery id that goes on", unnamed("x-github-delivery", `${guid}:x`), 400],
    ["a body that is no JSON", delivery(bytes("{")), 400],
    ["UTF-16", delivery(Buffer.from(text, "utf16le")), 400],
    ["a byte order mark", delivery(bytes(`\u{feff}${text}`)), 400],
    ["no object", delivery(bytes("[1]")), 400],
    ["null", delivery(bytes("null")), 400],
    ["JSON ten thousand arrays deep", delivery(bytes("[".repeat(10_000) + "]".repeat(10_000))), 400],
    ["a pull request sent as a push", delivery(opened, { event: "push" }), 400],
    ["a push sent as a pull request", delivery(json(push()), { event: "pull_request" }), 400],
    ["a comment sent as a pull request", delivery(json(comment("/deploy")), { event: "pull_request" }), 400],
    ["a check sent as a comment", delivery(json(checkRun("created")), { event: "issue_comment" }), 400],
    ["a check sent as a suite", delivery(json(checkRun("completed")), { event: "check_suite" }), 400],
    ["a number too large to be one", delivery(bytes(text.replace('"number":5', '"number":1e400'))), 400],
    ["two values", delivery(bytes(`${text}${text}`)), 400],
    ["a comment in it", delivery(bytes(text.replace("{", "{/**/"))), 400],
    ["a comma too many", delivery(bytes(text.replace(/}$/, ",}"))), 400],
    ["a number that is none", delivery(bytes(text.replace('"number":5', '"number":NaN'))), 400],
    ["a number as text", delivery(bytes(text.replace('"number":5', '"number":"5"'))), 400],
    ["half a pull request", delivery(bytes(text.replace('"number":5', '"number":5.5'))), 400],
    ["a pull request before the first", delivery(bytes(text.replace('"number":5', '"number":-5'))), 400],
    ["an installation that no number holds", delivery(bytes(text.replace('"id":99', '"id":9007199254740993'))), 400],
    ["no installation", delivery(bytes(text.replace('"installation"', '"installatiom"'))), 400],
    ["a repository that leads up", delivery(bytes(text.replace("acme/shop", "acme/.."))), 400],
    ["a repository below another", delivery(bytes(text.replace("acme/shop", "acme/shop/../evil"))), 400],
    ["a repository in percent signs", delivery(bytes(text.replace("acme/shop", "acme%2fshop"))), 400],
    ["a repository with a query", delivery(bytes(text.replace("acme/shop", "acme/shop?x=1"))), 400],
    ["a repository of another script", delivery(bytes(text.replace("acme/shop", "аcme/shop"))), 400],
    ["half a character in a name", delivery(bytes(text.replace("acme/shop", "acme/\\ud800"))), 400],
    ["a commit by its branch", delivery(bytes(text.replace(head, "refs/heads/main"))), 400],
    ["a commit in capitals", delivery(bytes(text.replace(head, head.toUpperCase()))), 400],
    ["a commit cut short", delivery(bytes(text.replace(head, head.slice(0, 7)))), 400],
    ["a branch that leads up", delivery(json(push({ ref: "refs/heads/../../x" })), { event: "push" }), 400],
    ["a branch with a NUL", delivery(json(push({ ref: "refs/heads/a\0b" })), { event: "push" }), 400],
    ["fields in the prototype", delivery(bytes(`{"__proto__":${text}}`)), 400],
  ])("%s", async (_, request, status) => {
    const outcome = await knock(request);
    expect(outcome).toMatchObject({ status, sent: [] });
    expect(JSON.parse(outcome.body)).toEqual({ error: expect.any(String) });
    expect(outcome.log).toHaveLength(1);
    expect(outcome.log.join("")).not.toMatch(/acme|secret to everybody/);
  });

  test.each(["__proto__", "constructor", "deployment", "workflow_run"])(
    "nothing follows from the event %s",
    async (event) => {
      expect(await knock(delivery(opened, { event }))).toMatchObject({ status: 202, sent: [] });
    },
  );

  test("a refused body does not spoil the next", async () => {
    await knock(delivery(Uint8Array.of(0x7b, 0xe2, 0x82)));
    expect(await knock(delivery())).toMatchObject({ status: 202 });
  });
});

test("the same GUID with another body is another message, and the queue decides by the GUID", async () => {
  const other = json(pullRequest("synchronize"));
  const [first, second] = [await knock(delivery()), await knock(delivery(other))];
  expect(first.sent[0]?.dedupId).toBe(second.sent[0]?.dedupId);
});

test("when one of several messages is not taken, none is claimed to be, all have been tried, and the log says which", async () => {
  const outcome = await knock(delivery(json(checkRun("completed")), { event: "check_run" }), {
    broken: new Error("the queue is full"),
    takes: (group) => group.startsWith("commit/"),
  });
  expect(outcome).toMatchObject({ status: 500, sent: [{ group: `commit/12/${head}` }] });
  expect(JSON.parse(outcome.body)).toEqual({ error: expect.stringContaining("redeliver") });
  expect(outcome.log.map((line) => JSON.parse(line))).toMatchObject([
    {
      msg: "webhook not queued",
      delivery: guid,
      messages: 2,
      groups: ["preview/12/5"],
      error: { message: "the queue is full" },
    },
  ]);
});

describe("without settings", () => {
  const log = () => {
    const lines: string[] = [];
    return { lines, log: createPlainLog({ write: (line) => lines.push(line), clock: { now: () => 0 } }) };
  };

  test("every delivery is answered that it will be taken later, with the remedy", () => {
    const { lines, ...door } = log();
    expect(notReady(new NotSetUp(), door.log)).toEqual({
      status: 503,
      body: '{"error":"not set up yet: run `proa setup`"}',
    });
    expect(lines).toEqual([expect.stringContaining("webhook not ready")]);
  });

  test("what the cloud said stays in the log", () => {
    const { lines, ...door } = log();
    const detail = "secretsmanager GetSecretValue failed with AccessDeniedException: arn:aws:iam::1:role/proa-webhook";
    const { status, body } = notReady(new OutsideError({ code: "forbidden", detail, retryable: false }), door.log);
    expect(status).toBe(503);
    expect(body).not.toContain("arn");
    expect(lines).toEqual([expect.stringContaining(detail)]);
  });

  test("a mistake in them is for whoever runs Proa: the function fails", () => {
    expect(() => notReady(new SettingsError([]), log().log)).toThrow(SettingsError);
  });
});
