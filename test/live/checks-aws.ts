import { CloudWatchLogsClient, FilterLogEventsCommand } from "@aws-sdk/client-cloudwatch-logs";
import { BatchDeleteImageCommand, BatchGetImageCommand, ECRClient, PutImageCommand } from "@aws-sdk/client-ecr";
import { SendMessageCommand } from "@aws-sdk/client-sqs";
import { createHmac, randomBytes, randomUUID } from "node:crypto";
import { pingWebhook } from "../../scripts/installation/ping.ts";
import { createSecrets, textIn } from "../../scripts/installation/secrets.ts";
import { createSqs } from "../../scripts/installation/sqs.ts";
import { requireStack, secretIds, type Stack, webhookUrl } from "../../scripts/installation/stack.ts";
import { Stop } from "../../scripts/installation/stop.ts";
import { asAssumed, eventually, type Finding, type LiveCheck, notTold, otherwise } from "./check.ts";

export interface AwsWorld {
  readonly stack: Stack;
  readonly hook: string;
  /** The webhook's current secret. */
  readonly secret: string;
  /** A repository of ECR with at least one tagged image; null: none was named. */
  readonly ecr: { readonly repository: string; readonly tag: string } | null;
}

/** The tag of a stack that is given over to these checks; no other is touched. */
export const STACK_TAG = "proa:live-test";

export async function enterAws(name: string, ecr: AwsWorld["ecr"]): Promise<AwsWorld> {
  const stack = await requireStack(name);
  if (stack.tags[STACK_TAG] !== "true")
    throw new Stop(
      `the stack ${name} has no tag ${STACK_TAG}=true: only a stack that is given over to these checks is touched`,
    );
  const webhook = await createSecrets().read(secretIds(stack).webhook);
  const secret = textIn(webhook, "PROA_WEBHOOK_SECRETS")?.split(/[,\n]/)[0]?.trim() ?? "";
  return { stack, hook: webhookUrl(stack), secret, ecr };
}

const MINUTE = 60_000;
const GROUPS = 20;

export const awsChecks: readonly LiveCheck<AwsWorld>[] = [
  {
    name: "function URL",
    question: "Do the two permissions of the template open the webhook's URL to everybody?",
    untilThen: "`proa doctor` calls it, and says so where AWS answers 403",
    async run({ hook }) {
      const { status } = await pingWebhook(hook, randomUUID());
      return status === 401 ? asAssumed("an unsigned caller reaches the function") : otherwise(`AWS answers ${status}`);
    },
  },
  {
    name: "signed delivery",
    question: "Does the function read the stored secret with its role?",
    untilThen: "Without it the webhook answers 503, and GitHub's deliveries are asked for again",
    async run({ hook, secret }) {
      const { status, body } = await pingWebhook(hook, secret);
      return status === 202 ? asAssumed("202") : otherwise(`${status} ${body}`);
    },
  },
  {
    name: "large deliveries",
    question: "Does a delivery of just under six megabytes get through the Function URL?",
    untilThen: "What does not get through is compared by the sweep",
    async run({ hook, secret }) {
      const body = JSON.stringify({ zen: "x".repeat(5_900_000), hook_id: 1 });
      const signature = createHmac("sha256", secret).update(body).digest("hex");
      const { status } = await fetch(hook, {
        method: "POST",
        body,
        headers: {
          "content-type": "application/json",
          "x-github-event": "ping",
          "x-github-delivery": randomUUID(),
          "x-hub-signature-256": `sha256=${signature}`,
        },
      });
      return status === 202 ? asAssumed("5.9 MB are taken") : otherwise(`AWS answers ${status}`);
    },
  },
  {
    name: "groups side by side",
    question: "Does the FIFO event source run several message groups at once?",
    untilThen: "Nothing depends on it but speed: each group is in order either way",
    run: groupsSideBySide,
  },
  {
    name: "code cache",
    question: "Does Lambda's Node take the code cache that the bundles bring?",
    untilThen: "Where it does not, the bundle is compiled as any other; an alarm says so",
    async run({ stack }) {
      const since = Date.now() - 24 * 60 * MINUTE;
      const group = `/aws/lambda/${stack.name}-deployer`;
      const [starts, rejected] = await Promise.all([
        streamsWith(group, since, "INIT_START"),
        streamsWith(group, since, '{ $.msg = "code cache rejected" }'),
      ]);
      if (starts.size === 0) return notTold("no cold start within a day");
      return rejected.size === 0 ? asAssumed("it does") : otherwise(`rejected in ${rejected.size} of ${starts.size}`);
    },
  },
  {
    name: "image push events",
    question: "How soon does a push to ECR reach the deployer by EventBridge?",
    untilThen: "Best effort: whoever waits for an image also looks by itself",
    run: imagePush,
  },
];

/** Hints for targets that nobody has: each is dropped after one look at the table. */
async function groupsSideBySide({ stack }: AwsWorld): Promise<Finding> {
  const sqs = createSqs();
  const QueueUrl = stack.outputs["DeployerQueueUrl"];
  const since = Date.now();
  const repoId = 900_000_000_000 + randomBytes(3).readUIntBE(0, 3);
  await Promise.all(
    Array.from({ length: GROUPS }, (_, i) => {
      const target = { kind: "preview", repoId, number: i + 1 };
      const MessageBody = JSON.stringify({ v: 1, kind: "tick", target, n: 1 });
      const MessageGroupId = `preview/${repoId}/${i + 1}`;
      return sqs.send(
        new SendMessageCommand({ QueueUrl, MessageBody, MessageGroupId, MessageDeduplicationId: randomUUID() }),
      );
    }),
  );
  const group = `/aws/lambda/${stack.name}-deployer`;
  const streams = await eventually(
    async () => {
      const found = await streamsWith(group, since, "REPORT RequestId");
      return found.size > 1 ? found : null;
    },
    { withinMs: 3 * MINUTE, everyMs: 10_000 },
  );
  return streams === null
    ? otherwise(`one at a time: ${GROUPS} groups were handled by one instance`)
    : asAssumed(`${streams.size} instances handled ${GROUPS} groups`);
}

async function streamsWith(logGroupName: string, startTime: number, filterPattern: string): Promise<Set<string>> {
  const pattern = filterPattern.startsWith("{") ? filterPattern : `"${filterPattern}"`;
  const { events = [] } = await new CloudWatchLogsClient().send(
    new FilterLogEventsCommand({ logGroupName, startTime, filterPattern: pattern }),
  );
  return new Set(events.map(({ logStreamName = "" }) => logStreamName));
}

/** One more tag for an image that is there, taken away again. */
async function imagePush({ stack, ecr }: AwsWorld): Promise<Finding> {
  if (ecr === null)
    return notTold("PROA_LIVE_ECR_IMAGE is not set: <repository>:<tag> of an image in this account and region");
  const client = new ECRClient();
  const repositoryName = ecr.repository;
  const { images = [] } = await client.send(
    new BatchGetImageCommand({ repositoryName, imageIds: [{ imageTag: ecr.tag }] }),
  );
  const imageManifest = images[0]?.imageManifest;
  if (imageManifest === undefined) return notTold(`there is no image ${repositoryName}:${ecr.tag}`);
  const imageTag = `proa-live-${randomBytes(3).toString("hex")}`;
  const since = Date.now();
  const imageManifestMediaType = images[0]?.imageManifestMediaType;
  await client.send(
    new PutImageCommand({
      repositoryName,
      imageTag,
      imageManifest,
      ...(imageManifestMediaType === undefined ? {} : { imageManifestMediaType }),
    }),
  );
  try {
    const seen = await eventually(
      async () => {
        const found = await streamsWith(`/aws/lambda/${stack.name}-deployer`, since, imageTag);
        return found.size > 0 ? Date.now() - since : null;
      },
      { withinMs: 3 * MINUTE, everyMs: 5_000 },
    );
    return seen === null ? otherwise("not within three minutes") : asAssumed(`within ${Math.round(seen / 1000)} s`);
  } finally {
    await client.send(new BatchDeleteImageCommand({ repositoryName, imageIds: [{ imageTag }] }));
  }
}
