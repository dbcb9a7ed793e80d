import type { ServiceConfig } from "./config.ts";
import { withDigest } from "./image.ts";
import { renderObject } from "./manifests.ts";
import type { KubeObject, Templates } from "./manifests.ts";
import type { CopiedSecretRef } from "./manifests-preview.ts";
import { withShape } from "./manifests-shape.ts";
import { targetId } from "./names.ts";
import type { Digest, Millis, Revision, Sha, Target } from "./names.ts";
import type { Json } from "./template.ts";

export interface ServicesInput {
  readonly templates: Templates;
  readonly target: Target;
  readonly namespace: string;
  readonly revision: Revision;
  readonly commit: Sha;
  readonly services: readonly { readonly config: ServiceConfig; readonly image: string; readonly digest: Digest }[];
  /** By service, from `serviceHosts`; an exposed service without one gets no Ingress. */
  readonly hosts: Readonly<Record<string, string>>;
  /** null: the cluster's default class. */
  readonly ingressClassName: string | null;
  readonly deadlineMs: Millis;
  /** null: no copied Secret, as always in an environment. */
  readonly secret: CopiedSecretRef | null;
}

/** Deployment, Service and Ingress of every service, in the order of the input. The same input gives the same objects byte for byte. */
export function renderServices(input: ServicesInput): KubeObject[] {
  return input.services.flatMap((service) => {
    const deployment = renderDeployment(input, service);
    return service.config.expose ? [deployment, ...renderExposure(input, service.config)] : [deployment];
  });
}

function renderDeployment(
  input: ServicesInput,
  { config, image, digest }: ServicesInput["services"][number],
): KubeObject {
  const { templates, target, revision, commit, deadlineMs, secret } = input;
  const deployment = renderObject(templates.deployment, {
    ...placeOf(input, config),
    revision: String(revision),
    commit,
    digest,
    replicas: target.kind === "preview" ? 1 : config.replicas,
    deadlineSeconds: Math.ceil(deadlineMs / 1000),
    image: withDigest(image, digest),
    command: config.command,
    ports: config.expose ? [{ name: "http", containerPort: config.port }] : null,
    env: variables(config),
    envFrom: secret && [{ secretRef: { name: secret.name } }],
    podAnnotations: secret && { [SECRET_VERSION]: secret.version },
    readinessProbe: config.expose ? readinessProbe(config) : null,
    cpu: config.resources.cpu,
    memory: config.resources.memory,
  });
  return withShape(deployment);
}

/** On the pods: variables are read at a container's start, so a rotated Secret needs a restart. */
const SECRET_VERSION = "proa.dev/secret-version";

function renderExposure(input: ServicesInput, config: ServiceConfig): KubeObject[] {
  const { templates, hosts, ingressClassName } = input;
  const service = renderObject(templates.service, placeOf(input, config));
  const host = Object.hasOwn(hosts, config.name) ? hosts[config.name] : undefined;
  return host === undefined
    ? [service]
    : [service, renderObject(templates.ingress, { ...placeOf(input, config), host, ingressClassName })];
}

function placeOf({ target, namespace }: ServicesInput, config: ServiceConfig) {
  return {
    service: config.name,
    namespace,
    target: targetId(target),
    repositoryId: String(target.repoId),
    pullRequest: target.kind === "preview" ? String(target.number) : null,
  };
}

function variables({ env, expose, port }: ServiceConfig): Json {
  const literals = Object.entries(env).toSorted(([a], [b]) => (a < b ? -1 : 1));
  // To Kubernetes `$(NAME)` in a value is another variable and `$$` one dollar; to the author both are text.
  // https://kubernetes.io/docs/tasks/inject-data-application/define-interdependent-environment-variables/
  const list = literals.map(([name, value]) => ({ name, value: value.replaceAll(/\$(?=[$(])/g, () => "$$") }));
  if (expose) return [{ name: "PORT", value: String(port) }, ...list];
  return list.length === 0 ? null : list;
}

/** Often, because its period is what a developer waits for after the process has started; a single slow answer is no reason to leave. */
function readinessProbe({ health, port }: ServiceConfig): Json {
  const timing = { periodSeconds: 2, timeoutSeconds: 5, failureThreshold: 3 };
  // By number: the API server takes a name as well, but a person reading the probe's failure sees where it knocked.
  return health === null ? { tcpSocket: { port }, ...timing } : { httpGet: { path: health, port }, ...timing };
}
