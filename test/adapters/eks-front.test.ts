import { describe, expect, test } from "vitest";

import { eksToken } from "../../src/adapters/eks-token.ts";
import { startEksFront } from "../aws/eks-front.ts";
import { admit } from "../aws/token-webhook.ts";
import { kubeConfigFor } from "./kubernetes-server.ts";

const AT = Date.parse("2026-11-22T05:00:00Z");
const SECOND = 1_000;
const identity = { accessKeyId: "ASIAROLE", secretAccessKey: "its key", sessionToken: "its+session/token=" };
const door = { cluster: "blue", credentials: [identity], entries: null, now: AT };
const token = eksToken({ cluster: "blue", region: "eu-west-1", identity, at: AT });

/** The token whose question is another by this much. */
const changed = (by: (url: URL) => void): string => {
  const url = new URL(Buffer.from(token.slice("k8s-aws-v1.".length), "base64url").toString());
  by(url);
  return `k8s-aws-v1.${Buffer.from(url.href).toString("base64url")}`;
};
const set = (name: string, value: string): string => changed(({ searchParams }) => searchParams.set(name, value));

describe("a token is refused", () => {
  test.each([
    ["for another prefix", token.replace("v1", "v2"), "not a token of this kind"],
    ["for padding", `${token}=`, "not a token of this kind"],
    ["for its length", set("X-Amz-Security-Token", "x".repeat(4_000)), "too long"],
    ["for plain HTTP", changed((url) => (url.protocol = "http:")), "not a URL of STS"],
    ["for another host", changed((url) => (url.host = "sts.eu-west-1.amazonaws.com.evil.example")), "not a URL of STS"],
    ["for another path", changed((url) => (url.pathname = "/x")), "not STS' path"],
    ["for a parameter too many", set("X-Amz-User-Agent", "proa"), "a parameter x-amz-user-agent"],
    ["for a parameter twice", changed((url) => url.searchParams.append("action", "x")), "a parameter twice"],
    ["for another action", set("Action", "AssumeRole"), "another action"],
    ["that is for no cluster", set("X-Amz-SignedHeaders", "host"), "not signed for a cluster"],
    ["for its expiry", set("X-Amz-Expires", "901"), "an expiry that is too long"],
    ["without a date", set("X-Amz-Date", "today"), "no date"],
    ["for a signature that is not its own", set("X-Amz-Signature", "0".repeat(64)), "STS: another signature"],
    ["for a date that was not signed", set("X-Amz-Date", "20261122T050001Z"), "STS: another signature"],
    ["for another session", set("X-Amz-Security-Token", "x"), "STS: nobody's key"],
    [
      "for another region",
      set("X-Amz-Credential", "ASIAROLE/20261122/eu-west-2/sts/aws4_request"),
      "STS: another scope",
    ],
  ])("%s", async (_, one, because) => {
    expect(await admit(one, door)).toBe(because);
  });

  test("when its quarter of an hour is over, and long before it begins", async () => {
    expect(await admit(token, { ...door, now: AT + 15 * 60 * SECOND })).toBe("admitted");
    expect(await admit(token, { ...door, now: AT + 15 * 60 * SECOND + 1 })).toBe("expired");
    expect(await admit(token, { ...door, now: AT - 5 * 60 * SECOND - 1 })).toBe("STS: not yet valid");
  });

  test("by a cluster that has no entry for its role", async () => {
    expect(await admit(token, { ...door, entries: ["ASIAROLE"] })).toBe("admitted");
    expect(await admit(token, { ...door, entries: ["ASIAOTHER"] })).toBe("no access entry");
  });
});

test("DescribeCluster answers only whom AWS knows, and only what they signed", async (t) => {
  const front = await startEksFront({
    clusters: { blue: { kubeconfig: kubeConfigFor("http://127.0.0.1:9") } },
    credentials: [identity],
  });
  t.onTestFinished(() => front.close());
  const ask = async (authorization: string): Promise<string | null> => {
    const headers = { authorization, "x-amz-date": "20261122T050000Z", "x-amz-security-token": identity.sessionToken };
    const answer = await fetch(`${front.env.AWS_ENDPOINT_URL_EKS}/clusters/blue`, { headers });
    return answer.headers.get("x-amzn-errortype");
  };
  const scope = "20261122/eu-west-1/eks/aws4_request, SignedHeaders=host;x-amz-date, Signature=0";
  expect(await ask("")).toBe("UnrecognizedClientException");
  expect(await ask(`AWS4-HMAC-SHA256 Credential=AKIANOBODY/${scope}`)).toBe("UnrecognizedClientException");
  expect(await ask(`AWS4-HMAC-SHA256 Credential=ASIAROLE/${scope}`)).toBe("InvalidSignatureException");
});
