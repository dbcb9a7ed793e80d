import type { GitHub } from "../../src/adapters/github.ts";
import type { CheckRunBody } from "../../src/core/github.ts";
import { cutAtLine, cutAtWord, fitActions, LIMIT } from "../../src/core/limits.ts";
import type { RepoName } from "../../src/core/names.ts";
import { type Asked, knownCommit, listable, missing, refused, writable } from "./github-access.ts";
import { addRun, addStatus, changeRun, type RunChange } from "./github-checks.ts";
import { type Comment, marksOf, PROA_BOT, type Repo, type World } from "./github-state.ts";
import { commentJson } from "./github-webhooks.ts";
import type { Sync } from "./sim.ts";

type Writes = Pick<
  Sync<GitHub>,
  | "createStatus"
  | "createDeployment"
  | "findDeployment"
  | "createDeploymentStatus"
  | "createComment"
  | "updateComment"
  | "findComment"
  | "react"
  | "createCheckRun"
  | "updateCheckRun"
  | "findCheckRun"
>;

/** What our App writes, and the searches that go before a write. */
export function writesOf(world: World, installation: number): Writes {
  const ask = (call: string, repo: RepoName): Asked => ({ installation, repo, call });

  return {
    createStatus(name, sha, status) {
      const asked = ask("create status", name);
      const repo = writable(world, asked);
      const description = cutAtWord(status.description, LIMIT.statusDescription);
      if (!addStatus(world, repo, knownCommit(repo, sha, asked), PROA_BOT, { ...status, description }))
        throw refused(
          "invalid",
          `create status ${name}: 422 This SHA and context has reached the maximum number of statuses.`,
        );
    },

    createDeployment(name, body) {
      const asked = ask("create deployment", name);
      const repo = writable(world, asked);
      knownCommit(repo, body.sha, asked);
      const id = world.nextId();
      const description = cutAtWord(body.description, LIMIT.statusDescription);
      repo.deployments.set(id, { id, body: { ...body, description }, createdAt: world.now(), statuses: [] });
      return { id };
    },
    findDeployment(name, sha, environment, key) {
      const repo = listable(world, ask("find deployment", name));
      const found = [...repo.deployments.values()].findLast(
        ({ body }) => body.sha === sha && body.environment === environment && body.key === key,
      );
      return found === undefined ? null : { id: found.id };
    },
    createDeploymentStatus(name, id, body) {
      const asked = ask("create deployment status", name);
      const deployment = writable(world, asked).deployments.get(id) ?? missing(asked);
      const description = cutAtWord(body.description, LIMIT.statusDescription);
      deployment.statuses.push({ ...body, description, at: world.now() });
    },

    createComment(name, number, body) {
      const asked = ask("create comment", name);
      const repo = writable(world, asked);
      if (!repo.pulls.has(number)) missing(asked);
      return { id: addComment(world, repo, number, PROA_BOT, cutAtLine(body, LIMIT.comment)).id };
    },
    updateComment(name, id, body) {
      const repo = writable(world, ask("update comment", name));
      const comment = repo.comments.get(id);
      if (comment === undefined) return "missing";
      editComment(world, repo, comment, PROA_BOT, cutAtLine(body, LIMIT.comment));
      return "updated";
    },
    findComment(name, number, marker) {
      const asked = ask("find comment", name);
      const repo = listable(world, asked);
      if (!repo.pulls.has(number)) missing(asked);
      for (const comment of repo.comments.values())
        if (comment.number === number && comment.by === PROA_BOT && comment.body.includes(marker))
          return { id: comment.id };
      return null;
    },
    react(name, commentId, reaction) {
      const asked = ask("react", name);
      const comment = writable(world, asked).comments.get(commentId) ?? missing(asked);
      // The same reaction of the same account again is the first one.
      if (!comment.reactions.includes(reaction)) comment.reactions.push(reaction);
    },

    createCheckRun(name, sha, body) {
      const asked = ask("create check run", name);
      const repo = writable(world, asked, requestsFor(body.annotations));
      const run = addRun(world, repo, knownCommit(repo, sha, asked), {
        ...stateOf(body, asked),
        appId: world.options.appId,
        name: body.name,
        externalId: body.externalId,
        body: { ...body, actions: fitActions(body.actions) },
        by: PROA_BOT,
      });
      return { id: run.id };
    },
    updateCheckRun(name, id, body) {
      const asked = ask("update check run", name);
      const before = listable(world, asked).runs.get(id)?.body ?? null;
      const present = new Set((before?.annotations ?? []).map(keyOf));
      const added = body.annotations.filter((annotation) => !present.has(keyOf(annotation)));
      const repo = writable(world, asked, requestsFor(added));
      const run = repo.runs.get(id);
      if (run === undefined) return "missing";
      const change = stateOf(body, asked);
      run.externalId = body.externalId;
      run.view = { ...run.view, name: body.name };
      run.body = {
        ...body,
        annotations: [...(before?.annotations ?? []), ...added],
        actions: fitActions(body.actions),
      };
      changeRun(world, repo, run, change, PROA_BOT);
      return "updated";
    },
    findCheckRun(name, sha, checkName, externalId) {
      const asked = ask("find check run", name);
      const repo = listable(world, asked);
      const found = marksOf(repo, knownCommit(repo, sha, asked)).runs.findLast(
        (run) => run.view.name === checkName && run.externalId === externalId && run.view.appId === world.options.appId,
      );
      return found === undefined ? null : { id: found.id };
    },
  };
}

/** A comment is news on its pull request, as GitHub dates it. */
export function addComment(world: World, repo: Repo, number: number, by: string, body: string): Comment {
  const comment: Comment = { id: world.nextId(), number, by, createdAt: world.now(), body, reactions: [] };
  repo.comments.set(comment.id, comment);
  touch(world, repo, number);
  world.webhooks.emit(repo, "issue_comment", by, { action: "created", ...commentJson(repo, comment) });
  return comment;
}

export function editComment(world: World, repo: Repo, comment: Comment, by: string, body: string): void {
  const from = comment.body;
  comment.body = body;
  touch(world, repo, comment.number);
  const changes = { body: { from } };
  world.webhooks.emit(repo, "issue_comment", by, { action: "edited", ...commentJson(repo, comment), changes });
}

function touch(world: World, repo: Repo, number: number): void {
  const pull = repo.pulls.get(number);
  if (pull !== undefined) repo.pulls.set(number, { ...pull, updatedAt: world.now() });
}

/** A conclusion completes a run, whatever the status says; without one nothing is completed. */
function stateOf({ status, conclusion }: CheckRunBody, { call, repo }: Asked): RunChange {
  if (conclusion !== null) return { status: "completed", conclusion };
  if (status === "completed") throw refused("invalid", `${call} ${repo}: 422 conclusion: missing_field`);
  return { status, conclusion };
}

const requestsFor = (annotations: CheckRunBody["annotations"]): number =>
  Math.max(1, Math.ceil(annotations.length / LIMIT.annotationsPerRequest));

const keyOf = ({ path, line, message, remedy }: CheckRunBody["annotations"][number]): string =>
  `${path}:${line}:${message}\n${remedy}`;
