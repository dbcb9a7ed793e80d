import { type Deed, type Play, pick } from "./play.ts";
import { folderOf } from "./scenario.ts";
import { versionText } from "./github.ts";
import { isPreview } from "./people-cluster.ts";

/** A version of the first service that never comes up, on the default branch; the next push may make it good. */
export function pushBad({ github, repo, planned, draw }: Play): Deed {
  const [service = "web"] = planned.services;
  const folder = folderOf(planned.services, service);
  const text = versionText(draw() < 0.5 ? "crashes" : "not pullable", Math.floor(draw() * 1e6));
  const path = folder === "." ? "main.txt" : `${folder}/main.txt`;
  return (
    github.people.push(repo, repo.defaultBranch, { [path]: text }, "maintainer") &&
    `pushes to ${repo.name} main (${text})`
  );
}

const OFTEN_MS = 200;
const PATIENCE_MS = 10 * 60_000;

/** A script that wants a namespace to be there: as soon as it is gone, it makes one of the same name and labels. */
export function remakeNamespace({ cluster, kernel, draw }: Play): Deed {
  const namespace = pick(cluster.truth.namespaces().filter(isPreview), draw());
  if (namespace === undefined) return null;
  const { name, labels } = namespace;
  const until = kernel.now() + PATIENCE_MS;
  const look = (): void => {
    if (cluster.truth.namespace(name) === null) return cluster.people.createNamespace(name, labels);
    if (kernel.now() < until) kernel.at(OFTEN_MS, "remake", look);
  };
  look();
  return `will make the namespace ${name} anew as soon as it is gone`;
}
