import { createHash } from "node:crypto";
import { afterEach, beforeEach, expect, test } from "vitest";
import { redrive } from "../../scripts/redrive.ts";
import { subject } from "../../scripts/redrive/letter.ts";
import { type AwsStub, describedStack, type Reply, startAwsStub } from "./aws-stub.ts";
import { person } from "./person.ts";

const SHA = "4f2c1d98a0b14f2c1d98a0b14f2c1d98a0b14f2c";
const from = {
  v: 1,
  delivery: "d-1",
  installation: 3,
  repo: "acme/shop",
  receivedAt: 0,
  because: "pull_request.opened",
};
const look = { ...from, kind: "look", target: { kind: "preview", repoId: 7, number: 12 }, sha: SHA };

/** The client looks at it. */
const md5 = (text: string): string => createHash("md5").update(text).digest("hex");

interface Stored {
  readonly id: string;
  readonly body: string;
  readonly group: string;
}

let aws: AwsStub;
let dead: Stored[];
let sent: Record<string, unknown>[];
let hidden: Set<string>;
let logged: string | null;

beforeEach(async () => {
  dead = [
    { id: "11111111-a", body: JSON.stringify(look), group: "preview/7/12" },
    { id: "22222222-b", body: JSON.stringify({ ...look, sha: null }), group: "preview/7/12" },
  ];
  sent = [];
  hidden = new Set();
  logged = null;
  aws = await startAwsStub({
    DescribeStacks: () =>
      describedStack({
        name: "proa",
        outputs: { DeployerDeadQueueUrl: "https://sqs/dead.fifo", DeployerQueueUrl: "https://sqs/deployer.fifo" },
      }),
    ReceiveMessage: (): Reply => {
      const seen = dead.filter(({ id }) => !hidden.has(id));
      for (const { id } of seen) hidden.add(id);
      return {
        Messages: seen.map(({ id, body, group }) => ({
          MessageId: id,
          ReceiptHandle: id,
          Body: body,
          MD5OfBody: md5(body),
          Attributes: {
            MessageGroupId: group,
            SentTimestamp: `${Date.now() - 3 * 3_600_000}`,
            ApproximateReceiveCount: "6",
          },
        })),
      };
    },
    ChangeMessageVisibilityBatch: ({ Entries }) => {
      for (const { ReceiptHandle } of Entries as { ReceiptHandle: string }[]) hidden.delete(ReceiptHandle);
      return { Successful: [], Failed: [] };
    },
    SendMessage: (input) => {
      sent.push(input);
      return { MessageId: "new", MD5OfMessageBody: md5(String(input["MessageBody"])) };
    },
    DeleteMessage: ({ ReceiptHandle }) => {
      dead = dead.filter(({ id }) => id !== ReceiptHandle);
      return {};
    },
    FilterLogEvents: () => ({
      events:
        logged === null ? [] : [{ message: JSON.stringify({ msg: "message failed", error: { message: logged } }) }],
    }),
  });
  Object.assign(process.env, aws.env);
});

afterEach(() => aws.close());

test("shows what each letter is about and why it failed, and puts all of them back where they were", async () => {
  logged = "the table is throttled";
  const nobody = person();
  expect(await redrive(["deployer"], nobody)).toBe(0);
  expect(nobody.shown()).toContain("2 dead letters in proa-deployer-dead");
  expect(nobody.shown()).toContain("look at preview/7/12 (pull_request.opened)");
  expect(nobody.shown()).toContain("3 h old, received 6 times by now");
  expect(nobody.shown()).toContain("the table is throttled");
  expect(sent).toEqual([]);
  expect(dead.length).toBe(2);
  expect([...hidden]).toEqual([]);
});

test("sends them back in their order and group, recognisable should it be cut off", async () => {
  expect(await redrive(["deployer"], person("yes"))).toBe(0);
  expect(sent.map(({ MessageGroupId, MessageDeduplicationId }) => [MessageGroupId, MessageDeduplicationId])).toEqual([
    ["preview/7/12", "redrive-11111111-a"],
    ["preview/7/12", "redrive-22222222-b"],
  ]);
  expect(dead).toEqual([]);
});

test("deletes one that was chosen, and leaves the others", async () => {
  expect(await redrive(["deployer", "--delete", "--only", "2222", "--apply"], person())).toBe(0);
  expect(dead.map(({ id }) => id)).toEqual(["11111111-a"]);
  expect(sent).toEqual([]);
  expect([...hidden]).toEqual(["22222222-b"]);
});

test("what stands behind ten of one group is not seen yet, and that is said", async () => {
  dead = Array.from({ length: 10 }, (_, i) => ({
    id: `${i}0000000-a`,
    body: JSON.stringify(look),
    group: "preview/7/12",
  }));
  const nobody = person();
  await redrive(["deployer"], nobody);
  expect(nobody.shown()).toContain("There may be more behind these");
});

test("an id that names none changes nothing", async () => {
  await expect(redrive(["deployer", "--only", "9", "--apply"], person())).rejects.toThrow('begins with "9"');
  expect(dead.length).toBe(2);
  expect([...hidden]).toEqual([]);
});

test("an empty queue is said to be empty, a queue that there is not is not guessed", async () => {
  dead = [];
  const somebody = person();
  expect(await redrive(["deployer"], somebody)).toBe(0);
  expect(somebody.shown()).toContain("No dead letters");
  expect(await redrive(["webhook"], person())).toBe(2);
});

test.each([
  [look, "look at preview/7/12 (pull_request.opened)"],
  [{ v: 1, kind: "tick", target: look.target, n: 4 }, "wake preview/7/12, number 4"],
  [{ ...from, kind: "branch", repoId: 7, branch: "main", sha: SHA }, "branch main of acme/shop at 4f2c1d9"],
  [{ installation: 3 }, "reports of installation 3"],
  [
    { source: "aws.ecr", detail: { "repository-name": "acme/shop-web", "image-tag": SHA } },
    `image push acme/shop-web:${SHA}`,
  ],
  [{ v: 9, kind: "dance" }, "unreadable here (the message is of no known kind: dance)"],
])("%j is about: %s", (body, text) => {
  expect(subject({ body: JSON.stringify(body) })).toBe(text);
});

test("what is not JSON is shown to be unreadable", () => {
  expect(subject({ body: "{" })).toBe("unreadable here (the message is not an object)");
});
