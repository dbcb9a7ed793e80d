import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** An answer of AWS, or its refusal: `__type` and `message`. */
export type Reply = Readonly<Record<string, unknown>>;
export type Operation = (input: Readonly<Record<string, unknown>>) => Reply;

export interface AwsStub {
  /** For `process.env`: the SDK finds the stub by it. */
  readonly env: Readonly<Record<string, string>>;
  /** `GetSecretValue`, `DescribeStacks`, …, as they came. */
  readonly calls: readonly string[];
  close(): Promise<void>;
}

/** Just enough of AWS for one test: operations by name, in the JSON protocol; CloudFormation's `DescribeStacks` in XML. */
export async function startAwsStub(operations: Readonly<Record<string, Operation>>): Promise<AwsStub> {
  const calls: string[] = [];
  async function serve(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const body = await bodyOf(req);
    const target = req.headers["x-amz-target"];
    const name = typeof target === "string" ? (target.split(".").at(-1) ?? "") : actionOf(req, body);
    calls.push(name);
    const unknown = { __type: "UnknownOperationException", message: `${name} is not in this test` };
    const reply: Reply = operations[name]?.(inputOf(body)) ?? unknown;
    const failed = "__type" in reply;
    if ("xml" in reply) return void res.end(String(reply["xml"]));
    res.writeHead(failed ? 400 : 200, {
      "content-type": "application/x-amz-json-1.1",
      ...(failed ? { "x-amzn-errortype": String(reply["__type"]) } : {}),
    });
    res.end(JSON.stringify(reply));
  }

  const server = createServer((req, res) => void serve(req, res));
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  return {
    env: {
      AWS_ENDPOINT_URL: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
      AWS_REGION: "eu-west-1",
      AWS_ACCESS_KEY_ID: "test",
      AWS_SECRET_ACCESS_KEY: "test",
      AWS_MAX_ATTEMPTS: "1",
    },
    calls,
    close: () =>
      new Promise((closed) => {
        server.close(() => closed());
        server.closeAllConnections();
      }),
  };
}

async function bodyOf(req: IncomingMessage): Promise<string> {
  let text = "";
  for await (const chunk of req) text += String(chunk);
  return text;
}

const actionOf = (req: IncomingMessage, body: string): string =>
  new URLSearchParams(body).get("Action") ?? `${req.method} ${req.url?.split("?")[0]}`;

function inputOf(body: string): Record<string, unknown> {
  try {
    return JSON.parse(body) as Record<string, unknown>;
  } catch {
    return Object.fromEntries(new URLSearchParams(body));
  }
}

export interface StackFixture {
  readonly name: string;
  readonly outputs: Readonly<Record<string, string>>;
}

/** https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DescribeStacks.html */
export const describedStack = ({ name, outputs }: StackFixture): Reply => ({
  xml: `<DescribeStacksResponse xmlns="http://cloudformation.amazonaws.com/doc/2010-05-15/"><DescribeStacksResult><Stacks><member>
<StackName>${name}</StackName><StackId>arn:aws:cloudformation:eu-west-1:111122223333:stack/${name}/1</StackId>
<StackStatus>UPDATE_COMPLETE</StackStatus><CreationTime>2026-11-01T00:00:00Z</CreationTime><Outputs>${Object.entries(
    outputs,
  )
    .map(([key, value]) => `<member><OutputKey>${key}</OutputKey><OutputValue>${value}</OutputValue></member>`)
    .join("")}</Outputs></member></Stacks></DescribeStacksResult></DescribeStacksResponse>`,
});

/** Secrets Manager with these secrets; `put` says what a write comes to. */
export function secretsManager(secrets: Map<string, string>, put: () => Reply | null = () => null) {
  return {
    GetSecretValue: ({ SecretId }: Readonly<Record<string, unknown>>): Reply => {
      const text = secrets.get(String(SecretId));
      return text === undefined
        ? { __type: "ResourceNotFoundException", message: "Secrets Manager can't find the specified secret." }
        : { ARN: `arn:${String(SecretId)}`, Name: SecretId, SecretString: text };
    },
    PutSecretValue: ({ SecretId, SecretString }: Readonly<Record<string, unknown>>): Reply => {
      const refusal = put();
      if (refusal !== null) return refusal;
      secrets.set(String(SecretId), String(SecretString));
      return { ARN: `arn:${String(SecretId)}`, Name: SecretId };
    },
  };
}
