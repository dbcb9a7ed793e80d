import { FUNCTIONS } from "../infra/iam-used.ts";
import type { AwsEnvironment } from "./ministack.ts";
import { query } from "./query-api.ts";

interface Statement {
  readonly Action: readonly string[];
  readonly Resource: unknown;
}

/**
 * Who may `sqs:SendMessage` may send batches: AWS knows no action of its own for that, and MiniStack asks for one. So each role is given it
 * where the template gives it the other.
 * https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonsqs.html
 */
export async function allowBatches(env: AwsEnvironment, stack: string): Promise<void> {
  for (const name of FUNCTIONS) await allowFor(env, `${stack}-${name}-${env.AWS_REGION}`);
}

async function allowFor(env: AwsEnvironment, role: string): Promise<void> {
  const answer = await query(env, "iam", { Action: "GetRolePolicy", RoleName: role, PolicyName: "work" });
  const [, document = ""] = /<PolicyDocument>([^<]*)<\/PolicyDocument>/.exec(answer) ?? [];
  const { Statement: statements } = JSON.parse(decodeURIComponent(document)) as { Statement: readonly Statement[] };
  const senders = statements.filter(({ Action }) => Action.includes("sqs:SendMessage"));
  if (senders.length === 0) return;
  const batches = senders.map(({ Resource }) => ({ Effect: "Allow", Action: "sqs:SendMessageBatch", Resource }));
  const PolicyDocument = JSON.stringify({ Version: "2012-10-17", Statement: batches });
  await query(env, "iam", { Action: "PutRolePolicy", RoleName: role, PolicyName: "batches", PolicyDocument });
}
