import { atLeast, loginOf, roleOf } from "../auth.ts";
import { type Answer, asRecord, created, noContent, notFound, ok, Refusal, unprocessable } from "../http.ts";
import { changePull, findPull, issueJson, labelNamed } from "../pulls.ts";
import { idOf, paged, type RepoCall, repoRoute, type Route } from "../router.ts";
import { accountJson, commentJson, labelJson } from "../serialize.ts";
import type { Comment, Pull } from "../state.ts";

/** Comments and labels belong to the issue side of a pull request; there are no other issues here. */
export const commentRoutes: readonly Route[] = [
  repoRoute("GET /issues/{number}/comments", "pull_requests:read", (call) => {
    const since = call.query.get("since") ?? "";
    const { repoId, number } = pullOf(call);
    const comments = call.hub.state.list(
      "comment",
      (c) => c.repoId === repoId && c.number === number && c.updatedAt >= since,
    );
    return paged(call, comments, (comment) => commentJson(call.hub, call.repo, comment));
  }),
  repoRoute("POST /issues/{number}/comments", "pull_requests:write", createComment),
  repoRoute("GET /issues/comments/{id}", "pull_requests:read", (call) =>
    ok(commentJson(call.hub, call.repo, commentOf(call))),
  ),
  repoRoute("PATCH /issues/comments/{id}", "pull_requests:write", updateComment),
  repoRoute("DELETE /issues/comments/{id}", "pull_requests:write", deleteComment),
  repoRoute("POST /issues/comments/{id}/reactions", "pull_requests:write", react),
  repoRoute("GET /issues/comments/{id}/reactions", "pull_requests:read", (call) => {
    const { id } = commentOf(call);
    return paged(
      call,
      call.hub.state.list("reaction", ({ commentId }) => commentId === id),
      (reaction) => reactionJson(call, reaction),
    );
  }),
  repoRoute("GET /issues/{number}/labels", "pull_requests:read", (call) =>
    paged(call, pullOf(call).labels, (name) => labelJson(call.hub, call.repo, labelNamed(call.hub, call.repo, name))),
  ),
  repoRoute("POST /issues/{number}/labels", "issues:write", addLabels),
  repoRoute("DELETE /issues/{number}/labels/{name}", "issues:write", removeLabel),
];

function pullOf(call: RepoCall): Pull {
  const pull = findPull(call.hub, call.repo, idOf(call, "number"));
  if (pull === undefined) throw notFound();
  return pull;
}

function commentOf(call: RepoCall): Comment {
  const comment = call.hub.state.get("comment", idOf(call, "id"));
  if (comment?.repoId !== call.repo.id) throw notFound();
  return comment;
}

/** An App may change its own comments, a user their own and, with write access, everybody's. */
function ownComment(call: RepoCall): Comment {
  const comment = commentOf(call);
  const login = loginOf(call.hub, call.viewer);
  if (comment.author !== login && !atLeast(roleOf(call.hub, login, call.repo), "write"))
    throw new Refusal(403, "Must have push access to Repository.");
  return comment;
}

function tell(
  call: RepoCall,
  action: "created" | "edited" | "deleted",
  comment: Comment,
  more: Record<string, unknown> = {},
): void {
  const pull = findPull(call.hub, call.repo, comment.number);
  if (pull === undefined) return;
  const payload = {
    action,
    issue: issueJson(call.hub, pull),
    comment: commentJson(call.hub, call.repo, comment),
    ...more,
  };
  call.hub.emit("issue_comment", call.repo, loginOf(call.hub, call.viewer), payload);
}

const MOST_CHARACTERS = 65_536;

function textOf(call: RepoCall): string {
  const text = call.body.required("body");
  if (text.length > MOST_CHARACTERS)
    throw unprocessable(`Validation Failed: body is too long (maximum is ${MOST_CHARACTERS} characters)`);
  return text;
}

function createComment(call: RepoCall): Answer | Promise<Answer> {
  const { hub, repo, viewer } = call;
  const now = hub.now();
  const written = {
    number: pullOf(call).number,
    body: textOf(call),
    author: loginOf(hub, viewer),
    createdAt: now,
    updatedAt: now,
  };
  const comment = hub.state.put("comment", { id: hub.state.nextId(), repoId: repo.id, ...written });
  tell(call, "created", comment);
  return created(commentJson(hub, repo, comment));
}

function updateComment(call: RepoCall): Answer | Promise<Answer> {
  const before = ownComment(call);
  const comment = call.hub.state.put("comment", { ...before, body: textOf(call), updatedAt: call.hub.now() });
  tell(call, "edited", comment, { changes: { body: { from: before.body } } });
  return ok(commentJson(call.hub, call.repo, comment));
}

function deleteComment(call: RepoCall): Answer | Promise<Answer> {
  const comment = ownComment(call);
  call.hub.state.delete("comment", comment.id);
  tell(call, "deleted", comment);
  return noContent;
}

const CONTENTS = ["+1", "-1", "laugh", "confused", "heart", "hooray", "rocket", "eyes"] as const;

/** The same reaction of the same account again is a 200 with the first one. */
function react(call: RepoCall): Answer | Promise<Answer> {
  const { hub, body, viewer } = call;
  const { id: commentId } = commentOf(call);
  const content = body.oneOf("content", CONTENTS);
  if (content === null) throw unprocessable(`Invalid request.\n\n"content" wasn't supplied.`);
  const author = loginOf(hub, viewer);
  const [known] = hub.state.list(
    "reaction",
    (r) => r.commentId === commentId && r.content === content && r.author === author,
  );
  if (known !== undefined) return ok(reactionJson(call, known));
  return created(
    reactionJson(
      call,
      hub.state.put("reaction", { id: hub.state.nextId(), commentId, content, author, createdAt: hub.now() }),
    ),
  );
}

const reactionJson = (
  { hub }: RepoCall,
  { id, author, content, createdAt }: { id: number; author: string; content: string; createdAt: string },
): unknown => ({ id, node_id: `REA_${id}`, user: accountJson(hub, author), content, created_at: createdAt });

/** Names come as `{labels: ["a"]}` or `{labels: [{name: "a"}]}`. */
async function addLabels(call: RepoCall): Promise<Answer> {
  const { hub, repo, body, viewer } = call;
  const asked = Array.isArray(body.all["labels"]) ? (body.all["labels"] as unknown[]) : [];
  let pull = pullOf(call);
  for (const item of asked) {
    const name = typeof item === "string" ? item : String(asRecord(item)["name"]);
    if (pull.labels.includes(name)) continue;
    const label = labelJson(hub, repo, labelNamed(hub, repo, name));
    pull = await changePull(
      hub,
      pull,
      { labels: [...pull.labels, name] },
      { action: "labeled", sender: loginOf(hub, viewer), more: { label } },
    );
  }
  return ok(pull.labels.map((name) => labelJson(hub, repo, labelNamed(hub, repo, name))));
}

async function removeLabel(call: RepoCall): Promise<Answer> {
  const { hub, repo, params, viewer } = call;
  const name = params["name"] ?? "";
  const before = pullOf(call);
  if (!before.labels.includes(name)) throw notFound("Label does not exist");
  const label = labelJson(hub, repo, labelNamed(hub, repo, name));
  const labels = before.labels.filter((other) => other !== name);
  await changePull(hub, before, { labels }, { action: "unlabeled", sender: loginOf(hub, viewer), more: { label } });
  return ok(labels.map((other) => labelJson(hub, repo, labelNamed(hub, repo, other))));
}
