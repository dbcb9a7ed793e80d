import { Agent, request } from "node:http";
import { Agent as TlsAgent, request as tlsRequest } from "node:https";
import type { Millis } from "../core/names.ts";
import { parseJson } from "../core/json.ts";
import { OutsideError, type Problem } from "../core/problem.ts";
import { createAwsSigner } from "./aws-sign.ts";

/**
 * One action of a service with its parameters; answers what AWS answered.
 * @throws OutsideError
 */
export type AwsCall = (action: string, parameters: unknown) => Promise<unknown>;

/** As Lambda sets it: region, credentials, and `AWS_ENDPOINT_URL` where another AWS is meant. */
export type AwsEnvironment = Readonly<Record<string, string | undefined>>;

export interface AwsCallOptions {
  readonly service: keyof typeof SERVICES;
  /** Where it is, unless the environment's `AWS_ENDPOINT_URL` says otherwise. */
  readonly endpoint: string;
  /** Credentials are read on every call. */
  readonly env: AwsEnvironment;
  readonly clock: { now(): Millis };
  /** Of one attempt, from connecting to the answer's end. */
  readonly timeoutMs: number;
  readonly attempts: number;
}

/** https://smithy.io/2.0/aws/protocols/aws-json-1_0-protocol.html, and the services as the SDKs name them in variables. */
const SERVICES = {
  sqs: { target: "AmazonSQS", version: "1.0", name: "SQS" },
  secretsmanager: { target: "secretsmanager", version: "1.1", name: "SECRETS_MANAGER" },
} as const;

/**
 * AWS' JSON protocol over kept connections, for actions that are safe to repeat: what fails for a moment is tried again. Without
 * the SDK and without global `fetch`: each of them alone costs more of a cold start than everything else the webhook does.
 */
export function createAwsCall(options: AwsCallOptions): AwsCall {
  const { service, env, attempts } = options;
  const url = new URL(env[`AWS_ENDPOINT_URL_${SERVICES[service].name}`] ?? env["AWS_ENDPOINT_URL"] ?? options.endpoint);
  const sign = createAwsSigner();
  const agent = new (url.protocol === "http:" ? Agent : TlsAgent)({ keepAlive: true });

  return async (action, parameters) => {
    const call = { ...options, url, agent, sign, action, body: JSON.stringify(parameters) };
    for (let attempt = 1; ; attempt++) {
      try {
        return answerOf(`${service} ${action}`, await post(call));
      } catch (error) {
        if (!(error instanceof OutsideError) || !error.problem.retryable || attempt === attempts) throw error;
        // A connection that was closed while Lambda slept fails at once: little to wait, and not the same for everybody.
        await new Promise((resolve) => setTimeout(resolve, Math.random() * 50 * 2 ** attempt));
      }
    }
  };
}

interface Call extends AwsCallOptions {
  readonly url: URL;
  readonly agent: Agent;
  readonly sign: ReturnType<typeof createAwsSigner>;
  readonly action: string;
  readonly body: string;
}

interface Reply {
  readonly status: number;
  readonly text: string;
}

function post(call: Call): Promise<Reply> {
  const { url, agent, timeoutMs } = call;
  return new Promise((resolve, reject) => {
    const lost = ({ message }: Error): void => {
      clearTimeout(timer);
      const detail = `${call.service} ${call.action} at ${url.host}: ${message}`;
      reject(new OutsideError({ code: "unavailable", detail, retryable: true }));
    };
    const req = (url.protocol === "http:" ? request : tlsRequest)(url, {
      method: "POST",
      agent,
      headers: headersOf(call),
    });
    const timer = setTimeout(() => req.destroy(new Error(`no answer within ${timeoutMs} ms`)), timeoutMs);
    req.on("error", lost);
    req.on("response", (res) => {
      let text = "";
      res.setEncoding("utf8");
      res.on("data", (chunk: string) => (text += chunk));
      res.on("error", lost);
      res.on("end", () => {
        clearTimeout(timer);
        resolve({ status: res.statusCode ?? 0, text });
      });
    });
    req.end(call.body);
  });
}

function headersOf({ service, env, clock, url, sign, action, body }: Call): Record<string, string> {
  const { target, version } = SERVICES[service];
  const headers = {
    host: url.host,
    "content-type": `application/x-amz-json-${version}`,
    "x-amz-target": `${target}.${action}`,
  };
  const { AWS_REGION = "", AWS_ACCESS_KEY_ID = "", AWS_SECRET_ACCESS_KEY = "", AWS_SESSION_TOKEN } = env;
  return sign(
    { service, region: AWS_REGION, headers, body, at: new Date(clock.now()) },
    { accessKeyId: AWS_ACCESS_KEY_ID, secretAccessKey: AWS_SECRET_ACCESS_KEY, sessionToken: AWS_SESSION_TOKEN },
  );
}

/** An error's type says more than its status: most of them come as 400. */
function answerOf(asked: string, { status, text }: Reply): unknown {
  const answer = parseJson(text);
  if (status === 200 && answer !== undefined) return answer;
  const { __type = status, message, Message = message } = (answer ?? {}) as Readonly<Record<string, unknown>>;
  // `com.amazonaws.sqs#QueueDoesNotExist`
  const type = String(__type).replace(/^.*#/, "");
  // No colon behind the action's name: a log would take what follows on "GetSecretValue:" for the secret.
  const detail = `${asked} failed with ${type}: ${String(Message)}`.slice(0, 500);
  throw new OutsideError({ ...judge(status, type), detail });
}

/** What an error means, by the status it came with and its type. */
export function judge(status: number, type: string): Pick<Problem, "code" | "retryable"> {
  if (status === 429 || /thrott|toomany|requestlimit/i.test(type)) return { code: "rate-limited", retryable: true };
  if (status >= 500 || status === 200) return { code: "unavailable", retryable: true };
  const isForbidden = status === 403 || /denied|token|signature|unrecognized/i.test(type);
  return { code: isForbidden ? "forbidden" : "invalid", retryable: false };
}
