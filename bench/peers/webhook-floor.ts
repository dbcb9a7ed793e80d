import { createHash, createHmac, timingSafeEqual } from "node:crypto";
import { Agent, request } from "node:https";

const agent = new Agent({ keepAlive: true });
const { env } = process;
const hmac = (key: string | Buffer, text: string): Buffer => createHmac("sha256", key).update(text).digest();

/** The least that a webhook can do: verify, parse, one signed request to SQS. No errors, no retries, no secret to fetch. */
export async function handler({ headers, body }: { headers: Record<string, string>; body: string }) {
  const given = Buffer.from(headers["x-hub-signature-256"]?.slice(7) ?? "", "hex");
  if (!timingSafeEqual(hmac(env["BENCH_WEBHOOK_SECRET"] ?? "", body), given)) return { statusCode: 401 };
  const { number } = JSON.parse(body) as { number: number };
  await send(
    JSON.stringify({
      QueueUrl: `${env["PROA_QUEUE"]}-deployer.fifo`,
      Entries: [{ Id: "0", MessageBody: `{"number":${number}}` }],
    }),
  );
  return { statusCode: 202 };
}

function send(body: string): Promise<void> {
  const url = new URL(env["AWS_ENDPOINT_URL"] ?? "");
  const date = new Date().toISOString().replace(/[-:]|\.\d+/g, "");
  const scope = `${date.slice(0, 8)}/${env["AWS_REGION"]}/sqs/aws4_request`;
  const hash = (text: string): string => createHash("sha256").update(text).digest("hex");
  const canonical = `POST\n/\n\nhost:${url.host}\nx-amz-date:${date}\n\nhost;x-amz-date\n${hash(body)}`;
  const steps = [date.slice(0, 8), env["AWS_REGION"] ?? "", "sqs", "aws4_request"];
  const key = steps.reduce<string | Buffer>((from, step) => hmac(from, step), `AWS4${env["AWS_SECRET_ACCESS_KEY"]}`);
  const signature = hmac(key, `AWS4-HMAC-SHA256\n${date}\n${scope}\n${hash(canonical)}`).toString("hex");
  const authorization = `AWS4-HMAC-SHA256 Credential=${env["AWS_ACCESS_KEY_ID"]}/${scope}, SignedHeaders=host;x-amz-date, Signature=${signature}`;
  const headers = { "x-amz-date": date, "x-amz-target": "AmazonSQS.SendMessageBatch", authorization };
  return new Promise((resolve, reject) => {
    const asked = request(url, { method: "POST", agent, headers }, (response) => response.resume().on("end", resolve));
    asked.on("error", reject).end(body);
  });
}
