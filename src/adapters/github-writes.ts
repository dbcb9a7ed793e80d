import { cutAtLine, cutAtWord, LIMIT } from "../core/limits.ts";
import { splitRepo } from "../core/names.ts";
import { OutsideError } from "../core/problem.ts";
import { checkRunWrites } from "./github-check-run.ts";
import type { GitHub } from "./github.ts";
import type { Field } from "./github-field.ts";
import type { GitHubHttp } from "./github-http.ts";
import { isWrittenBy } from "./github-parse.ts";
import { type AppIdentity, createdId, nothing, orMissing, search } from "./github-search.ts";

export function writesOf(http: GitHubHttp, app: AppIdentity) {
  return {
    ...checkRunWrites(http, app),

    createStatus: (repo, sha, status) =>
      http.send(
        "POST /repos/{owner}/{repo}/statuses/{sha}",
        {
          ...splitRepo(repo),
          sha,
          context: status.context,
          state: status.state,
          description: cutAtWord(status.description, LIMIT.statusDescription),
          ...(status.targetUrl === null ? {} : { target_url: status.targetUrl }),
        },
        nothing,
      ),

    createDeployment: (repo, body) =>
      http.send(
        "POST /repos/{owner}/{repo}/deployments",
        {
          ...splitRepo(repo),
          ref: body.sha,
          task: body.task,
          // By default GitHub merges the default branch into the ref and answers 202 with no deployment at all.
          auto_merge: false,
          // Left out, GitHub demands every context of the commit, ours included; the gate has decided already.
          required_contexts: [],
          payload: { proa: body.key },
          environment: body.environment,
          description: cutAtWord(body.description, LIMIT.statusDescription),
          transient_environment: body.transient,
          production_environment: body.production,
        },
        createdDeployment,
      ),

    findDeployment: (repo, sha, environment, key) =>
      search(
        http.pages("GET /repos/{owner}/{repo}/deployments", { ...splitRepo(repo), sha, environment }, (page) =>
          page.list((item) => ({
            id: item.at("id").integer(),
            ours: payloadKey(item.at("payload").value) === key && isWrittenBy(app, "creator")(item),
          })),
        ),
      ),

    createDeploymentStatus: (repo, id, body) =>
      http.send(
        "POST /repos/{owner}/{repo}/deployments/{deployment_id}/statuses",
        {
          ...splitRepo(repo),
          deployment_id: id,
          state: body.state,
          description: cutAtWord(body.description, LIMIT.statusDescription),
          // It never reaches transient or production deployments, and would end other pull requests' ones: we do it by id.
          auto_inactive: false,
          ...(body.environmentUrl === null ? {} : { environment_url: body.environmentUrl }),
          ...(body.logUrl === null ? {} : { log_url: body.logUrl }),
        },
        nothing,
      ),

    createComment: (repo, number, body) =>
      http.send(
        "POST /repos/{owner}/{repo}/issues/{issue_number}/comments",
        { ...splitRepo(repo), issue_number: number, body: cutAtLine(body, LIMIT.comment) },
        createdId,
      ),

    updateComment: (repo, id, body) =>
      orMissing(
        http.send(
          "PATCH /repos/{owner}/{repo}/issues/comments/{comment_id}",
          { ...splitRepo(repo), comment_id: id, body: cutAtLine(body, LIMIT.comment) },
          nothing,
        ),
      ),

    findComment: (repo, number, marker) =>
      search(
        http.pages(
          "GET /repos/{owner}/{repo}/issues/{issue_number}/comments",
          { ...splitRepo(repo), issue_number: number },
          (page) =>
            page.list((item) => ({
              id: item.at("id").integer(),
              ours:
                (item.at("body").orNull((body) => body.string()) ?? "").includes(marker) &&
                isWrittenBy(app, "user")(item),
            })),
        ),
      ),

    react: (repo, commentId, reaction) =>
      http.send(
        "POST /repos/{owner}/{repo}/issues/comments/{comment_id}/reactions",
        { ...splitRepo(repo), comment_id: commentId, content: reaction },
        nothing,
      ),
  } satisfies Partial<GitHub>;
}

/** 202 carries a message instead of a deployment. */
function createdDeployment(reply: Field): { id: number } {
  const message = reply.at("message").orNull((text) => text.string());
  if (message === null) return createdId(reply);
  throw new OutsideError({ code: "conflict", detail: `GitHub made no deployment: ${message}`, retryable: false });
}

/** GitHub gives the payload back as an object or as the JSON text it was sent as. */
function payloadKey(payload: unknown): unknown {
  if (typeof payload === "object" && payload !== null) return (payload as Record<string, unknown>)["proa"];
  if (typeof payload !== "string") return undefined;
  try {
    return payloadKey(JSON.parse(payload));
  } catch {
    return undefined;
  }
}
