import { styleText } from "node:util";
import {
  type Artifacts,
  ensureArtifacts,
  findArtifacts,
  templateUrl,
  upload,
  uploadTemplate,
} from "./deploy/artifacts.ts";
import { type Aws, callerName, connect } from "./deploy/aws.ts";
import {
  type ChangeSet,
  continueRollback,
  createChangeSet,
  discard,
  execute,
  removeFailedCreation,
} from "./deploy/change-set.ts";
import { planChanges } from "./deploy/changes.ts";
import { failureText } from "./deploy/failure-text.ts";
import { firstFailure } from "./deploy/failures.ts";
import { planFirst } from "./deploy/first.ts";
import { findLeftovers, NO_LEFTOVERS, OWNER_TAG, restoreSecrets } from "./deploy/leftovers.ts";
import { follow, lastEvent } from "./deploy/operation.ts";
import { type DeployOptions, parseOptions, USAGE } from "./deploy/options.ts";
import { outcome } from "./deploy/outcome.ts";
import { liftPolicy, protect } from "./deploy/protection.ts";
import { keep, presentRelease, prune } from "./deploy/releases.ts";
import { standingOf } from "./deploy/state.ts";
import { CHECKOUT, newRelease, releaseToReturnTo, type Source, type Target } from "./deploy/target.ts";
import { columns, wrap } from "./deploy/text.ts";
import { describeStack, type Stack } from "./installation/stack.ts";
import { Stop } from "./installation/stop.ts";
import { confirmed, type Terminal } from "./installation/terminal.ts";

/** `npm run deploy`: plan, then on a yes apply. A repeat finds nothing to do; what fails is rolled back. */
export async function deploy(args: readonly string[], terminal: Terminal, source: Source = CHECKOUT): Promise<number> {
  const options = parseOptions(args);
  if (options === null) {
    terminal.print(USAGE);
    return 0;
  }
  const aws = await connect(options);
  const { stack } = options;
  const run = { aws, options, terminal, source };
  terminal.print(
    columns([
      ["stack", stack],
      ["account", `${aws.account}, as ${callerName(aws.caller)}`],
      ["region", aws.region],
    ]),
  );
  const present = await describeStack(stack, aws.cloudFormation);
  const standing = standingOf(present?.status ?? null);
  switch (standing.kind) {
    case "broken":
      throw new Stop(`${stack} is ${present?.status}: ${standing.remedy}`);
    case "busy":
      return present === null ? 1 : watch(aws, present, terminal);
    case "absent":
    case "never-created":
      return create(run, standing.kind === "never-created");
    case "stuck":
      if (!(await mayContinue(options, terminal))) return 1;
      await continueRollback(aws, stack, terminal.print);
      return update(run);
    case "ready":
      return update(run);
  }
}

interface Run {
  readonly source: Source;
  readonly aws: Aws;
  readonly options: DeployOptions;
  readonly terminal: Terminal;
}

async function create(run: Run, isFailedBefore: boolean): Promise<number> {
  const { aws, options, terminal, source } = run;
  const { stack, bucket } = options;
  if (options.rollback !== null) throw new Stop(`there is no release of ${stack} to go back to: nothing of it runs`);
  const leftovers = await findLeftovers(aws, stack);
  const artifacts = await artifactsOf(aws, options, null);
  const target = await newRelease({ aws, options, source, artifacts, present: null, leftovers });
  terminal.print(`\nPlan: Proa ${target.version}, for the first time`);
  terminal.print(planFirst(stack, target.scope, { bucket: artifacts?.bucket ?? null, takenOver: leftovers.told }));
  if (isFailedBefore)
    terminal.print(`  ${styleText("red", "-")} what an earlier, failed creation left: an empty stack`);
  terminal.print("");
  if (!(await confirmed(options.apply, terminal, "Do it?"))) return 0;

  if (isFailedBefore) await removeFailedCreation(aws, stack, terminal.print);
  await restoreSecrets(aws, leftovers);
  const tags = tagsOf(options);
  const made =
    bucket === null
      ? await ensureArtifacts(aws, { stack, tags, print: terminal.print })
      : { bucket, prefix: `${stack}/` };
  // Where the bucket is new, its name is known only now.
  const final = artifacts === null ? await target.in(made) : target;
  const changeSet = await offer(run, final, made);
  if (changeSet === null) throw new Stop(`CloudFormation sees nothing to create in ${stack}`);
  return apply(run, changeSet, made);
}

async function update(run: Run): Promise<number> {
  const { aws, options, terminal, source } = run;
  const { stack } = options;
  const present = await describeStack(stack, aws.cloudFormation);
  if (present === null) throw new Stop(`${stack} was removed in the meantime: run it again`);
  const artifacts = await artifactsOf(aws, options, present);
  if (artifacts === null)
    throw new Stop(`nobody knows where the bundles of ${stack} are kept: name a bucket with --bucket`);
  const target =
    options.rollback === null
      ? await newRelease({ aws, options, source, artifacts, present, leftovers: NO_LEFTOVERS })
      : await releaseToReturnTo({ aws, options, artifacts, present }, options.rollback);
  const changeSet = await offer(run, target, artifacts);
  if (changeSet === null) {
    terminal.print(`\nNothing to do: ${stack} runs Proa ${present.parameters["Version"] ?? ""} with these settings.`);
    terminal.print(await outcome(aws, stack));
    return 0;
  }
  const plan = planChanges(changeSet.changes);
  const step =
    options.rollback === null
      ? versionStep(present.parameters["Version"], target.version)
      : `back to Proa ${target.version}`;
  terminal.print(`\nPlan: ${step}`);
  terminal.print(`${plan.text === "" ? "  outputs and settings only" : plan.text}\n`);
  if (plan.losses.length > 0 && !options.replaceData) {
    await discard(aws, changeSet);
    throw new Stop(
      `${plan.losses.map((loss) => wrap(loss, 0)).join("\n")}\nNothing was changed. If that is what you want: --replace-data.`,
    );
  }
  if (!(await confirmed(options.apply, terminal, "Do it?"))) {
    await discard(aws, changeSet);
    return 0;
  }
  if (options.bucket === null && (await findArtifacts(aws, stack)) !== null)
    await ensureArtifacts(aws, { stack, tags: tagsOf(options), print: terminal.print });
  const running = await presentRelease(aws, artifacts, stack);
  if (running !== null) await keep(aws, artifacts, running, new Date());
  if (plan.losses.length > 0) await liftPolicy(aws, stack);
  return apply(run, changeSet, artifacts);
}

/** Everything that the change set names is in the bucket before it is made. null: nothing would change. */
async function offer({ aws, options }: Run, target: Target, artifacts: Artifacts): Promise<ChangeSet | null> {
  for (const { key, zip } of target.bundles) await upload(aws, artifacts, key, zip);
  const templateKey = await uploadTemplate(aws, artifacts, target.scope.template.body);
  return createChangeSet(aws, {
    stack: options.stack,
    template: { kind: "url", url: templateUrl(aws, artifacts, templateKey) },
    parameters: target.parameters,
    tags: tagsOf(options),
  });
}

async function apply({ aws, options, terminal }: Run, changeSet: ChangeSet, artifacts: Artifacts): Promise<number> {
  const { stack } = options;
  const stopWatching = onInterrupt(terminal, stack);
  const ended = await execute(aws, changeSet, terminal.print).finally(stopWatching);
  const done = /^(CREATE|UPDATE)_COMPLETE$/.test(ended.status);
  // After a failed creation there is nothing to protect, and protection would be in the way of the next one.
  if (done || ended.status === "UPDATE_ROLLBACK_COMPLETE") await protect(aws, stack);
  if (!done) {
    terminal.print(`\n${failureText(firstFailure(ended.events, changeSet.stackId), ended.status, stack)}`);
    return 1;
  }
  const running = await presentRelease(aws, artifacts, stack);
  if (running !== null) await prune(aws, artifacts, running, new Date());
  terminal.print(`\n${styleText("green", "Deployed.")}`);
  terminal.print(await outcome(aws, stack));
  return 0;
}

/** The bucket of one's own, the one that the deploy made, or the one that the running code came from. */
async function artifactsOf(
  aws: Aws,
  { stack, bucket }: DeployOptions,
  present: Stack | null,
): Promise<Artifacts | null> {
  const own = bucket === null ? await findArtifacts(aws, stack) : null;
  const name = bucket ?? own?.bucket ?? present?.parameters["CodeBucket"] ?? null;
  return name === null ? null : { bucket: name, prefix: `${stack}/` };
}

const tagsOf = ({ stack, tags }: DeployOptions): Record<string, string> => ({ ...tags, [OWNER_TAG]: stack });

const versionStep = (from: string | undefined, to: string): string =>
  from === undefined || from === to ? `Proa ${to}, other settings` : `Proa ${from} → ${to}`;

/** Another's change is never waited for in silence, and one's own is not begun behind it. */
async function watch({ cloudFormation }: Aws, { id, name, status }: Stack, { print }: Terminal): Promise<number> {
  print(`\nA change of ${name} is under way (${status}); nothing of yours was begun. Following it:`);
  const after = await lastEvent(cloudFormation, id);
  const ended = await follow({ cloudFormation, stackId: id, after, hasBegun: true, print });
  print(`\nIt ended as ${ended.status}. Run this again for what you wanted.`);
  return 1;
}

async function mayContinue({ apply, stack }: DeployOptions, terminal: Terminal): Promise<boolean> {
  terminal.print(
    `\n${wrap(`The last update of ${stack} failed, and so did the return to the release before (UPDATE_ROLLBACK_FAILED). Before anything else the return has to be finished; it is tried again, with nothing skipped.`, 0)}\n`,
  );
  return confirmed(apply, terminal, "Try it?");
}

/** CloudFormation needs nobody to watch it. Returns what takes the watch off. */
function onInterrupt({ print }: Terminal, stack: string): () => void {
  const told = (): void => {
    print(
      `\nCloudFormation goes on without this terminal. To see how it ends: npm run deploy${stack === "proa" ? "" : ` -- --stack ${stack}`}`,
    );
    process.exit(130);
  };
  process.once("SIGINT", told);
  process.once("SIGTERM", told);
  return () => {
    process.off("SIGINT", told);
    process.off("SIGTERM", told);
  };
}
