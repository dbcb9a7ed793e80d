import type { LambdaFunctionURLEvent } from "aws-lambda";
import { describe, expect, test } from "vitest";
import { toRequest } from "../src/lambda.ts";
import { delivery, knock, opened } from "./receive-fixture.ts";

const text = Buffer.from(opened).toString("utf8");
const base64 = Buffer.from(opened).toString("base64");

/** What a Function URL hands over for one delivery, with something changed. */
function event(change: Partial<LambdaFunctionURLEvent> = {}): LambdaFunctionURLEvent {
  const sent = Object.entries(delivery().headers).flatMap(([name, value]) =>
    value === undefined ? [] : [[name, value]],
  );
  const headers = Object.fromEntries(sent) as Record<string, string>;
  const whole = {
    version: "2.0",
    rawPath: "/",
    rawQueryString: "",
    headers,
    requestContext: { http: { method: "POST" } },
    body: text,
    isBase64Encoded: false,
    ...change,
  };
  return whole as LambdaFunctionURLEvent;
}

const through = (change: Partial<LambdaFunctionURLEvent>) => knock(toRequest(event(change)));

describe("through a Function URL", () => {
  test("a delivery is taken as text and in base64, whatever the case of its headers' names", async () => {
    expect(await through({})).toMatchObject({ status: 202 });
    expect(await through({ body: base64, isBase64Encoded: true })).toMatchObject({ status: 202 });
    const headers = Object.fromEntries(
      Object.entries(event().headers).map(([name, value]) => [name.toUpperCase(), value]),
    );
    expect(await through({ headers })).toMatchObject({ status: 202 });
  });

  test.each<[title: string, change: Partial<LambdaFunctionURLEvent>]>([
    ["text that is said to be base64", { isBase64Encoded: true }],
    ["base64 that is said to be text", { body: base64 }],
    ["half a character, which no UTF-8 says", { body: `${text.slice(0, -1)},"x":"\ud800"}` }],
    ["base64 of base64", { body: Buffer.from(base64).toString("base64"), isBase64Encoded: true }],
    ["no body", { body: undefined as unknown as string }],
    ["an empty body", { body: "" }],
    ["no headers", { headers: {} }],
    [
      "the signature in the query",
      { headers: {}, rawQueryString: `x-hub-signature-256=${delivery().headers["x-hub-signature-256"]}` },
    ],
    [
      "the signature in a cookie",
      { headers: {}, cookies: [`x-hub-signature-256=${delivery().headers["x-hub-signature-256"]}`] },
    ],
  ])("%s is refused", async (_, change) => {
    expect(await through(change)).toMatchObject({ status: 401, sent: [] });
  });

  test("one header more, under the same name in other letters, is one header and not a way around the check", async () => {
    const headers = { ...event().headers, "X-Hub-Signature-256": `sha256=${"0".repeat(64)}` };
    expect(await through({ headers })).toMatchObject({ status: 401, sent: [] });
  });
});
