import { shortImage, type Finding } from "./diagnosis-finding.ts";

/** What containerd, CRI-O and Docker say when a pull fails, most particular first. */
type Pull = {
  readonly pattern: RegExp;
  readonly line: string;
  readonly remedy: string;
  readonly fault?: Finding["fault"];
};

const PULLS: readonly Pull[] = [
  {
    pattern: /no match for platform|no matching manifest for/i,
    line: "The image was not built for the processor of these nodes",
    remedy: "Build it for the nodes' platform, e.g. `docker buildx build --platform linux/amd64,linux/arm64`.",
  },
  {
    pattern: /toomanyrequests|rate limit|too many requests|\b429\b/i,
    line: "The registry limits how often it may be asked",
    remedy: "Run the deploy again in a few minutes; a registry of your own or a pull-through cache ends this.",
    fault: "infrastructure",
  },
  {
    pattern: /no such host|i\/o timeout|connection refused|deadline exceeded|TLS handshake|x509|connection reset/i,
    line: "The nodes cannot reach the registry",
    remedy: "Check the nodes' way to the registry (DNS, proxy, VPC endpoint, certificate), then run the deploy again.",
    fault: "infrastructure",
  },
  {
    pattern: /\b40[13]\b|unauthorized|forbidden|denied|no basic auth|authorization failed|authentication required/i,
    line: "The nodes may not pull the image",
    remedy:
      "Give the nodes (or an imagePullSecret) the right to read this repository, and check that its name is correct.",
  },
  {
    pattern: /not found|manifest unknown|name unknown|does not exist/i,
    line: "The image is not in the registry",
    remedy: "Check that the build pushed it, and that nothing (a lifecycle rule, say) has removed it since.",
  },
];

/** `said`: the container's message and the pod's `Failed` events; a back-off's own message often leaves the reason out. */
export function imageFinding(container: string, image: string, reason: string, said: string): Finding {
  const headline = `${reason} on ${shortImage(image)}`;
  if (reason === "InvalidImageName") {
    const line = `${container}: ${image} is not a valid image name.`;
    const remedy = "Correct `image` in .proa.yml.";
    return { headline, section: "unrecoverable", line, remedy, fault: "application" };
  }
  const known = PULLS.find(({ pattern }) => pattern.test(said));
  return {
    headline,
    section: "unrecoverable",
    line: `${container}: Failed to pull image ${image}. ${known?.line ?? (said || reason)}.`,
    remedy: known?.remedy ?? "Check that the image exists and that the nodes may pull it.",
    fault: known?.fault ?? "application",
  };
}
