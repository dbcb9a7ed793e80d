import { fillTemplate } from "./template.ts";
import type { Template, Values } from "./template.ts";

/** A Kubernetes object as plain data, ready to be sent. */
export interface KubeObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
    readonly [field: string]: unknown;
  };
  readonly [field: string]: unknown;
}

/** The files of `templates/`, by name without the ending. */
export const TEMPLATE_NAMES = [
  "namespace",
  "resource-quota",
  "limit-range",
  "network-policy",
  "service-account",
  "role-binding",
  "deployment",
  "service",
  "ingress",
  "secret",
] as const;

export type Templates = Readonly<Record<(typeof TEMPLATE_NAMES)[number], Template>>;

/**
 * A template filled in. Throws where the result is no object of the namespace it was rendered for: a template someone edited
 * must not reach into another one.
 */
export function renderObject(template: Template, values: Values & { readonly namespace: string }): KubeObject {
  const object = fillTemplate(template, values);
  if (!isKubeObject(object)) throw new Error(`template ${template.name} renders no apiVersion, kind and metadata.name`);
  const place = object.kind === "Namespace" ? object.metadata.name : object.metadata.namespace;
  if (place !== values.namespace) {
    throw new Error(
      `template ${template.name} renders into "${place ?? "no namespace"}", not into "${values.namespace}"`,
    );
  }
  return object;
}

function isKubeObject(value: unknown): value is KubeObject {
  if (!isRecord(value) || typeof value["apiVersion"] !== "string" || typeof value["kind"] !== "string") return false;
  const { metadata } = value;
  return (
    isRecord(metadata) &&
    typeof metadata["name"] === "string" &&
    ["string", "undefined"].includes(typeof metadata["namespace"])
  );
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);
