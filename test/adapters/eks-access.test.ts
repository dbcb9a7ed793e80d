import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";

import { eksAccess } from "../../src/adapters/eks-access.ts";
import { createKubernetes } from "../../src/adapters/kubernetes-client.ts";
import type { Kubernetes } from "../../src/adapters/kubernetes.ts";
import { type EksFront, type FrontedCluster, startEksFront } from "../aws/eks-front.ts";
import { startServer, type Answer, type StubServer } from "./kubernetes-server.ts";
import { image, ok, deployment, problemOf } from "./kubernetes-stub.ts";

const MINUTE = 60_000;
const role = { accessKeyId: "ASIAEXAMPLE", secretAccessKey: "the role's", sessionToken: "a session+of/the=role" };
const stranger = { accessKeyId: "AKIASTRANGER", secretAccessKey: "the stranger's" };

let now: number;
/** By how much the cluster's clock is ahead of ours. */
let ahead: number;
let answer: Answer;
let server: StubServer;
let front: EksFront;
let blue: { -readonly [K in keyof FrontedCluster]: FrontedCluster[K] };

beforeEach(async () => {
  now = Date.parse("2026-11-22T05:00:00Z");
  ahead = 0;
  answer = ok(deployment);
  server = await startServer(() => answer);
  const { kubeConfig: kubeconfig } = server;
  blue = { kubeconfig, entries: () => [role.accessKeyId] };
  front = await startEksFront({
    clusters: { blue, green: { kubeconfig } },
    credentials: [role, stranger],
    now: () => now + ahead,
  });
  vi.stubEnv("AWS_ENDPOINT_URL_EKS", front.env.AWS_ENDPOINT_URL_EKS);
  vi.stubEnv("AWS_REGION", "eu-west-1");
  become(role);
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await Promise.all([front.close(), server.close()]);
});

/** As Lambda hands a role's credentials to a function. */
function become({ accessKeyId, secretAccessKey, sessionToken }: typeof stranger & { sessionToken?: string }): void {
  vi.stubEnv("AWS_ACCESS_KEY_ID", accessKeyId);
  vi.stubEnv("AWS_SECRET_ACCESS_KEY", secretAccessKey);
  vi.stubEnv("AWS_SESSION_TOKEN", sessionToken);
}

const access = (cluster: string) => eksAccess({ cluster, region: null, clock: { now: () => now } });
const connect = (cluster: string): Kubernetes =>
  createKubernetes({ cluster: "default", access: access(cluster), fieldManager: "proa", timeoutMs: 30_000 });
const read = (kubernetes: Kubernetes) => kubernetes.deployment("shop-7", "web");

describe("a cluster by its name", () => {
  test("is asked of AWS once, and reached over one kept connection", async () => {
    const kubernetes = connect("blue");
    await read(kubernetes);
    for (let call = 0; call < 20; call += 1) expect((await kubernetes.patchImage(image)).kind).toBe("applied");
    expect(front.described).toEqual(["blue"]);
    expect(front.connections("blue")).toBe(1);
    expect(new Set(front.verdicts)).toEqual(new Set(["admitted"]));
  });

  test("is asked of AWS once for all who ask at the same time", async () => {
    const kubernetes = connect("blue");
    await Promise.all([1, 2, 3, 4, 5].map(() => read(kubernetes)));
    expect(front.described).toEqual(["blue"]);
  });

  test("is looked for again after ten minutes, and its connections stay", async () => {
    const kubernetes = connect("blue");
    await read(kubernetes);
    now += 11 * MINUTE;
    await read(kubernetes);
    expect(front.described).toEqual(["blue", "blue"]);
    expect(front.connections("blue")).toBe(1);
  });

  test("that has moved is found at its new place, also by a write", async () => {
    const known = access("blue");
    const kubernetes = createKubernetes({ cluster: "default", access: known, fieldManager: "proa", timeoutMs: 30_000 });
    await known.enter();
    await front.move("blue");
    expect((await kubernetes.patchImage(image)).kind).toBe("applied");
    await front.move("blue");
    expect((await read(kubernetes))?.name).toBe("web");
    expect(front.described).toEqual(["blue", "blue", "blue"]);
  });

  test("is one of several, each by its own", async () => {
    await Promise.all([read(connect("blue")), read(connect("green"))]);
    expect(front.described.toSorted()).toEqual(["blue", "green"]);
    expect(front.verdicts).toEqual(["admitted", "admitted"]);
  });

  test("keeps its endpoint while AWS does not answer", async () => {
    const kubernetes = connect("blue");
    await read(kubernetes);
    now += 11 * MINUTE;
    blue.trouble = { status: 400, type: "InvalidRequestException" };
    expect((await read(kubernetes))?.name).toBe("web");
    expect(front.described).toEqual(["blue", "blue"]);
  });
});

describe("a token", () => {
  test("is used for thirteen minutes and replaced before it ends", async () => {
    const ours = access("blue");
    const first = await ours.enter();
    now += 12 * MINUTE;
    expect((await ours.enter()).headers).toBe(first.headers);
    now += 2 * MINUTE;
    expect((await ours.enter()).headers).not.toEqual(first.headers);
  });

  test("that is refused is made anew once, for a write as well, which nobody had looked at", async () => {
    const kubernetes = connect("blue");
    await read(kubernetes);
    now += 2 * MINUTE;
    ahead = 14 * MINUTE;
    expect((await kubernetes.patchImage(image)).kind).toBe("applied");
    expect(front.verdicts).toEqual(["admitted", "expired", "admitted"]);
    expect(server.asked.map(({ method }) => method)).toEqual(["GET", "PATCH"]);
  });

  test("of another cluster opens nothing", async () => {
    const [ours, theirs] = [access("blue"), access("green")];
    const enter = async () => ({ ...(await ours.enter()), headers: (await theirs.enter()).headers });
    const mixed = { ...ours, enter };
    const kubernetes = createKubernetes({ cluster: "default", access: mixed, fieldManager: "proa", timeoutMs: 30_000 });
    expect(await problemOf(read(kubernetes))).toMatchObject({ code: "forbidden" });
    expect(front.verdicts).toEqual(["STS: another signature", "STS: another signature"]);
    expect(server.asked).toEqual([]);
  });
});

describe("what a person has to do is said, with the cluster's name", () => {
  const problem = async (of = "blue") => {
    const found = await problemOf(read(connect(of)));
    // Never an answer about the object itself.
    expect(found.code).toMatch(/^(forbidden|unavailable)$/);
    return found;
  };

  test("no access entry for the role", async () => {
    become(stranger);
    const found = await problem();
    expect(found.advice).toMatch(/^the EKS cluster blue \(eu-west-1\) does not know .* access entry .*made again/);
    expect(found).toMatchObject({ code: "forbidden", retryable: true });
    expect(front.verdicts).toEqual(["no access entry", "no access entry"]);
  });

  test("no such cluster", async () => {
    expect((await problem("blu")).advice).toMatch(/EKS cluster blu \(eu-west-1\) does not exist: .*PROA_CLUSTERS/);
  });

  test("no right to ask for it", async () => {
    blue.trouble = { status: 403, type: "AccessDeniedException" };
    expect(await problem()).toMatchObject({
      code: "forbidden",
      advice: expect.stringContaining("allow eks:DescribeCluster"),
    });
  });

  test("not yet, of a cluster that is being made", async () => {
    blue.status = "CREATING";
    expect(await problem()).not.toHaveProperty("advice");
    expect((await problem()).detail).toContain("its status is CREATING");
  });

  test.each([
    { access: "private", resourcesVpcConfig: { endpointPublicAccess: false }, says: /own network only: .*SubnetIds/ },
    {
      access: "limited",
      resourcesVpcConfig: { endpointPublicAccess: true, publicAccessCidrs: ["192.0.2.0/24"] },
      says: /some addresses only: .*SubnetIds/,
    },
  ])("an endpoint that is $access, and not for us", async ({ resourcesVpcConfig, says }) => {
    Object.assign(blue, { endpoint: "https://127.0.0.1:9", resourcesVpcConfig });
    expect((await problem()).advice).toMatch(says);
  });

  test("no region, of the cluster or of our own", async () => {
    vi.stubEnv("AWS_REGION", undefined);
    vi.stubEnv("AWS_CONFIG_FILE", "/there/is/none");
    expect((await problem()).advice).toContain("write eks:<cluster>@<region>, or set AWS_REGION");
  });

  test("but an endpoint that is open and silent is nobody's doing", async () => {
    blue.endpoint = "https://127.0.0.1:9";
    expect(await problem()).not.toHaveProperty("advice");
  });
});
