import { styleText } from "node:util";
import { callerName, connect, type Aws } from "./deploy/aws.ts";
import { standingOf } from "./deploy/state.ts";
import { columns, wrap } from "./deploy/text.ts";
import { Stop } from "./installation/stop.ts";
import { confirmed, type Terminal } from "./installation/terminal.ts";
import { type Inventory, takeInventory } from "./uninstall/inventory.ts";
import { parseOptions, type UninstallOptions, USAGE } from "./uninstall/options.ts";
import { inFlightText, isEmpty, kept, planText } from "./uninstall/plan.ts";
import { closeIntake, drain, removeArtifacts, removeSecret, removeStack, removeTable } from "./uninstall/remove.ts";
import { taggedResources } from "./uninstall/tagged.ts";

/** `npm run proa -- uninstall`: plan, then on a yes everything goes but what is kept on purpose. Safe to repeat at any point. */
export async function uninstall(args: readonly string[], terminal: Terminal): Promise<number> {
  const options = parseOptions(args);
  if (options === null) {
    terminal.print(USAGE);
    return 0;
  }
  const { stack } = options;
  const aws = await connect(options);
  terminal.print(
    `${columns([
      ["stack", stack],
      ["account", `${aws.account}, as ${callerName(aws.caller)}`],
      ["region", aws.region],
    ])}\n`,
  );
  const inventory = await takeInventory(aws, stack);
  if (standingOf(inventory.stack?.status ?? null).kind === "busy")
    throw new Stop(
      `a change of ${stack} is under way (${inventory.stack?.status}): npm run deploy follows it; then run this again`,
    );
  if (isEmpty(inventory, options)) terminal.print(`Nothing to do: there is no install named ${stack} here.`);
  else {
    terminal.print(`${planText(inventory, options)}\n`);
    if (!(await confirmed(options.apply, terminal, "Remove it?"))) return 0;
    await remove(aws, inventory, options, terminal);
  }
  return verify(aws, inventory, options, terminal);
}

/** The stack first: while functions run, they could write to what is removed after it. */
async function remove(aws: Aws, inventory: Inventory, options: UninstallOptions, { print }: Terminal): Promise<void> {
  const { stack, now, forget, deleteData } = options;
  if (inventory.stack !== null) {
    if (!now) {
      await closeIntake(aws, stack, print);
      const left = await drain(aws, stack);
      if (left.deployer + left.reporter > 0) print(wrap(`Still on its way, and given up: ${inFlightText(left)}.`, 0));
    }
    await removeStack(aws, stack, print);
  }
  await removeArtifacts(aws, stack, inventory.artifacts, print);
  for (const secret of inventory.secrets) if (forget || !secret.isWaiting) await removeSecret(aws, secret, forget);
  for (const table of inventory.tables) if (deleteData && table.isOurs) await removeTable(aws, table.name);
}

/** Looks again, by the label that everything of the stack carries. What is listed and not kept on purpose is a failure. */
async function verify(aws: Aws, inventory: Inventory, options: UninstallOptions, { print }: Terminal): Promise<number> {
  const { stack, deleteData, forget } = options;
  const secrets = inventory.secrets.map((secret) => ({ ...secret, isWaiting: true }));
  const isKept = (arn: string): boolean =>
    (!deleteData && inventory.tables.some((table) => table.arn === arn)) ||
    (!forget && secrets.some((secret) => secret.arn === arn));
  const left = (await taggedResources(aws, stack)).filter((arn) => !isKept(arn));
  if (left.length > 0) {
    print(`\n${styleText("red", "Still there")} (if AWS only has not caught up yet, run this again in a minute):`);
    for (const arn of left) print(`  ${arn}`);
    return 1;
  }
  const stays = kept({ ...inventory, secrets }, options);
  print(
    `\n${styleText("green", "Gone")}: nothing else in ${aws.region} carries the label proa:stack=${stack}.${stays.length > 0 ? " Kept:" : ""}`,
  );
  for (const what of stays) print(`  = ${wrap(what, 4).trimStart()}`);
  return 0;
}
