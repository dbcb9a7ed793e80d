import { NO_COMMIT, type Git, type TreeEntry } from "../git.ts";
import { type Answer, type Json, notFound, ok, Refusal, unprocessable } from "../http.ts";
import { afterMoves } from "../refs.ts";
import { type RepoCall, repoRoute, type Route } from "../router.ts";
import { gitObjectJson, identityOf } from "../commits.ts";
import { repositoryHtml, repositoryUrl } from "../serialize.ts";

export const contentRoutes: readonly Route[] = [
  repoRoute("GET /contents", "contents:read", readContents),
  repoRoute("GET /contents/{path...}", "contents:read", readContents),
  repoRoute("PUT /contents/{path...}", "contents:write", (call) =>
    writeContents(call, Buffer.from(call.body.required("content"), "base64")),
  ),
  repoRoute("DELETE /contents/{path...}", "contents:write", (call) => writeContents(call, null)),
  repoRoute("GET /git/trees/{sha...}", "contents:read", readTree),
  repoRoute("GET /tarball", "contents:read", redirectToTarball),
  repoRoute("GET /tarball/{ref...}", "contents:read", redirectToTarball),
  repoRoute("GET /legacy.tar.gz/{ref...}", "contents:read", readTarball),
];

async function commitAt({ hub, repo }: RepoCall, ref: string): Promise<{ git: Git; sha: string }> {
  const git = await hub.git(repo);
  const sha = await git.resolve(ref);
  if (sha === null) throw notFound(`No commit found for the ref ${ref}`);
  return { git, sha };
}

async function readContents(call: RepoCall): Promise<Answer> {
  const { hub, repo, params, query, accept } = call;
  const ref = query.get("ref") ?? repo.defaultBranch;
  const { git, sha } = await commitAt(call, ref);
  const path = (params["path"] ?? "").replace(/\/$/, "");
  const [entry] = path === "" ? [] : await git.tree(sha, path, "one level");
  if (path !== "" && entry === undefined) throw notFound();
  if (entry?.type !== "blob") {
    const inside = await git.tree(sha, path === "" ? "" : `${path}/`, "one level");
    return ok(inside.map((item) => entryJson(call, item, ref)));
  }
  const bytes = await git.blob(entry.sha);
  if (/raw/.test(accept))
    return { status: 200, body: bytes, headers: { "content-type": "application/vnd.github.raw+json; charset=utf-8" } };
  // GitHub breaks base64 after 60 characters.
  const content = bytes.toString("base64").replace(/.{60}/g, "$&\n");
  return ok({ ...entryJson({ hub, repo }, entry, ref), encoding: "base64", content: `${content}\n` });
}

function entryJson({ hub, repo }: Pick<RepoCall, "hub" | "repo">, entry: TreeEntry, ref: string): Json {
  const path = encodeURI(entry.path);
  const url = `${repositoryUrl(hub, repo)}/contents/${path}?ref=${encodeURIComponent(ref)}`;
  const git = `${repositoryUrl(hub, repo)}/git/${entry.type}s/${entry.sha}`;
  const html = `${repositoryHtml(hub, repo)}/${entry.type}/${ref}/${path}`;
  return {
    type: entry.type === "tree" ? "dir" : "file",
    size: entry.size ?? 0,
    name: entry.path.split("/").at(-1),
    path: entry.path,
    sha: entry.sha,
    url,
    git_url: git,
    html_url: html,
    download_url: entry.type === "tree" ? null : `${repositoryHtml(hub, repo)}/raw/${ref}/${path}`,
    _links: { git, html, self: url },
  };
}

/** One commit that creates, replaces or deletes a file; `sha` proves that the caller saw what it replaces. */
async function writeContents(call: RepoCall, content: Buffer | null): Promise<Answer> {
  const { hub, repo, params, query, body, viewer } = call;
  const path = params["path"] ?? "";
  const branch = body.text("branch") ?? query.get("branch") ?? repo.defaultBranch;
  const git = await hub.git(repo);
  const parent = await git.resolve(`refs/heads/${branch}`);
  if (parent === null) throw notFound(`Branch ${branch} not found`);
  const [before] = await git.tree(parent, path, "one level");
  const seen = body.text("sha") ?? query.get("sha");
  if (content === null && before === undefined) throw notFound();
  if (before !== undefined && seen === null) throw unprocessable(`Invalid request.\n\n"sha" wasn't supplied.`);
  if (seen !== null && before?.sha !== seen) throw new Refusal(409, `${path} does not match ${seen}`);
  const author = identityOf(hub, viewer);
  const message = body.text("message") ?? query.get("message") ?? `Update ${path}`;
  const mode = before?.mode ?? "100644";
  const after = await git.write({
    branch,
    parent,
    message,
    author,
    committer: author,
    files: [{ path, content, mode }],
  });
  await afterMoves(hub, repo.id, [{ ref: `refs/heads/${branch}`, before: parent, after }], author.name);
  const [entry] = await git.tree(after, path, "one level");
  return {
    status: before === undefined ? 201 : 200,
    body: {
      content: entry === undefined ? null : entryJson(call, entry, branch),
      commit: gitObjectJson(hub, repo, await git.commit(after)),
    },
  };
}

async function readTree(call: RepoCall): Promise<Answer> {
  const { hub, repo, params, query } = call;
  const { git, sha } = await commitAt(call, params["sha"] ?? NO_COMMIT);
  const url = `${repositoryUrl(hub, repo)}/git`;
  const entries = await git.tree(sha, "", query.has("recursive") ? "recursive" : "one level");
  const tree = entries.map(({ size, ...entry }) => ({
    ...entry,
    ...(size === null ? {} : { size }),
    url: `${url}/${entry.type}s/${entry.sha}`,
  }));
  return ok({ sha: (await git.commit(sha)).tree, url: `${url}/trees/${sha}`, tree, truncated: false });
}

/** GitHub redirects to codeload.github.com; here that is one address further. */
async function redirectToTarball(call: RepoCall): Promise<Answer> {
  const { hub, repo, params } = call;
  const { sha } = await commitAt(call, params["ref"] ?? repo.defaultBranch);
  return { status: 302, headers: { location: `${repositoryUrl(hub, repo)}/legacy.tar.gz/${sha}` } };
}

async function readTarball(call: RepoCall): Promise<Answer> {
  const { repo, params } = call;
  const { git, sha } = await commitAt(call, params["ref"] ?? "");
  const archive = await git.archive(sha, `${repo.owner}-${repo.name}-${sha.slice(0, 7)}`);
  return { status: 200, body: archive, headers: { "content-type": "application/x-gzip" } };
}
