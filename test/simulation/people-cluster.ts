import { LABEL } from "../../src/core/names.ts";
import type { ClusterPeople, NamespaceTruth } from "./cluster.ts";
import { type Action, type Deed, pick, type Play } from "./play.ts";
import { imageOf } from "./scenario.ts";

/** What people, and controllers that are not Proa, do to the cluster and the registry. */
export const HANDS: readonly Action[] = [
  {
    weight: 1.5,
    act: (play) => onDeployment(play, "scales", (people, at) => people.scale(...at, Math.floor(play.draw() * 4))),
  },
  { weight: 0.5, act: (play) => onDeployment(play, "autoscales", (people, at) => people.scale(...at, 2, "hpa")) },
  {
    weight: 1,
    act: (play) =>
      onDeployment(play, "sets the image of", (people, at) => people.setImage(...at, "example.com/other:1")),
  },
  { weight: 1, act: (play) => onDeployment(play, "undoes the rollout of", (people, at) => people.undo(...at)) },
  { weight: 1, act: (play) => onDeployment(play, "restarts", (people, at) => people.restart(...at)) },
  { weight: 1, act: (play) => onDeployment(play, "deletes", (people, at) => people.deleteDeployment(...at)) },
  { weight: 1, act: (play) => pause(play) },
  { weight: 1.5, act: (play) => deleteNamespace(play) },
  { weight: 1, act: (play) => stripLabel(play) },
  { weight: 1, act: (play) => holdNamespace(play) },
  { weight: 1, act: (play) => deny(play) },
  { weight: 1, act: (play) => onPod(play) },
  { weight: 1, act: (play) => moveTag(play) },
];

type Place = readonly [namespace: string, deployment: string];

const namespaces = ({ cluster, draw }: Play): NamespaceTruth | undefined => pick(cluster.truth.namespaces(), draw());
export const isPreview = ({ labels }: NamespaceTruth): boolean => labels[LABEL.pullRequest] !== undefined;

function onDeployment(play: Play, verb: string, act: (people: ClusterPeople, at: Place) => boolean): Deed {
  const namespace = namespaces(play);
  const deployment = pick(namespace?.deployments ?? [], play.draw());
  if (namespace === undefined || deployment === undefined) return null;
  if (!act(play.cluster.people, [namespace.name, deployment.name])) return null;
  play.touched(namespace.name, `somebody ${verb} it`);
  return `${verb} ${namespace.name}/${deployment.name} by hand`;
}

/** For a while: somebody who pauses goes on some day. */
function pause(play: Play): Deed {
  const after = 60_000 * (1 + play.draw() * 10);
  return onDeployment(play, "pauses", (people, at) => {
    if (!people.pause(...at, true)) return false;
    play.kernel.at(after, "resume", () => people.pause(...at, false));
    return true;
  });
}

export function deleteNamespace(play: Play): Deed {
  const namespace = pick(play.cluster.truth.namespaces().filter(isPreview), play.draw());
  if (namespace === undefined || !play.cluster.people.deleteNamespace(namespace.name)) return null;
  return `deletes the namespace ${namespace.name} by hand`;
}

function stripLabel(play: Play): Deed {
  const namespace = pick(play.cluster.truth.namespaces().filter(isPreview), play.draw());
  if (namespace === undefined) return null;
  play.cluster.people.labelNamespace(namespace.name, LABEL.pullRequest, play.draw() < 0.5 ? null : "999");
  play.touched(namespace.name, "somebody changes its labels");
  return `changes the labels of the namespace ${namespace.name}`;
}

export function holdNamespace(play: Play): Deed {
  const namespace = pick(play.cluster.truth.namespaces().filter(isPreview), play.draw());
  if (namespace === undefined || !play.cluster.people.addFinalizer(namespace.name)) return null;
  const minutes = 1 + Math.floor(play.draw() * 10);
  play.kernel.at(minutes * 60_000, "release", () => play.cluster.people.removeFinalizer(namespace.name));
  return `holds the namespace ${namespace.name} with a finalizer for ${minutes} minutes`;
}

function deny(play: Play): Deed {
  const namespace = namespaces(play);
  if (namespace === undefined) return null;
  const quota = play.draw() < 0.5;
  const { people } = play.cluster;
  const minutes = 1 + Math.floor(play.draw() * 6);
  const set = (on: boolean): boolean =>
    quota
      ? people.setPodQuota(namespace.name, on ? 1 : null)
      : people.deny(namespace.name, on ? "policy: not today" : null);
  if (!set(true)) return null;
  play.kernel.at(minutes * 60_000, "allow", () => set(false));
  play.touched(namespace.name, "it was refused for a while");
  return `${quota ? "shrinks the quota of" : "lets an admission policy refuse changes in"} ${namespace.name} for ${minutes} minutes`;
}

function onPod(play: Play): Deed {
  const namespace = namespaces(play);
  const evicts = play.draw() < 0.5;
  const done =
    namespace !== undefined &&
    (evicts ? play.cluster.people.evictPod(namespace.name) : play.cluster.people.deletePod(namespace.name));
  if (!done) return null;
  play.touched(namespace.name, "a pod was lost");
  return `${evicts ? "evicts" : "deletes"} a pod of ${namespace.name}`;
}

/** A tag that was pushed names another, older image from now on: what was tested is what has to run. */
export function moveTag(play: Play): Deed {
  const { github, registry, repo, planned, draw } = play;
  const image = imageOf(planned.name, pick(planned.services, draw()) ?? "web");
  const line = github.truth.firstParents(repo, repo.defaultBranch);
  const [from, to] = [pick(line.slice(0, 3), draw()), pick(line, draw())];
  const digest = to === undefined ? null : registry.now(image, to);
  if (from === undefined || digest === null || registry.now(image, from) === null || from === to) return null;
  play.movedTag(image, from);
  registry.move(image, from, digest);
  return `moves the tag ${from.slice(0, 7)} of ${image} to another image`;
}
