import type { CheckRunBody } from "../core/github.ts";
import { cutAtLine, cutAtWord, fitActions, inBatches, LIMIT } from "../core/limits.ts";
import { type RepoName, splitRepo } from "../core/names.ts";
import type { GitHub } from "./github.ts";
import type { Field } from "./github-field.ts";
import type { GitHubHttp } from "./github-http.ts";
import { type AppIdentity, createdId, nothing, orMissing, search } from "./github-search.ts";

/** Check runs: one request takes fifty annotations and each update adds to those there are, so the rest follows in further ones. */
export function checkRunWrites(http: GitHubHttp, app: AppIdentity) {
  return {
    async createCheckRun(repo, sha, body) {
      const [first = [], ...rest] = inBatches(body.annotations, LIMIT.annotationsPerRequest);
      const created = await http.send(
        "POST /repos/{owner}/{repo}/check-runs",
        { ...splitRepo(repo), head_sha: sha, ...checkRun(body, first) },
        createdId,
      );
      for (const batch of rest) await patch(http, repo, created.id, body, batch);
      return created;
    },

    updateCheckRun: (repo, id, body) =>
      orMissing(
        (async () => {
          const present = body.annotations.length === 0 ? new Set<string>() : await presentAnnotations(http, repo, id);
          const missing = body.annotations.filter((item) => !present.has(keyOf(annotation(item))));
          const [first = [], ...rest] = inBatches(missing, LIMIT.annotationsPerRequest);
          for (const batch of [first, ...rest]) await patch(http, repo, id, body, batch);
        })(),
      ),

    findCheckRun: (repo, sha, name, externalId) =>
      search(
        http.pages(
          "GET /repos/{owner}/{repo}/commits/{ref}/check-runs",
          // `latest` would hide an older run of the same name that carries the id we look for.
          { ...splitRepo(repo), ref: sha, check_name: name, app_id: app.id, filter: "all" },
          (page) =>
            page.at("check_runs").list((run) => ({
              id: run.at("id").integer(),
              ours:
                run.at("external_id").value === externalId &&
                run.at("name").value === name &&
                run.at("app").orNull((owner) => owner.at("id").integer()) === app.id,
            })),
        ),
      ),
  } satisfies Partial<GitHub>;
}

type Annotation = ReturnType<typeof annotation>;

const patch = (
  http: GitHubHttp,
  repo: RepoName,
  id: number,
  body: CheckRunBody,
  annotations: CheckRunBody["annotations"],
) =>
  http.send(
    "PATCH /repos/{owner}/{repo}/check-runs/{check_run_id}",
    { ...splitRepo(repo), check_run_id: id, ...checkRun(body, annotations) },
    nothing,
  );

function checkRun(body: CheckRunBody, annotations: CheckRunBody["annotations"]) {
  return {
    name: body.name,
    external_id: body.externalId,
    status: body.status,
    ...(body.conclusion === null ? {} : { conclusion: body.conclusion }),
    ...(body.detailsUrl === null ? {} : { details_url: body.detailsUrl }),
    output: {
      title: cutAtWord(body.title, LIMIT.checkTitle),
      summary: cutAtLine(body.summary, LIMIT.checkOutput),
      text: cutAtLine(body.text, LIMIT.checkOutput),
      annotations: annotations.map(annotation),
    },
    actions: fitActions(body.actions),
  };
}

const annotation = ({ path, line, message, remedy }: CheckRunBody["annotations"][number]) => ({
  path,
  start_line: line,
  end_line: line,
  annotation_level: "failure",
  message: `${message}\n${remedy}`,
});

/** So that repeating an update, or finishing one that broke off, does not show a mistake twice. */
async function presentAnnotations(http: GitHubHttp, repo: RepoName, id: number): Promise<Set<string>> {
  const route = "GET /repos/{owner}/{repo}/check-runs/{check_run_id}/annotations";
  const present = new Set<string>();
  for await (const page of http.pages(route, { ...splitRepo(repo), check_run_id: id }, annotationKeys)) {
    for (const key of page) present.add(key);
  }
  return present;
}

const annotationKeys = (page: Field): string[] =>
  page.list((item) =>
    keyOf({
      path: item.at("path").string(),
      start_line: item.at("start_line").integer(),
      message: item.at("message").orNull((message) => message.string()) ?? "",
    }),
  );

const keyOf = ({ path, start_line, message }: Pick<Annotation, "path" | "start_line" | "message">): string =>
  `${path}:${start_line}:${message}`;
