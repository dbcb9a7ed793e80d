import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type AwsCallOptions, createAwsCall } from "../../src/adapters/aws-call.ts";
import { systemClock } from "../../src/clock.ts";
import { OutsideError, type Problem } from "../../src/core/problem.ts";
import { type AwsStub, startAwsStub } from "./aws-stub.ts";

let aws: AwsStub;
beforeEach(async () => (aws = await startAwsStub()));
afterEach(() => aws.close());

const unreachable = "http://127.0.0.1:9";
const calling = (change: Partial<AwsCallOptions> = {}) =>
  createAwsCall({
    service: "sqs",
    endpoint: unreachable,
    env: aws.env,
    clock: systemClock,
    timeoutMs: 5_000,
    attempts: 3,
    ...change,
  });

async function problemOf(work: Promise<unknown>): Promise<Problem> {
  const error = await work.then(
    () => new Error("it went well"),
    (error: unknown) => error,
  );
  if (error instanceof OutsideError) return error.problem;
  throw error;
}

describe("a call", () => {
  test("is signed, says what is wanted in the service's own words, and hands over what was answered", async () => {
    aws.answer({ body: { MessageId: "1" } });
    expect(await calling()("SendMessage", { QueueUrl: "q", MessageBody: "ünï 🚀" })).toEqual({ MessageId: "1" });
    expect(aws.asked).toMatchObject([
      {
        target: "AmazonSQS.SendMessage",
        parameters: { QueueUrl: "q", MessageBody: "ünï 🚀" },
        headers: { "content-type": "application/x-amz-json-1.0" },
      },
    ]);
    await calling({ service: "secretsmanager" })("GetSecretValue", { SecretId: "s" });
    expect(aws.asked[1]).toMatchObject({
      target: "secretsmanager.GetSecretValue",
      headers: { "content-type": "application/x-amz-json-1.1" },
    });
  });

  test("goes to the service's own address, to the environment's instead, or to the one it has for this service", async () => {
    const elsewhere = { ...aws.env, AWS_ENDPOINT_URL: unreachable };
    const { AWS_ENDPOINT_URL: _, ...nowhere } = aws.env;
    await calling({ endpoint: aws.url, env: nowhere })("ListQueues", {});
    await calling()("ListQueues", {});
    await calling({ env: { ...elsewhere, AWS_ENDPOINT_URL_SQS: aws.url } })("ListQueues", {});
    await calling({ service: "secretsmanager", env: { ...elsewhere, AWS_ENDPOINT_URL_SECRETS_MANAGER: aws.url } })(
      "ListSecrets",
      {},
    );
    expect(aws.asked).toHaveLength(4);
  });

  test("uses the credentials that the environment has when it is made", async () => {
    const env = { ...aws.env, AWS_ACCESS_KEY_ID: "an earlier one" };
    const call = calling({ env });
    expect(await problemOf(call("ListQueues", {}))).toMatchObject({ code: "forbidden" });
    Object.assign(env, aws.env);
    expect(await call("ListQueues", {})).toEqual({});
  });

  test("after another uses the same connection", async () => {
    const call = calling();
    for (let times = 0; times < 5; times++) await call("ListQueues", {});
    expect(aws.connections()).toBe(1);
  });
});

describe("a call that fails for a moment is made again:", () => {
  test.each<[title: string, ...answers: Parameters<AwsStub["answer"]>]>([
    ["throttled", { status: 400, body: { __type: "com.amazonaws.sqs#RequestThrottled", message: "slow down" } }],
    ["too many requests", { status: 429, text: "" }],
    ["a service that is down", { status: 503, text: "<html>" }, { status: 500, body: { __type: "InternalFailure" } }],
    ["an answer that is none", { text: "half of {" }],
    ["a connection that is reset", "reset", "reset"],
    ["an answer that breaks off", "half"],
  ])("%s", async (_, ...answers) => {
    aws.answer(...answers, { body: { fine: true } });
    expect(await calling()("ListQueues", {})).toEqual({ fine: true });
    expect(aws.asked).toHaveLength(answers.length + 1);
  });

  test("on a connection that the service closed while we slept", async () => {
    const call = calling();
    await call("ListQueues", {});
    aws.hangUp();
    expect(await call("ListQueues", {})).toEqual({});
  });

  test("no answer in time", async () => {
    aws.answer("never", { body: { fine: true } });
    // However slow this machine is, one of them is in time.
    expect(await calling({ timeoutMs: 200, attempts: 50 })("ListQueues", {})).toEqual({ fine: true });
  });

  test("three times, and then that is said", async () => {
    aws.answer({ status: 503, body: { __type: "ServiceUnavailable", Message: "come back later" } });
    expect(await problemOf(calling()("ListQueues", {}))).toEqual({
      code: "unavailable",
      detail: "sqs ListQueues failed with ServiceUnavailable: come back later",
      retryable: true,
    });
    expect(aws.asked).toHaveLength(3);
    aws.answer({ status: 400, body: { __type: "ThrottlingException", message: "Rate exceeded" } });
    expect(await problemOf(calling({ attempts: 1 })("ListQueues", {}))).toMatchObject({ code: "rate-limited" });
    expect(aws.asked).toHaveLength(4);
  });

  test("nobody there", async () => {
    const { AWS_ENDPOINT_URL: _, ...env } = aws.env;
    expect(await problemOf(calling({ env })("ListQueues", {}))).toMatchObject({
      code: "unavailable",
      detail: expect.stringContaining("sqs ListQueues at 127.0.0.1:9:") as string,
    });
  });
});

describe("a call that is refused is not made again:", () => {
  test.each<[type: string, status: number, code: Problem["code"]]>([
    ["com.amazon.coral.service#AccessDeniedException", 400, "forbidden"],
    ["AccessDenied", 403, "forbidden"],
    ["ExpiredTokenException", 400, "forbidden"],
    ["UnrecognizedClientException", 400, "forbidden"],
    ["com.amazonaws.sqs#QueueDoesNotExist", 400, "invalid"],
    ["ResourceNotFoundException", 400, "invalid"],
    ["InvalidMessageContents", 400, "invalid"],
  ])("%s", async (type, status, code) => {
    aws.answer({ status, body: { __type: type, message: "so it is" } });
    expect(await problemOf(calling()("SendMessage", {}))).toEqual({
      code,
      detail: `sqs SendMessage failed with ${type.replace(/.*#/, "")}: so it is`,
      retryable: false,
    });
    expect(aws.asked).toHaveLength(1);
  });
});
