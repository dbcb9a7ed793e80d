import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createAwsSigner } from "../../src/adapters/aws-sign.ts";
import { runs } from "../properties/arbitrary.ts";
import { sdkAuthorization } from "./aws-oracle.ts";

const keys = {
  accessKeyId: "AKIDEXAMPLE",
  secretAccessKey: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
  sessionToken: undefined,
};
const post = {
  service: "sqs",
  region: "eu-west-1",
  headers: {
    host: "sqs.eu-west-1.amazonaws.com",
    "content-type": "application/x-amz-json-1.0",
    "x-amz-target": "AmazonSQS.SendMessage",
  },
  body: '{"QueueUrl":"https://sqs.eu-west-1.amazonaws.com/1/proa-tick"}',
  at: new Date("2026-11-22T05:00:00.987Z"),
};

describe("what we sign, the SDK's signer signs alike:", () => {
  test("a call of SQS", async () => {
    expect(createAwsSigner()(post, keys)["authorization"]).toBe(await sdkAuthorization(post, keys));
  });

  test("a call in a role's name, whose token is sent and signed", async () => {
    const role = { ...keys, sessionToken: "FwoGZXIvYXdzEXAMPLE+token/with=chars" };
    const headers = createAwsSigner()(post, role);
    expect(headers["x-amz-security-token"]).toBe(role.sessionToken);
    expect(headers["authorization"]).toContain("x-amz-security-token");
    expect(headers["authorization"]).toBe(await sdkAuthorization(post, role));
  });

  const token = fc.stringMatching(/^[!-~]{1,200}$/);
  const calls = fc.record({
    service: fc.constantFrom("sqs", "secretsmanager", "sts"),
    region: fc.stringMatching(/^[a-z]{2}-[a-z]{4,9}-\d$/),
    body: fc.string({ unit: "binary", maxLength: 300 }).map((text) => text.toWellFormed()),
    at: fc.date({ min: new Date("2000-01-01"), max: new Date("2099-12-31"), noInvalidDate: true }),
    host: fc.stringMatching(/^[a-z0-9.-]{1,60}(?::\d{2,5})?$/),
    // Blanks inside and around a value are signed as one and none.
    target: fc.stringMatching(/^ {0,2}[!-~]{1,20}(?: {1,3}[!-~]{1,20}){0,3} {0,2}$/),
    keys: fc.record({
      accessKeyId: fc.stringMatching(/^[A-Z0-9]{16,20}$/),
      secretAccessKey: token,
      sessionToken: fc.option(token, { nil: undefined }),
    }),
  });

  test("1,000 calls of any content, by anybody, at any time, one after the other by one signer", async () => {
    const sign = createAwsSigner();
    await fc.assert(
      fc.asyncProperty(calls, async ({ host, target, keys, ...call }) => {
        const signable = { ...call, headers: { host, "x-amz-target": target } };
        const expected = await sdkAuthorization(signable, keys);
        expect(sign(signable, keys)["authorization"]).toBe(expected);
        // With the key that it has kept by now.
        expect(sign(signable, keys)["authorization"]).toBe(expected);
      }),
      runs(1_000),
    );
  });
});

test("the headers that were given are sent as they were, with the time beside them", () => {
  expect(createAwsSigner()(post, keys)).toMatchObject({ ...post.headers, "x-amz-date": "20261122T050000Z" });
});
