import { CreateRepositoryCommand, ECRClient, PutImageCommand } from "@aws-sdk/client-ecr";
import {
  DescribeRuleCommand,
  EventBridgeClient,
  ListTargetsByRuleCommand,
  TestEventPatternCommand,
} from "@aws-sdk/client-eventbridge";
import { SendMessageCommand, SQSClient } from "@aws-sdk/client-sqs";
import { randomUUID } from "node:crypto";
import type { ImagePushed } from "../../local/proa.ts";
import { ACCOUNT, type AwsEnvironment, clientOptions } from "./ministack.ts";

export interface ImageMirror {
  pushed(push: ImagePushed): void;
  /** Waits for what is under way. @throws what went wrong with an image since the last time */
  settle(): Promise<void>;
}

export interface MirrorOptions {
  readonly env: AwsEnvironment;
  /** Address of the world's own registry. */
  readonly registry: string;
  /** The rule about pushes. */
  readonly rule: string;
}

/**
 * What the CI pushes to the world's own registry, which the cluster pulls from, is in ECR as well: the same manifest under the same
 * tag, so that it has the same digest there. The event that ECR would send goes where the stack's rule says, if its pattern
 * matches: MiniStack's ECR sends none, and its EventBridge takes none of AWS' own from outside, as AWS does.
 */
export function mirrorImages({ env, registry, rule }: MirrorOptions): ImageMirror {
  const ecr = new ECRClient(clientOptions(env));
  const events = new EventBridgeClient(clientOptions(env));
  const sqs = new SQSClient(clientOptions(env));
  const underWay = new Set<Promise<void>>();

  async function mirror({ repository, tag, digest }: ImagePushed): Promise<void> {
    const found = await fetch(`${registry}/v2/${repository}/manifests/${digest}`);
    const imageManifest = await found.text();
    await ecr.send(new CreateRepositoryCommand({ repositoryName: repository })).catch((error: unknown) => {
      if (!isThere(error)) throw error;
    });
    const imageManifestMediaType = found.headers.get("content-type") ?? "";
    const at = { repositoryName: repository, imageTag: tag, imageDigest: digest };
    await ecr.send(new PutImageCommand({ ...at, imageManifest, imageManifestMediaType })).catch((error: unknown) => {
      if (!isThere(error)) throw error;
    });
    await tell({
      version: "0",
      id: randomUUID(),
      "detail-type": "ECR Image Action",
      source: "aws.ecr",
      account: ACCOUNT,
      time: new Date().toISOString().replace(/\.\d+Z$/, "Z"),
      region: env.AWS_REGION,
      resources: [],
      detail: {
        result: "SUCCESS",
        "repository-name": repository,
        "image-digest": digest,
        "action-type": "PUSH",
        "image-tag": tag,
      },
    });
  }

  async function tell(event: object): Promise<void> {
    const { EventPattern } = await events.send(new DescribeRuleCommand({ Name: rule }));
    const Event = JSON.stringify(event);
    const { Result } = await events.send(new TestEventPatternCommand({ EventPattern, Event }));
    if (Result !== true) return;
    const { Targets = [] } = await events.send(new ListTargetsByRuleCommand({ Rule: rule }));
    for (const { Arn = "" } of Targets) {
      const [account, name] = Arn.split(":").slice(-2);
      const QueueUrl = `${env.AWS_ENDPOINT_URL}/${account}/${name}`;
      await sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: Event }));
    }
  }

  return {
    pushed(push) {
      // A digest is not a tag: only tags are waited for.
      if (push.tag.startsWith("sha256:")) return;
      const work = mirror(push);
      underWay.add(work);
      work.then(
        () => underWay.delete(work),
        () => {}, // thrown by `settle`
      );
    },
    async settle() {
      await Promise.all(underWay);
    },
  };
}

/** A repository, or the same image under the same tag. */
const isThere = (error: unknown): boolean =>
  error instanceof Error && /^(Repository|Image)AlreadyExistsException$/.test(error.name);
