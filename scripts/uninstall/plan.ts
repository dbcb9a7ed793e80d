import { styleText } from "node:util";
import { artifactsStack } from "../deploy/artifacts.ts";
import { count, wrap } from "../deploy/text.ts";
import type { InFlight, Inventory } from "./inventory.ts";
import type { UninstallOptions } from "./options.ts";

export const isEmpty = (inventory: Inventory, options: UninstallOptions): boolean =>
  removals(inventory, options).length === 0;

/** What goes and what stays, as a person reads it. */
export function planText(inventory: Inventory, options: UninstallOptions): string {
  const mark = (colour: "red" | "cyan", sign: string) => (text: string) =>
    `  ${styleText(colour, sign)} ${wrap(text, 4).trimStart()}`;
  return [
    "Removes",
    ...removals(inventory, options).map(mark("red", "-")),
    "Keeps",
    ...[...kept(inventory, options), ...elsewhere(inventory)].map(mark("cyan", "=")),
    ...flightText(inventory, options),
  ].join("\n");
}

function removals(inventory: Inventory, { stack, deleteData, forget }: UninstallOptions): string[] {
  const { resources, tables, secrets, artifacts } = inventory;
  const going = forget ? secrets : secrets.filter(({ isWaiting }) => !isWaiting);
  return [
    ...(inventory.stack === null
      ? []
      : [`stack ${stack}: ${count(resources, "resource")}, with its functions, queues, roles and logs`]),
    ...(artifacts === null ? [] : [`stack ${artifactsStack(stack)}: the bucket ${artifacts.bucket} with all bundles`]),
    ...going.map(
      ({ name }) => `secret ${name}${forget ? ", at once and for good" : "; it can be had back for 30 days"}`,
    ),
    ...tables
      .filter(({ isOurs }) => isOurs && deleteData)
      .map(({ name, items }) => `table ${name} with about ${count(items, "record")}: all that Proa remembers`),
  ];
}

/** What stays in AWS on purpose, and how it is removed. */
export function kept(
  { tables, secrets, stack: installed, artifacts }: Inventory,
  { stack, deleteData, forget }: UninstallOptions,
): string[] {
  const waiting = forget ? [] : secrets.filter(({ isWaiting }) => isWaiting);
  const bucket = installed?.parameters["CodeBucket"] ?? artifacts?.bucket;
  return [
    ...(bucket === artifacts?.bucket ? [] : [`the bundles below ${stack}/ in ${bucket}, a bucket of your own`]),
    ...tables
      .filter(({ isOurs }) => !isOurs || !deleteData)
      .map(({ name, items, isOurs }) => {
        const how = isOurs ? "--delete-data removes it" : `without the label proa:stack=${stack}: it is left to you`;
        return `table ${name}, about ${count(items, "record")} (${how})`;
      }),
    ...waiting.map(
      ({ name }) => `secret ${name}, deleted, and can be had back until its 30 days are over (--forget ends them)`,
    ),
  ];
}

/** What was never in the stack. */
function elsewhere({ appSlug }: Inventory): string[] {
  const label = "kubectl get namespaces -l app.kubernetes.io/managed-by=proa";
  const app = appSlug === null ? "<the App's name>" : appSlug;
  return [
    `in the clusters: all that was deployed goes on running. ${label} lists the previews, with delete for get they go; kubectl delete -f templates/cluster takes away Proa's rights`,
    "in EKS: the access entries of the functions' roles (aws eks delete-access-entry)",
    `on GitHub: the App. Its owner deletes it at https://github.com/settings/apps/${app}, or in an organisation's settings`,
  ];
}

function flightText({ stack, inFlight }: Inventory, { now }: UninstallOptions): string[] {
  if (stack === null) return [];
  const told = inFlightText(inFlight);
  if (told === "") return ["On its way: nothing"];
  const wait = now
    ? "Not waited for (--now): rollouts that have begun go on in their clusters, and nobody reports on them."
    : "Webhooks are refused first, then this gets two minutes.";
  return ["On its way", wrap(`${told}. ${wait}`, 4)];
}

export function inFlightText({ deployer, reporter, ticks, dead }: InFlight): string {
  const parts: readonly (readonly [number, string])[] = [
    [deployer, count(deployer, "target to look at", "targets to look at")],
    [reporter, count(reporter, "report")],
    [ticks, count(ticks, "reminder")],
    [dead, `${count(dead, "dead letter")} (npm run proa -- redrive shows them)`],
  ];
  return parts.flatMap(([n, text]) => (n > 0 ? [text] : [])).join(", ");
}
