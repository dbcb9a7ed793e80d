import aws4 from "aws4";
import type { AwsEnvironment } from "./ministack.ts";

/** What MiniStack is asked besides what the project's own clients can ask. */
const VERSIONS = { iam: "2010-05-08", monitoring: "2010-08-01" } as const;

/** One call of an API of AWS' older kind, a form in and XML out; answers the XML. */
export async function query(
  env: AwsEnvironment,
  service: keyof typeof VERSIONS,
  parameters: Readonly<Record<string, string>>,
): Promise<string> {
  const { host } = new URL(env.AWS_ENDPOINT_URL);
  const body = new URLSearchParams({ ...parameters, Version: VERSIONS[service] }).toString();
  const headers = { "content-type": "application/x-www-form-urlencoded" };
  const request = { host, method: "POST", path: "/", service, region: env.AWS_REGION, headers, body };
  const credentials = { accessKeyId: env.AWS_ACCESS_KEY_ID, secretAccessKey: env.AWS_SECRET_ACCESS_KEY };
  const signed = aws4.sign(request, credentials).headers as Record<string, string>;
  const response = await fetch(env.AWS_ENDPOINT_URL, { method: "POST", headers: signed, body });
  const text = await response.text();
  if (!response.ok) throw new Error(`${service} ${parameters["Action"]}: ${response.status} ${text}`);
  return text;
}
