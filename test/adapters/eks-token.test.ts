import * as fc from "fast-check";
import { expect, test } from "vitest";

import { eksToken } from "../../src/adapters/eks-token.ts";
import { admit } from "../aws/token-webhook.ts";

const AT = Date.parse("2026-11-22T05:00:00Z");
const identity = {
  accessKeyId: "AKIDEXAMPLE",
  secretAccessKey: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
  sessionToken: "FwoGZXIvYXdzEXAMPLE+token/with=chars",
};
const token = (more: Partial<Parameters<typeof eksToken>[0]> = {}) =>
  eksToken({ cluster: "blue-g7", region: "us-east-1", identity, at: AT, ...more });
const urlIn = (text: string): URL => new URL(Buffer.from(text.replace("k8s-aws-v1.", ""), "base64url").toString());

test("a token has the signature that botocore gives the same question", () => {
  expect(token()).toMatch(/^k8s-aws-v1\.[\w-]+$/);
  expect(Object.fromEntries(urlIn(token()).searchParams)).toEqual({
    Action: "GetCallerIdentity",
    Version: "2011-06-15",
    "X-Amz-Algorithm": "AWS4-HMAC-SHA256",
    "X-Amz-Credential": "AKIDEXAMPLE/20261122/us-east-1/sts/aws4_request",
    "X-Amz-Date": "20261122T050000Z",
    "X-Amz-Expires": "60",
    "X-Amz-SignedHeaders": "host;x-k8s-aws-id",
    "X-Amz-Security-Token": identity.sessionToken,
    "X-Amz-Signature": "dfc37ddbf2f03b7a699e5ef3bb04ca1e04036fd2ae678646b96744b6e33c8789",
  });
});

test("it is a question to the region's own STS, in China to China's", () => {
  expect(urlIn(token({ region: "eu-west-1" })).host).toBe("sts.eu-west-1.amazonaws.com");
  expect(urlIn(token({ region: "cn-north-1" })).host).toBe("sts.cn-north-1.amazonaws.com.cn");
});

test("whoever the caller, an EKS cluster takes it, and no other cluster does", async () => {
  const printable = fc.string({ unit: fc.integer({ min: 0x21, max: 0x7e }).map((code) => String.fromCharCode(code)) });
  const someone = fc.record(
    {
      accessKeyId: fc.stringMatching(/^[A-Z0-9]{16,20}$/),
      secretAccessKey: printable.filter((text) => text !== ""),
      sessionToken: printable.filter((text) => text !== ""),
    },
    { requiredKeys: ["accessKeyId", "secretAccessKey"] },
  );
  const asked = fc.record({
    cluster: fc.stringMatching(/^[0-9A-Za-z][A-Za-z0-9_-]{0,40}$/),
    region: fc.constantFrom("eu-west-1", "us-gov-west-1", "cn-north-1"),
    at: fc.integer({ min: 0, max: 4_000_000_000 }).map((second) => second * 1000),
    identity: someone,
  });
  await fc.assert(
    fc.asyncProperty(asked, async (one) => {
      const door = { cluster: one.cluster, credentials: [one.identity], entries: null, now: one.at };
      expect(await admit(eksToken(one), door)).toBe("admitted");
      expect(await admit(eksToken(one), { ...door, cluster: `${one.cluster}x` })).toBe("STS: another signature");
    }),
    { numRuns: 100 },
  );
});
