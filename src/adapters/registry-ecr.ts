import { DescribeImagesCommand, ECRClient, ECRServiceException } from "@aws-sdk/client-ecr";
import { parseDigest } from "../core/names.ts";
import { OutsideError, type Problem } from "../core/problem.ts";
import type { Registry } from "./registry.ts";

/**
 * The ECR registry an image host names, null for any other host. One client per region, whatever the account.
 *
 * DescribeImages, not BatchGetImage: it is a pure read (the other fills pull-through caches) and carries no manifest. An index needs no
 * look at its children: ECR refuses to store one whose images are missing (ReferencedImagesNotFoundException).
 */
export function createEcr(): (host: string) => Registry | null {
  const clients = new Map<string, ECRClient>();

  function clientOf({ region, fips }: EcrHost): ECRClient {
    const key = `${region} ${fips}`;
    const client =
      clients.get(key) ??
      new ECRClient({
        region,
        useFipsEndpoint: fips,
        requestHandler: { connectionTimeout: 2000, requestTimeout: 5000, throwOnRequestTimeout: true },
      });
    clients.set(key, client);
    return client;
  }

  return function ecr(host) {
    const at = parseEcrHost(host);
    if (at === null) return null;
    return {
      async digest(repository, reference) {
        const command = new DescribeImagesCommand({
          registryId: at.account,
          repositoryName: repository,
          imageIds: [parseDigest(reference) === null ? { imageTag: reference } : { imageDigest: reference }],
        });
        try {
          const { imageDetails } = await clientOf(at).send(command);
          return parseDigest(imageDetails?.[0]?.imageDigest);
        } catch (cause) {
          // A repository that does not exist holds no such tag: CI may create it with its first push, and until then the
          // answer is the one every other registry gives. The wait names the full image, so a typing error is seen there.
          if (isNamed(cause, ["ImageNotFoundException", "RepositoryNotFoundException"])) return null;
          throw new OutsideError(problemOf(cause, at, repository), { cause });
        }
      },
    };
  };
}

interface EcrHost {
  readonly account: string;
  readonly region: string;
  readonly fips: boolean;
}

// https://docs.aws.amazon.com/general/latest/gr/ecr.html; the second form is the dual-stack one.
export function parseEcrHost(host: string): EcrHost | null {
  const match =
    /^(\d{12})\.dkr\.ecr(-fips)?\.([a-z]{2}(?:-[a-z]+)+-\d)\.amazonaws\.com(?:\.cn)?$/.exec(host) ??
    /^(\d{12})\.dkr-ecr(-fips)?\.([a-z]{2}(?:-[a-z]+)+-\d)\.on\.(?:aws|amazonwebservices\.com\.cn)$/.exec(host);
  const [, account, fips, region] = match ?? [];
  return account === undefined || region === undefined ? null : { account, region, fips: fips !== undefined };
}

const isNamed = (error: unknown, names: readonly string[]): boolean =>
  error instanceof Error && names.includes(error.name);

function problemOf(error: unknown, { account, region }: EcrHost, repository: string): Problem {
  const where = `repository ${repository} in ECR (account ${account}, ${region})`;
  if (isNamed(error, ["AccessDeniedException"])) {
    const remedy = `allow ecr:DescribeImages to the deployer's role and, across accounts, in the repository's policy`;
    const advice = `AWS refuses to look into ${where}: ${remedy}`;
    return { code: "forbidden", detail: advice, retryable: false, advice };
  }
  if (isNamed(error, ["ThrottlingException", "TooManyRequestsException", "RequestLimitExceeded"])) {
    return { code: "rate-limited", detail: `AWS throttles reads of ${where}`, retryable: true };
  }
  // A wrong key, a bad name: the same call gives the same answer. Expired credentials are fetched anew by the next one.
  if (error instanceof ECRServiceException && error.$fault === "client" && !isNamed(error, ["ExpiredTokenException"])) {
    const code = isNamed(error, ["UnrecognizedClientException", "InvalidSignatureException"]) ? "forbidden" : "invalid";
    return { code, detail: `AWS refuses to look into ${where}: ${error.name}: ${error.message}`, retryable: false };
  }
  return {
    code: "unavailable",
    detail: `${where} cannot be read: ${error instanceof Error ? error.message : "no reason given"}`,
    retryable: true,
  };
}
