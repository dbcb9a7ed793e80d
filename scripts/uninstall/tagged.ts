import { createAwsSigner } from "../../src/adapters/aws-sign.ts";
import type { Aws } from "../deploy/aws.ts";
import { OWNER_TAG } from "../deploy/leftovers.ts";

/**
 * ARNs of everything in the region that carries the stack's label; IAM's roles are no part of this list.
 * https://docs.aws.amazon.com/resourcegroupstagging/latest/APIReference/API_GetResources.html
 */
export async function taggedResources(aws: Aws, stack: string): Promise<string[]> {
  const found: string[] = [];
  let token = "";
  do {
    const filter = {
      TagFilters: [{ Key: OWNER_TAG, Values: [stack] }],
      ...(token === "" ? {} : { PaginationToken: token }),
    };
    const page = await getResources(aws, JSON.stringify(filter));
    found.push(...(page.ResourceTagMappingList ?? []).map(({ ResourceARN }) => ResourceARN));
    token = page.PaginationToken ?? "";
  } while (token !== "");
  return found.sort();
}

interface Page {
  readonly PaginationToken?: string;
  readonly ResourceTagMappingList?: readonly { readonly ResourceARN: string }[];
}

/** The one action of its service that is needed here: signed by hand rather than by one more client. */
async function getResources({ region, partition, cloudFormation }: Aws, body: string): Promise<Page> {
  const suffix = partition === "aws-cn" ? "amazonaws.com.cn" : "amazonaws.com";
  const endpoint =
    process.env["AWS_ENDPOINT_URL_RESOURCE_GROUPS_TAGGING_API"] ??
    process.env["AWS_ENDPOINT_URL"] ??
    `https://tagging.${region}.${suffix}`;
  const { accessKeyId, secretAccessKey, sessionToken } = await cloudFormation.config.credentials();
  const headers = {
    host: new URL(endpoint).host,
    "content-type": "application/x-amz-json-1.1",
    "x-amz-target": "ResourceGroupsTaggingAPI_20170126.GetResources",
  };
  const { host: _, ...signed } = createAwsSigner()(
    { service: "tagging", region, headers, body, at: new Date() },
    { accessKeyId, secretAccessKey, sessionToken },
  );
  const answer = await fetch(`${endpoint.replace(/\/+$/, "")}/`, { method: "POST", headers: signed, body });
  const value = (await answer.json()) as Page & { readonly __type?: string; readonly message?: string };
  if (answer.ok) return value;
  throw Object.assign(new Error(value.message ?? `HTTP ${answer.status}`), { name: value.__type ?? "TaggingError" });
}
