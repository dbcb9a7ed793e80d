import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { createLog } from "../src/log.ts";
import { NotSetUp, withSettings } from "../src/settings-secret.ts";
import { type AwsStub, startAwsStub } from "./adapters/aws-stub.ts";

const ARN = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:proa/webhook-AbCdEf";
const holds = (values: unknown) => ({ body: { SecretString: JSON.stringify(values) } });
const broken = { status: 400, body: { __type: "AccessDeniedException", message: "no" } };

let aws: AwsStub;
let now = 0;
let built: string[] = [];
let lines: string[] = [];
let effects: ReturnType<typeof functionWith>;

/** A function whose effects are what its webhook secret is called. */
function functionWith(env: Readonly<Record<string, string>>) {
  const clock = { now: () => now };
  const log = createLog({ write: (line) => lines.push(line), clock });
  return withSettings(env, { clock, log }, async (settings) => {
    const name = settings["PROA_WEBHOOK_SECRETS"];
    if (name === undefined) throw new Error("PROA_WEBHOOK_SECRETS is not set");
    built.push(name);
    return `${name} on ${settings["PROA_QUEUE"]}`;
  });
}

beforeEach(async () => {
  aws = await startAwsStub();
  now = Date.UTC(2026, 10, 22);
  built = [];
  lines = [];
  effects = functionWith({ ...aws.env, PROA_SECRET: ARN, PROA_QUEUE: "sqs:x" });
});
afterEach(() => aws.close());

const MINUTE = 60_000;

describe("settings from a secret", () => {
  test("are added to the environment's, read once for all who ask at once, and kept", async () => {
    aws.answer(holds({ PROA_WEBHOOK_SECRETS: "one" }));
    expect(await Promise.all([effects(), effects(), effects("fresh")])).toEqual(Array(3).fill("one on sqs:x"));
    now += 5 * MINUTE - 1;
    expect(await effects()).toBe("one on sqs:x");
    expect(aws.asked.map(({ target, parameters }) => [target, parameters])).toEqual([
      ["secretsmanager.GetSecretValue", { SecretId: ARN }],
    ]);
  });

  test("are read again after five minutes, and nothing is built anew while they are the same", async () => {
    aws.answer(holds({ PROA_WEBHOOK_SECRETS: "one" }));
    for (let times = 0; times < 3; times++) {
      await effects();
      now += 5 * MINUTE;
    }
    expect(aws.asked).toHaveLength(3);
    expect(built).toEqual(["one"]);
  });

  test("take effect without a restart when they have changed", async () => {
    aws.answer(holds({ PROA_WEBHOOK_SECRETS: "one" }), holds({ PROA_WEBHOOK_SECRETS: "two,one" }));
    await effects();
    now += 5 * MINUTE;
    expect(await effects()).toBe("two,one on sqs:x");
  });

  test("are read again at once when somebody needs them fresh, at most every half minute", async () => {
    aws.answer(
      holds({ PROA_WEBHOOK_SECRETS: "one" }),
      holds({ PROA_WEBHOOK_SECRETS: "two" }),
      holds({ PROA_WEBHOOK_SECRETS: "three" }),
    );
    await effects();
    now += 30_000;
    expect(await Promise.all([effects("fresh"), effects("fresh")])).toEqual(Array(2).fill("two on sqs:x"));
    expect(await effects("fresh")).toBe("two on sqs:x");
    now += 29_999;
    expect(await effects("fresh")).toBe("two on sqs:x");
    now += 1;
    expect(await effects("fresh")).toBe("three on sqs:x");
    expect(aws.asked).toHaveLength(3);
  });

  test("stay as they are while they cannot be read again, which is logged and tried every half minute", async () => {
    aws.answer(holds({ PROA_WEBHOOK_SECRETS: "one" }), broken, broken, holds({ PROA_WEBHOOK_SECRETS: "two" }));
    await effects();
    now += 5 * MINUTE;
    for (let times = 0; times < 2; times++) {
      expect(await effects()).toBe("one on sqs:x");
      expect(await effects()).toBe("one on sqs:x");
      now += 30_000;
    }
    expect(lines).toHaveLength(2);
    expect(lines[0]).toContain("settings not read again");
    expect(await effects()).toBe("two on sqs:x");
  });

  test.each<[title: string, values: unknown]>([
    ["lack something", { PROA_GITHUB_APP_ID: "1" }],
    ["were emptied", {}],
  ])("stay as they are when what comes after them would not do: they %s", async (_, values) => {
    aws.answer(holds({ PROA_WEBHOOK_SECRETS: "one" }), holds(values));
    await effects();
    now += 5 * MINUTE;
    expect(await effects()).toBe("one on sqs:x");
  });
});

describe("before the first settings", () => {
  test("an empty secret says that nobody has set Proa up, until somebody does", async () => {
    aws.answer(holds({}), holds({ PROA_WEBHOOK_SECRETS: "one" }));
    await expect(effects()).rejects.toThrow(NotSetUp);
    await expect(effects()).resolves.toBe("one on sqs:x");
  });

  test("a secret that cannot be read is an error for all who wait for it, and read again by the next", async () => {
    aws.answer(broken, holds({ PROA_WEBHOOK_SECRETS: "one" }));
    const both = await Promise.allSettled([effects(), effects()]);
    const refused = { reason: { problem: { code: "forbidden" } } };
    expect(both).toMatchObject([refused, refused]);
    expect(aws.asked).toHaveLength(1);
    await expect(effects()).resolves.toBe("one on sqs:x");
  });

  test("settings that will not do are an error, and read again by the next", async () => {
    aws.answer(holds({ PROA_GITHUB_APP_ID: "1" }), holds({ PROA_WEBHOOK_SECRETS: "one" }));
    await expect(effects()).rejects.toThrow("PROA_WEBHOOK_SECRETS is not set");
    await expect(effects()).resolves.toBe("one on sqs:x");
  });

  test.each<[title: string, body: unknown]>([
    ["no text", { SecretBinary: "aGVsbG8=" }],
    ["no JSON", { SecretString: "hunter22" }],
    ["a list", { SecretString: '["hunter22"]' }],
    ["null", { SecretString: "null" }],
    [
      "a number where a text belongs",
      { SecretString: '{"PROA_GITHUB_APP_ID": 1, "PROA_WEBHOOK_SECRETS": "hunter22"}' },
    ],
  ])("a secret that holds %s is refused, without a word of it", async (_, body) => {
    aws.answer({ body });
    const error = await effects().then(String, (error: unknown) => `${String(error)} ${JSON.stringify(error)}`);
    expect(error).toContain(`secret ${ARN}: not a JSON object of texts; run \`proa setup\` again`);
    expect(error).not.toContain("hunter22");
  });

  test("a secret adds the settings that are secret, and no others: an older version leaves a newer one's alone", async () => {
    aws.answer(
      holds({ PROA_WEBHOOK_SECRETS: "one", PROA_QUEUE: "sqs:evil", AWS_REGION: "mars", PROA_NEW_IN_2027: { a: 1 } }),
    );
    expect(await effects()).toBe("one on sqs:x");
  });
});

describe("without a secret", () => {
  test("the environment is all there is, and what was built is kept for ever", async () => {
    const plain = functionWith({ PROA_WEBHOOK_SECRETS: "mine", PROA_QUEUE: "sqlite:q" });
    expect(await Promise.all([plain(), plain("fresh")])).toEqual(["mine on sqlite:q", "mine on sqlite:q"]);
    now += 60 * MINUTE;
    await plain("fresh");
    expect(built).toEqual(["mine"]);
    expect(aws.asked).toEqual([]);
  });
});
