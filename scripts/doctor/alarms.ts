import { CloudFormationClient } from "@aws-sdk/client-cloudformation";
import { list, object, text } from "../../src/adapters/kubernetes-json.ts";
import { signedHeaders } from "../../src/adapters/aws-sign.ts";

/** The stack's alarms that ring now. CloudWatch's own client would be one more package for this one question. */
export async function alarmsFiring(stack: string): Promise<string[]> {
  // Region and credentials as every client here finds them.
  const { config } = new CloudFormationClient();
  const [region, credentials] = await Promise.all([config.region(), config.credentials()]);
  const { accessKeyId, secretAccessKey, sessionToken } = credentials;
  const suffix = region.startsWith("cn-") ? "amazonaws.com.cn" : "amazonaws.com";
  const elsewhere = process.env["AWS_ENDPOINT_URL_CLOUDWATCH"] ?? process.env["AWS_ENDPOINT_URL"];
  const url = new URL(elsewhere ?? `https://monitoring.${region}.${suffix}`);
  const body = JSON.stringify({ AlarmNamePrefix: `${stack}-`, StateValue: "ALARM" });
  // https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_DescribeAlarms.html
  const headers = {
    host: url.host,
    "content-type": "application/x-amz-json-1.0",
    "x-amz-target": "GraniteServiceVersion20100801.DescribeAlarms",
  };
  const { host: _, ...signed } = signedHeaders(
    { service: "monitoring", region, headers, body, at: new Date() },
    { accessKeyId, secretAccessKey, sessionToken },
  );
  const response = await fetch(url, { method: "POST", headers: signed, body, signal: AbortSignal.timeout(10_000) });
  const answer: unknown = await response.json().catch(() => null);
  if (!response.ok) throw new Error(`CloudWatch DescribeAlarms: ${response.status} ${text(object(answer)["message"])}`);
  return list(object(answer)["MetricAlarms"]).map((alarm) => text(object(alarm)["AlarmName"]));
}
