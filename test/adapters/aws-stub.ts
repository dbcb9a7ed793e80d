import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { sdkAuthorization } from "./aws-oracle.ts";

/** What a test lets AWS answer to one call. `never`: leaves the asker waiting; `reset`: ends the connection; `half`: in the middle. */
export type AwsAnswer =
  | { readonly status?: number; readonly body: unknown }
  | { readonly text: string; readonly status?: number }
  | "never"
  | "reset"
  | "half";

export interface AwsAsked {
  /** `AmazonSQS.SendMessageBatch`. */
  readonly target: string;
  readonly parameters: Readonly<Record<string, unknown>>;
  readonly headers: IncomingMessage["headers"];
}

export interface AwsStub {
  readonly url: string;
  readonly env: Record<string, string>;
  readonly asked: AwsAsked[];
  /** How many connections were made. */
  connections(): number;
  /** Whatever is asked next is answered so, the last answer repeating. */
  answer(...answers: (AwsAnswer | ((asked: AwsAsked) => AwsAnswer | Promise<AwsAnswer>))[]): void;
  /** Hangs up on everybody, as a service does on those who have been silent for a while. */
  hangUp(): void;
  close(): Promise<void>;
}

const KEYS = {
  accessKeyId: "AKIDOFTHESTUB",
  secretAccessKey: "the secret/of+the=stub",
  sessionToken: "a role's token",
};
const REGION = "eu-west-1";

/** SQS and Secrets Manager as far as the protocol goes: every call's signature is verified by the SDK's own signer. */
export async function startAwsStub(): Promise<AwsStub> {
  const asked: AwsAsked[] = [];
  let script: Parameters<AwsStub["answer"]> = [{ body: {} }];
  let connections = 0;

  const server = createServer((request, response) => void serve(request, response));
  server.on("connection", () => connections++);

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const body = Buffer.concat(chunks).toString();
    const target = String(request.headers["x-amz-target"]);
    const one = { target, parameters: JSON.parse(body) as AwsAsked["parameters"], headers: request.headers };
    asked.push(one);
    const expected = await expectedAuthorization(request, target, body);
    if (request.method !== "POST" || request.url !== "/" || request.headers.authorization !== expected)
      return send(response, { status: 403, body: { __type: "InvalidSignatureException", message: expected } });
    const next = script.length > 1 ? script.shift() : script[0];
    return send(response, (typeof next === "function" ? await next(one) : next) ?? "never");
  }

  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    url,
    env: {
      AWS_ENDPOINT_URL: url,
      AWS_REGION: REGION,
      AWS_ACCESS_KEY_ID: KEYS.accessKeyId,
      AWS_SECRET_ACCESS_KEY: KEYS.secretAccessKey,
      AWS_SESSION_TOKEN: KEYS.sessionToken,
    },
    asked,
    connections: () => connections,
    answer: (...answers) => void (script = answers),
    hangUp: () => server.closeAllConnections(),
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** Over the headers that the caller says are signed; whether those are enough is checked as well. */
async function expectedAuthorization({ headers }: IncomingMessage, target: string, body: string): Promise<string> {
  const names = /SignedHeaders=([^,]*)/.exec(headers.authorization ?? "")?.[1]?.split(";") ?? [];
  const lacking = ["host", "x-amz-date", "x-amz-target", "x-amz-security-token"].filter(
    (name) => !names.includes(name),
  );
  if (lacking.length > 0) return `${lacking.join(", ")} to be signed`;
  // The signer adds these two itself.
  const given = names.filter((name) => name !== "x-amz-date" && name !== "x-amz-security-token");
  const time = String(headers["x-amz-date"]).replace(/(....)(..)(..T..)(..)(..Z)/, "$1-$2-$3:$4:$5");
  const service = target.startsWith("AmazonSQS.") ? "sqs" : "secretsmanager";
  return sdkAuthorization(
    {
      service,
      region: REGION,
      headers: Object.fromEntries(given.map((name) => [name, String(headers[name])])),
      body,
      at: new Date(time),
    },
    KEYS,
  );
}

function send(response: ServerResponse, answer: AwsAnswer): void {
  if (answer === "never") return;
  if (answer === "reset") return void response.destroy();
  if (answer === "half") {
    response.writeHead(200, { "content-length": 100 }).write('{"half":');
    return void setImmediate(() => response.destroy());
  }
  response.writeHead(answer.status ?? 200, { "content-type": "application/x-amz-json-1.0" });
  response.end("text" in answer ? answer.text : JSON.stringify(answer.body));
}
