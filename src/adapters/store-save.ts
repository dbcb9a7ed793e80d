import { stable } from "../core/hash.ts";
import { type Millis, type Target, targetId } from "../core/names.ts";
import type { TargetState } from "../core/state.ts";
import type { Glance, Save } from "./store.ts";
import { formatted } from "./store-format.ts";
import { digestKey, glanceKey, outboxKey, releaseKey, repoKey, TARGETS_DUE, targetKey } from "./store-keys.ts";
import { MOST_WRITES } from "./table-limits.ts";
import { type Key, unchanged, type Write } from "./table.ts";

const DAY_MS = 24 * 3_600_000;
/** GitHub gives a delivery again for three days; ten times that. */
const COMMAND_KEPT_MS = 30 * DAY_MS;
/**
 * GitHub keeps a commit's checks for this long, and nothing is deployed anew without them.
 * https://docs.github.com/en/rest/guides/using-the-rest-api-to-interact-with-checks#retention-of-checks-data
 */
const DIGEST_KEPT_MS = 400 * DAY_MS;
/** An image that is still awaited is noted again with every look, which is every few minutes. */
const AWAITED_IMAGE_KEPT_MS = 30 * DAY_MS;

/** The writes of one step: `first`, if any, are facts that hold whether or not the step is saved. */
export function writesOf(save: Save): { readonly first: readonly Write[][]; readonly step: readonly Write[] } {
  const facts = once(factsOf(save));
  const step = once(stepOf(save));
  if (facts.length + step.length <= MOST_WRITES) return { first: [], step: once([...step, ...facts]) };
  const first: Write[][] = [];
  for (let at = 0; at < facts.length; at += MOST_WRITES) first.push(facts.slice(at, at + MOST_WRITES));
  return { first, step };
}

/** What the sweep compares with GitHub without reading the record. */
export const glanceOf = ({ target, seen, wanted, gatheredAt, phase, placements }: TargetState): Glance => ({
  target,
  head: seen?.head ?? null,
  wanted: wanted?.sha ?? null,
  gatheredAt,
  removing: phase === "removing",
  places: Object.fromEntries(Object.entries(placements).map(([cluster, { uid }]) => [cluster, uid])),
});

export const holdsAfter = ({ known, holds }: Save) => {
  const replaced = new Set([...(holds?.remove ?? []), ...(holds?.put ?? []).map(({ sha }) => sha)]);
  return [...known.holds.filter(({ sha }) => !replaced.has(sha)), ...(holds?.put ?? [])];
};

/** Who waits for what, and what a tag was resolved to. */
function factsOf({ next, waiting, digests }: Save): Write[] {
  const { target, installation, repo, gatheredAt } = next;
  const waiter = { target, installation, repo };
  return [
    ...(waiting?.on ?? []).map((topic) => {
      const isImage = topic.startsWith("image/");
      return put(waiterKey(topic, target), waiter, isImage ? gatheredAt + AWAITED_IMAGE_KEPT_MS : undefined);
    }),
    ...(digests ?? []).map(({ image, tag, digest }) =>
      put(digestKey(target.repoId, image, tag), digest, gatheredAt + DIGEST_KEPT_MS),
    ),
  ];
}

function stepOf(save: Save): Write[] {
  const { known, next, surfaces, release, applied, slots, waiting } = save;
  const { target } = next;
  const glance = glanceOf(next);
  const writes: Write[] = [
    {
      kind: "put",
      key: targetKey(target, "state"),
      value: formatted({ state: next, holds: holdsAfter(save) }),
      when: unchanged(known.version),
      due: next.wake === null ? null : { index: TARGETS_DUE, at: next.wake.dueAt },
    },
  ];
  if (known.version === 0) writes.push(put(repoKey(target.repoId, `target/${targetId(target)}`), target));
  if (known.glance === null || stable(known.glance) !== stable(glance)) writes.push(put(glanceKey(target), glance));
  if (release)
    writes.push({
      kind: "put",
      key: releaseKey(target, release.rev),
      value: formatted(release),
      when: { kind: "absent" },
    });
  for (const { id, at } of applied ?? []) {
    const record = known.commands.find((command) => command.id === id);
    if (record === undefined) continue;
    writes.push({
      kind: "put",
      key: targetKey(target, `command/${id}`),
      value: formatted({ ...record, appliedAt: at }),
      // As it was first put: whoever read it beside a newer record than it was applied with does not apply it again.
      when: { kind: "version", version: 1 },
      expiresAt: at + COMMAND_KEPT_MS,
    });
  }
  if (slots) {
    const value = { held: slots.held, queue: slots.queue };
    writes.push({ kind: "put", key: repoKey(target.repoId, "slots"), value, when: unchanged(slots.before.version) });
  }
  for (const topic of waiting?.off ?? [])
    writes.push({ kind: "delete", key: waiterKey(topic, target), when: { kind: "always" } });
  // The reporter writes beside these (`have/…`), never over them, and the state's version guards them: latest want wins.
  for (const { surface, notBefore } of surfaces) {
    const { installation, repo } = next;
    const want = { repo, repoId: target.repoId, surface };
    writes.push(
      put(outboxKey(installation, `want/${surface.key}`), want),
      put(outboxKey(installation, `due/${surface.key}`), { at: notBefore }),
    );
  }
  return writes;
}

const waiterKey = (topic: string, target: Target): Key => ({ pk: topic, sk: `waiter/${targetId(target)}` });

function put(key: Key, value: unknown, expiresAt?: Millis): Write {
  return { kind: "put", key, value, when: { kind: "always" }, ...(expiresAt === undefined ? {} : { expiresAt }) };
}

/** Two services of one image wait for it, or find it, together: one item, written once, by whoever comes last. */
const once = (writes: readonly Write[]): Write[] => [
  ...new Map(writes.map((write) => [`${write.key.pk} ${write.key.sk}`, write])).values(),
];
