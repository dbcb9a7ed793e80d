import { APP_PERMISSIONS, covers, newToken } from "../auth.ts";
import { type Answer, type Json, noContent, notFound, ok, page, unprocessable } from "../http.ts";
import { type Call, idOf, paged, repoRoute, type Route, route } from "../router.ts";
import { appJson, installationJson, repositoryJson } from "../serialize.ts";
import type { DeliveryRecord, Installation, Repo } from "../state.ts";

export const appRoutes: readonly Route[] = [
  route("GET /app", "jwt", ({ hub }) =>
    ok({ ...appJson(hub, hub.options.app.id), installations_count: hub.state.list("installation").length }),
  ),
  route("GET /app/installations", "jwt", (call) =>
    paged(call, call.hub.state.list("installation"), (each) => installationJson(call.hub, each)),
  ),
  route("GET /app/installations/{id}", "jwt", (call) => ok(installationJson(call.hub, installationOf(call)))),
  route("POST /app/installations/{id}/access_tokens", "jwt", createToken),
  route("PUT /app/installations/{id}/suspended", "jwt", (call) => suspend(call, call.hub.now())),
  route("DELETE /app/installations/{id}/suspended", "jwt", (call) => suspend(call, null)),
  repoRoute("GET /installation", "jwt", ({ hub, repo }) => ok(installationJson(hub, installedIn({ hub }, repo.owner)))),
  route("GET /orgs/{login}/installation", "jwt", (call) =>
    ok(installationJson(call.hub, installedIn(call, call.params["login"] ?? ""))),
  ),
  route("GET /users/{login}/installation", "jwt", (call) =>
    ok(installationJson(call.hub, installedIn(call, call.params["login"] ?? ""))),
  ),
  route("GET /installation/repositories", "installation", (call) => {
    const { hub, viewer } = call;
    const repositories =
      viewer.kind === "installation" ? hub.state.list("repo", (repo) => covers(hub, viewer.token, repo)) : [];
    return paged(
      call,
      repositories,
      (repo) => repositoryJson(hub, repo),
      (shown) => ({ total_count: repositories.length, repository_selection: "all", repositories: shown }),
    );
  }),
  route("GET /app/hook/config", "jwt", ({ hub }) =>
    ok({ url: hub.options.app.webhookUrl(), content_type: "json", insecure_ssl: "0", secret: "********" }),
  ),
  route("GET /app/hook/deliveries", "jwt", listDeliveries),
  route("GET /app/hook/deliveries/{id}", "jwt", (call) => {
    const record = deliveryOf(call);
    const response = { headers: {}, payload: record.status };
    return ok({
      ...deliveryJson(record),
      url: call.hub.options.app.webhookUrl(),
      request: { headers: record.headers, payload: JSON.parse(record.body) as Json },
      response,
    });
  }),
  route("POST /app/hook/deliveries/{id}/attempts", "jwt", (call) => {
    const record = deliveryOf(call);
    call.hub.after(() => call.hub.webhooks.redeliver(record));
    return { status: 202, body: {} };
  }),
];

function installationOf(call: Call): Installation {
  const installation = call.hub.state.get("installation", idOf(call, "id"));
  if (installation === undefined) throw notFound();
  return installation;
}

function installedIn({ hub }: Pick<Call, "hub">, account: string): Installation {
  const [installation] = hub.state.list("installation", (each) => each.account === account);
  if (installation === undefined) throw notFound();
  return installation;
}

const HOUR_MS = 60 * 60 * 1000;

/** For one hour, for all of the installation's repositories and permissions or for the fewer that were asked for. */
function createToken(call: Call): Answer {
  const { hub, body } = call;
  const installation = installationOf(call);
  const now = hub.options.clock.nowMs();
  const own = (repo: Repo): boolean => repo.owner === installation.account;
  const ids = Array.isArray(body.all["repository_ids"]) ? body.all["repository_ids"].map(Number) : null;
  const names = body.texts("repositories");
  const asked =
    ids === null && names === null
      ? null
      : hub.state.list("repo", (repo) => own(repo) && (ids?.includes(repo.id) || names?.includes(repo.name)) === true);
  if (asked !== null && asked.length < (ids ?? names ?? []).length)
    throw unprocessable(
      "There is at least one repository that does not exist or is not accessible to the parent installation.",
    );
  const wanted = (body.within("permissions")?.all ?? APP_PERMISSIONS) as Record<string, string>;
  for (const [name, level] of Object.entries(wanted))
    if (APP_PERMISSIONS[name] !== "write" && APP_PERMISSIONS[name] !== level)
      throw unprocessable("The permissions requested are not granted to this installation.");
  for (const old of hub.state.list("token", ({ expiresAtMs }) => expiresAtMs < now)) hub.state.delete("token", old.id);
  const token = hub.state.put("token", {
    id: hub.state.nextId(),
    token: newToken(hub.options.app.id),
    installationId: installation.id,
    repositoryIds: asked === null ? null : asked.map(({ id }) => id),
    permissions: { ...wanted, metadata: "read" },
    expiresAtMs: now + HOUR_MS,
  });
  const expires = new Date(token.expiresAtMs).toISOString().replace(/\.\d+Z$/, "Z");
  const selection =
    asked === null
      ? { repository_selection: "all" }
      : { repository_selection: "selected", repositories: asked.map((repo) => repositoryJson(hub, repo)) };
  return {
    status: 201,
    body: { token: token.token, expires_at: expires, permissions: token.permissions, ...selection },
  };
}

function suspend(call: Call, at: string | null): Answer {
  const { hub } = call;
  const installation = hub.state.put("installation", { ...installationOf(call), suspendedAt: at });
  const [repo] = hub.state.list("repo", ({ owner }) => owner === installation.account);
  const payload = { action: at === null ? "unsuspend" : "suspend", installation: installationJson(hub, installation) };
  if (repo !== undefined) hub.emit("installation", repo, installation.account, payload);
  return noContent;
}

function deliveryOf(call: Call): DeliveryRecord {
  const record = call.hub.state.get("delivery", idOf(call, "id"));
  if (record === undefined) throw notFound();
  return record;
}

const deliveryJson = (record: DeliveryRecord): Json => ({
  id: record.id,
  guid: record.guid,
  delivered_at: record.deliveredAt,
  redelivery: record.redelivery,
  duration: record.durationSeconds,
  status: record.status,
  status_code: record.statusCode,
  event: record.event,
  action: record.action,
  installation_id: record.installationId,
  repository_id: record.repositoryId,
  throttled_at: null,
});

/** Newest first. Pages go by a cursor: a page number would shift with every new delivery. */
function listDeliveries({ hub, query, url }: Call): Answer {
  const before = Number(/^v1_(\d+)$/.exec(query.get("cursor") ?? "")?.[1] ?? Number.MAX_SAFE_INTEGER);
  const failed = query.get("status");
  const records = hub.state
    .list(
      "delivery",
      ({ id, statusCode }) => id < before && (failed === null || (failed === "failure") === statusCode >= 400),
    )
    .sort((a, b) => b.id - a.id);
  const size = query.get("per_page") ?? "30";
  const { items } = page(records, { url, query: new URLSearchParams({ per_page: size }) });
  const last = items.at(-1);
  const more = last !== undefined && items.length < records.length;
  const headers = more ? { link: `<${url}?per_page=${size}&cursor=v1_${last.id}>; rel="next"` } : {};
  return { status: 200, body: items.map(deliveryJson), headers };
}
