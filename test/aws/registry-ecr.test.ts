import { CreateRepositoryCommand, ECRClient, PutImageCommand } from "@aws-sdk/client-ecr";
import { afterAll, beforeAll, expect, inject, test, vi } from "vitest";

import { createRegistries } from "../../src/adapters/registry.ts";
import { parseDigest } from "../../src/core/names.ts";
import { ACCOUNT, clientOptions } from "./ministack.ts";

const aws = inject("aws");
const repository = "acme/registry-ecr-web";
const image = `${ACCOUNT}.dkr.ecr.${aws.AWS_REGION}.amazonaws.com/${repository}`;
let pushed: string;

beforeAll(async () => {
  for (const [name, value] of Object.entries(aws)) vi.stubEnv(name, value);
  const ecr = new ECRClient(clientOptions(aws));
  await ecr.send(new CreateRepositoryCommand({ repositoryName: repository }));
  const imageManifest = JSON.stringify({ schemaVersion: 2, config: {}, layers: [] });
  const put = await ecr.send(new PutImageCommand({ repositoryName: repository, imageTag: "v1", imageManifest }));
  pushed = put.image?.imageId?.imageDigest ?? "";
});
afterAll(() => void vi.unstubAllEnvs());

const resolve = (name: string, reference: string) => createRegistries({ hosts: {} }).resolve(name, reference);

test("a tag that was pushed is resolved to its digest, and a digest to itself", async () => {
  expect(parseDigest(pushed)).not.toBeNull();
  expect(await resolve(image, "v1")).toBe(pushed);
  expect(await resolve(image, pushed)).toBe(pushed);
});

test("a tag, a digest and a repository that nobody has pushed are not there yet", async () => {
  expect(await resolve(image, "v2")).toBeNull();
  expect(await resolve(image, `sha256:${"0".repeat(64)}`)).toBeNull();
  expect(await resolve(image.replace("-web", "-nothing"), "v1")).toBeNull();
});
