import type { TargetMessage } from "./reconcile.ts";
import { CONFIG_PATH } from "./core/changes.ts";
import { commandId } from "./core/event-command.ts";
import type {
  BranchMessage,
  CommandMessage,
  CommitMessage,
  ImageMessage,
  InstallationMessage,
  Message,
} from "./core/message.ts";
import { type Target, targetId, topicId } from "./core/names.ts";
import { newTarget } from "./core/state.ts";
import type { Effects } from "./effects.ts";
import { tellPreviews } from "./config-moved.ts";
import { read } from "./config-read.ts";
import { look } from "./look.ts";
import { reconcile } from "./reconcile.ts";
import { record } from "./record.ts";
import { rememberRepo } from "./repo.ts";

/** One message off the deployer's queue: a target is reconciled; everything else is fanned out to the targets it concerns. */
export async function handle(message: Message, fx: Effects): Promise<void> {
  switch (message.kind) {
    case "tick":
      return reconcile(message, fx);
    case "look":
      return reconcile(message, fx);
    case "commit":
      return fanOut(topicId({ kind: "commit", repoId: message.repoId, sha: message.sha }), message, fx);
    case "image":
      return fanOut(topicId(message), message, fx);
    case "branch":
      return branchMoved(message, fx);
    case "command":
      return command(message, fx);
    case "installation":
      return installationChanged(message, fx);
  }
}

async function fanOut(topic: string, { because, delivery }: CommitMessage | ImageMessage, fx: Effects): Promise<void> {
  for (const { target, installation, repo } of await fx.store.waiters(topic))
    await look(target, { installation, repo, because, delivery }, fx);
}

/**
 * The environments that follow the branch look again, and those that follow them: a record is made by the first push that its
 * environment could ever see, so that later each one is found by its record.
 */
async function branchMoved(message: BranchMessage, fx: Effects): Promise<void> {
  const { repoId, repo, installation, because, branch, sha } = message;
  await rememberRepo({ id: repoId, name: repo, installation }, fx);
  const file = await configFile(message, fx);
  if (file === null) return;
  const environments = environmentsIn(file);
  const concerned = new Set<string>();
  for (const { name, from } of environments) if (from.kind === "branch" && from.branch === branch) concerned.add(name);
  for (const name of concerned) {
    for (const other of environments)
      if (other.from.kind === "environment" && other.from.environment === name) concerned.add(other.name);
    const follows = environments.some(({ name: other, from }) => other === name && from.kind === "branch");
    const target: Target = { kind: "env", repoId, environment: name };
    await look(target, { installation, repo, because, ...(follows ? { sha } : {}) }, fx);
  }
  if (branch === file.branch) await tellPreviews({ repoId, repo, installation, text: file.text }, fx);
}

/** The default branch's `.proa.yml`; `text` null: it has none. */
interface ConfigFile {
  readonly branch: string;
  readonly text: string | null;
}

async function configFile(
  { repoId, repo, installation }: BranchMessage | CommandMessage,
  fx: Effects,
): Promise<ConfigFile | null> {
  const github = fx.github.installation(installation);
  const repository = await github.repository(repo);
  // Another repository may have taken a name that was given up; its environments are not this one's.
  if (repository?.id !== repoId) return null;
  const branch = repository.defaultBranch;
  return { branch, text: await github.file(repo, CONFIG_PATH, branch) };
}

function environmentsIn(file: ConfigFile | null) {
  const config = file === null ? { problems: [] } : read(file.text, file.branch);
  return "config" in config ? config.config.environments : [];
}

/**
 * A command that names its environment, or its target, goes there. `/approve` and `/release-hold` without a name go to the one
 * environment that waits for it; where that is not one, the pull request's comment says what to write.
 */
async function command(message: CommandMessage, fx: Effects): Promise<void> {
  const { repoId, repo, installation } = message;
  await rememberRepo({ id: repoId, name: repo, installation }, fx);
  const target = message.target ?? (await targetOfCommand(message, fx));
  if (typeof target === "string") return refuse(message, target, fx);
  const forwarded: TargetMessage = { ...message, target };
  // From a group of its own into the target's: one writer per target, also for commands.
  if (message.target === null) await fx.queue.send(forwarded, targetId(target), `${message.delivery}/command`);
  else await reconcile(forwarded, fx);
}

/** A sentence where there is no such target. */
async function targetOfCommand(message: CommandMessage, fx: Effects): Promise<Target | string> {
  const { repoId, command: asked } = message;
  const names = environmentsIn(await configFile(message, fx)).map(({ name }) => name);
  const known = names.length === 0 ? "this repository has no environments" : `the environments are ${names.join(", ")}`;
  if (asked.environment !== null) {
    return names.includes(asked.environment)
      ? { kind: "env", repoId, environment: asked.environment }
      : `there is no environment \`${asked.environment}\`; ${known}`;
  }
  const targets = names.map((environment): Target => ({ kind: "env", repoId, environment }));
  const loaded = await Promise.all(targets.map((target) => fx.store.load(target)));
  const fits = targets.filter((_, index) => {
    const found = loaded[index];
    if (asked.verb === "approve") return Boolean(found?.state?.awaiting);
    return asked.verb === "release-hold" && (found?.holds.length ?? 0) > 0;
  });
  const [only] = fits;
  if (only !== undefined && fits.length === 1) return only;
  const none =
    asked.verb === "approve"
      ? "nothing waits for an approval"
      : asked.verb === "release-hold"
        ? "nothing is held"
        : "it needs an environment";
  return `${fits.length > 1 ? "several environments could be meant" : none}: write \`/${asked.verb} <environment>\`; ${known}`;
}

/** Said where it was asked: on the pull request's comment. A button always has a target. */
async function refuse(message: CommandMessage, because: string, fx: Effects): Promise<void> {
  const { source, verb, actor } = message.command;
  if (source.kind !== "comment") return;
  const target: Target = { kind: "preview", repoId: message.repoId, number: source.number };
  const known = await fx.store.load(target);
  const state = known.state ?? newTarget(target, message.installation, message.repo);
  const id = commandId(message);
  if (state.answers.some((answered) => answered.id === id)) return;
  const comment = { number: source.number, commentId: source.commentId };
  const said = { id, verb, by: actor.login, at: fx.clock.now(), accepted: false, answer: because, comment };
  await record(
    known,
    { ...state, answers: [...state.answers, said].slice(-5) },
    state.wake === null ? null : Math.max(0, state.wake.dueAt - fx.clock.now()),
    fx,
  );
}

async function installationChanged(message: InstallationMessage, fx: Effects): Promise<void> {
  const repos = await fx.store.repos();
  const named = new Set(message.repositories.map(({ id }) => id));
  for (const meta of repos.filter(
    ({ installation, id }) => installation === message.installation && (named.size === 0 || named.has(id)),
  )) {
    const change = message.repositories.find(({ id }) => id === meta.id)?.change;
    const active = message.change === "active" && change !== "removed";
    if (active === meta.active) continue;
    await fx.store.putRepo({ ...meta, active });
    if (!active) continue;
    // What stood still meanwhile waits for no event of its own.
    for (const { target } of await fx.store.glances(meta.id))
      await look(target, { installation: meta.installation, repo: meta.name, because: message.because }, fx);
  }
}
