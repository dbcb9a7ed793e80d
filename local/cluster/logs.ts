import type { ServerResponse } from "node:http";

import type { FacadeParts } from "./facade.ts";
import type { LogLine } from "./kubelet.ts";
import { fields, items, text, type KubeObject } from "./object.ts";
import { badRequest } from "./status.ts";

/** GET …/pods/NAME/log: container, previous, tailLines, sinceSeconds, timestamps, follow. */
export function serveLog(
  { kubelet, clock }: Pick<FacadeParts, "kubelet" | "clock">,
  pod: KubeObject,
  query: URLSearchParams,
  response: ServerResponse,
): void {
  const container = chooseContainer(pod, query.get("container"));
  const previous = query.get("previous") === "true";
  const log = kubelet.logs(pod.metadata.uid ?? "", container, { previous });
  if (log === undefined) throw badRequest(whyNoLog(pod, container, { previous }));

  const after = query.has("sinceSeconds") ? clock.nowMs() - Number(query.get("sinceSeconds")) * 1000 : 0;
  const tail = query.has("tailLines") ? Number(query.get("tailLines")) : Number.POSITIVE_INFINITY;
  const line = ({ time, text }: LogLine) => `${query.get("timestamps") === "true" ? `${time} ` : ""}${text}\n`;
  response.writeHead(200, { "content-type": "text/plain" });
  const since = log.lines().filter(({ time }) => Date.parse(time) >= after);
  for (const each of tail >= since.length ? since : since.slice(since.length - tail)) response.write(line(each));
  if (query.get("follow") !== "true" || log.ended()) return void response.end();
  response.flushHeaders();
  const stop = log.follow((each) => (each === "end" ? response.end() : response.write(line(each))));
  response.once("close", stop);
}

function chooseContainer(pod: KubeObject, wanted: string | null): string {
  const names = items(pod.spec?.["containers"]).map(({ name }) => text(name));
  const { name } = pod.metadata;
  if (wanted === null && names.length > 1)
    throw badRequest(`a container name must be specified for pod ${name}, choose one of: [${names.join(" ")}]`);
  const chosen = wanted ?? names[0] ?? "";
  if (!names.includes(chosen)) throw badRequest(`container ${chosen} is not valid for pod ${name}`);
  return chosen;
}

function whyNoLog(pod: KubeObject, container: string, { previous }: { previous: boolean }): string {
  const { name } = pod.metadata;
  if (previous) return `previous terminated container "${container}" in pod "${name}" not found`;
  const status = items(pod.status?.["containerStatuses"]).find((candidate) => candidate["name"] === container);
  const reason = text(fields(fields(status?.["state"])["waiting"])["reason"], "ContainerCreating");
  const pulling = reason === "ErrImagePull" || reason === "ImagePullBackOff";
  return `container "${container}" in pod "${name}" is waiting to start: ${pulling ? "trying and failing to pull image" : reason}`;
}
