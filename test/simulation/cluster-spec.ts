import { parseDeployment } from "../../src/adapters/kubernetes-parse.ts";
import { hash, stable } from "../../src/core/hash.ts";
import type { KubeObject } from "../../src/core/manifests.ts";
import type { DeploymentSpec } from "./cluster-state.ts";

type Json = Readonly<Record<string, unknown>>;

/** What the controllers and the adapter look at in a Deployment's spec; everything else counts by its hash. */
export function parseSpec(object: KubeObject): DeploymentSpec {
  const spec = (object["spec"] ?? {}) as Json;
  // The adapter's own parser, so that the model and the real thing agree on what a manifest says.
  const metadata = { ...object.metadata, uid: "not yet" };
  const { paused, replicas, strategy, progressDeadlineSeconds, containers, initContainers } = parseDeployment(
    { metadata, spec },
    "",
  );
  const rolling = ((spec["strategy"] ?? {}) as Json)["rollingUpdate"] as Json | undefined;
  const surge = amount(rolling?.["maxSurge"], replicas, Math.ceil);
  const unavailable = amount(rolling?.["maxUnavailable"], replicas, Math.floor);
  const images = new Set([...containers, ...initContainers].map(({ image }) => image));
  const rest = hash(stable(without(spec["template"], images)));
  return {
    replicas,
    paused,
    strategy,
    maxSurge: surge,
    // Both at zero would never move; the API server refuses it, and a percentage rounds to this.
    maxUnavailable: surge === 0 && unavailable === 0 ? 1 : unavailable,
    progressDeadlineSeconds: progressDeadlineSeconds ?? 600,
    revisionHistoryLimit: typeof spec["revisionHistoryLimit"] === "number" ? spec["revisionHistoryLimit"] : 10,
    template: { rest, containers, initContainers, restartedAt: "" },
  };
}

/** A number of pods, or a share of them; 25 % unless said. */
function amount(value: unknown, of: number, round: (n: number) => number): number {
  if (typeof value === "number") return value;
  const percent = Number.parseFloat(typeof value === "string" ? value : "25%");
  return round((percent / 100) * of);
}

/** The template with its images left out, which are kept apart. */
function without(part: unknown, images: ReadonlySet<string>): unknown {
  if (Array.isArray(part)) return part.map((item) => without(item, images));
  if (typeof part !== "object" || part === null) return part;
  return Object.fromEntries(
    Object.entries(part)
      .filter(([key, value]) => !(key === "image" && images.has(String(value))))
      .map(([key, value]) => [key, without(value, images)]),
  );
}
