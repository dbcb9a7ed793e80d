import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { createEcr, parseEcrHost } from "../../src/adapters/registry-ecr.ts";
import { createRegistries } from "../../src/adapters/registry.ts";
import { OutsideError } from "../../src/core/problem.ts";

const HOST = "123456789012.dkr.ecr.eu-west-1.amazonaws.com";
const DIGEST = `sha256:${"a".repeat(64)}`;

let answer: { status: number; body: object };
let asked: { operation: string | undefined; body: unknown; region: string }[];
const server = createServer((req, res) => {
  const chunks: Buffer[] = [];
  req.on("data", (chunk: Buffer) => chunks.push(chunk));
  req.on("end", () => {
    const region = /Credential=[^/]+\/\d+\/([^/]+)\/ecr/.exec(req.headers.authorization ?? "")?.[1] ?? "";
    const operation = req.headers["x-amz-target"]?.toString();
    asked.push({ operation, body: JSON.parse(Buffer.concat(chunks).toString()), region });
    res.writeHead(answer.status, { "content-type": "application/x-amz-json-1.1" }).end(JSON.stringify(answer.body));
  });
});

beforeEach(async () => {
  asked = [];
  vi.stubEnv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE");
  vi.stubEnv("AWS_SECRET_ACCESS_KEY", "secret");
  vi.stubEnv("AWS_MAX_ATTEMPTS", "1");
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  vi.stubEnv("AWS_ENDPOINT_URL_ECR", `http://127.0.0.1:${(server.address() as AddressInfo).port}`);
});
afterEach(async () => {
  vi.unstubAllEnvs();
  server.closeAllConnections();
  await new Promise((done) => server.close(done));
});

const digest = async (host = HOST): Promise<unknown> =>
  createEcr()(host)
    ?.digest("acme/shop-web", "v1")
    .catch((error: unknown) => (error instanceof OutsideError ? error.problem : error));

const failing = (name: string, status = 400): { status: number; body: object } => ({
  status,
  body: { __type: name, message: `${name} it is` },
});

test("a tag is resolved in the account and region that the host names", async () => {
  answer = { status: 200, body: { imageDetails: [{ imageDigest: DIGEST, imageTags: ["v1"] }] } };
  expect(await digest()).toBe(DIGEST);
  expect(asked).toEqual([
    {
      operation: "AmazonEC2ContainerRegistry_V20150921.DescribeImages",
      body: { registryId: "123456789012", repositoryName: "acme/shop-web", imageIds: [{ imageTag: "v1" }] },
      region: "eu-west-1",
    },
  ]);
});

test("of another account and region, that registry is asked, in that region", async () => {
  answer = { status: 200, body: { imageDetails: [{ imageDigest: DIGEST }] } };
  await digest("999988887777.dkr.ecr.us-west-2.amazonaws.com");
  expect(asked).toMatchObject([{ body: { registryId: "999988887777" }, region: "us-west-2" }]);
});

test.each(["ImageNotFoundException", "RepositoryNotFoundException"])("%s: the tag is not there (yet)", async (name) => {
  answer = failing(name);
  expect(await digest()).toBe(null);
});

test.each([
  {
    name: "AccessDeniedException",
    problem: { code: "forbidden", retryable: false, advice: expect.stringMatching(/ecr:DescribeImages.*role.*policy/) },
  },
  { name: "UnrecognizedClientException", problem: { code: "forbidden", retryable: false } },
  { name: "InvalidParameterException", problem: { code: "invalid", retryable: false } },
  { name: "ExpiredTokenException", problem: { code: "unavailable", retryable: true } },
  { name: "ThrottlingException", problem: { code: "rate-limited", retryable: true } },
  { name: "ServerException", status: 500, problem: { code: "unavailable", retryable: true } },
])("$name is $problem.code", async ({ name, status, problem }) => {
  answer = failing(name, status);
  expect(await digest()).toMatchObject(problem);
});

test("an image is looked up in ECR by its host alone, unless the settings say otherwise", async () => {
  answer = { status: 200, body: { imageDetails: [{ imageDigest: DIGEST }] } };
  expect(await createRegistries({ hosts: {} }).resolve(`${HOST}/acme/shop-web`, "v1")).toBe(DIGEST);
  const hosts = { [HOST]: { url: "http://127.0.0.1:1" } };
  const elsewhere = createRegistries({ hosts }).resolve(`${HOST}/acme/shop-web`, "v1");
  await expect(elsewhere).rejects.toMatchObject({ problem: { code: "unavailable" } });
  expect(asked).toHaveLength(1);
});

test("what the client itself cannot do is unavailable", async () => {
  vi.stubEnv("AWS_ENDPOINT_URL_ECR", "http://127.0.0.1:1");
  const registry = createEcr()(HOST);
  await expect(registry?.digest("acme/shop-web", "v1")).rejects.toMatchObject({
    problem: { code: "unavailable", retryable: true },
  });
});

test.each([
  [HOST, { account: "123456789012", region: "eu-west-1", fips: false }],
  [
    "123456789012.dkr.ecr-fips.us-gov-west-1.amazonaws.com",
    { account: "123456789012", region: "us-gov-west-1", fips: true },
  ],
  ["123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn", { account: "123456789012", region: "cn-north-1", fips: false }],
  ["123456789012.dkr-ecr.eu-west-1.on.aws", { account: "123456789012", region: "eu-west-1", fips: false }],
  ["ghcr.io", null],
  ["123456789012.dkr.ecr.eu-west-1.amazonaws.com.evil.example", null],
  ["public.ecr.aws", null],
])("%s is %j", (host, at) => {
  expect(parseEcrHost(host)).toEqual(at);
});
