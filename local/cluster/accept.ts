import { apiVersionOf } from "./kinds.ts";
import { fields, isFields, text, type Fields, type KubeObject } from "./object.ts";
import type { Place, WriteOptions } from "./resources.ts";
import { decode } from "./schema.ts";
import { badRequest, StatusError } from "./status.ts";

/** From a request's body to an object: right kind, right place, known fields of the right types. */
export function accept({ kind, namespace }: Place, body: Fields, options: WriteOptions): KubeObject {
  const apiVersion = apiVersionOf(kind);
  if (body["apiVersion"] === apiVersion && body["kind"] !== kind.kind) {
    const [wrong, right] = [`${kind.version}.${text(body["kind"])}`, `${kind.group || "core"}.${kind.kind}`];
    throw badRequest(
      `${text(body["kind"])} in version "${kind.version}" cannot be handled as a ${kind.kind}: converting (${wrong}) to (${right}): unknown conversion`,
    );
  }
  if (body["apiVersion"] !== undefined && body["apiVersion"] !== apiVersion) {
    throw badRequest(
      `${text(body["kind"])} in version "${text(body["apiVersion"])}" cannot be handled as a ${kind.kind}: the API version in the data (${text(body["apiVersion"])}) does not match the expected API version (${apiVersion})`,
    );
  }
  const unknown = decode(kind, body);
  if (unknown.length > 0) {
    const list = unknown.map((field) => `unknown field "${field}"`);
    if (options.fieldValidation === "Apply") {
      throw new StatusError(
        500,
        "",
        `failed to create typed patch object (${namespace ?? ""}/${text(fields(body["metadata"])["name"])}; ${apiVersion}, Kind=${kind.kind}): ${unknown.map((field) => `.${field}: field not declared in schema`).join(", ")}`,
      );
    }
    if (options.fieldValidation === "Strict") {
      throw badRequest(
        `${kind.kind} in version "${kind.version}" cannot be handled as a ${kind.kind}: strict decoding error: ${list.join(", ")}`,
      );
    }
    if (options.fieldValidation !== "Ignore") for (const line of list) options.warn(line);
  }
  const metadata = fields(body["metadata"]);
  if (kind.namespaced && metadata["namespace"] !== undefined && metadata["namespace"] !== namespace) {
    throw badRequest(`the namespace of the provided object does not match the namespace sent on the request`);
  }
  const object = withoutNulls({
    ...body,
    apiVersion,
    kind: kind.kind,
    metadata: { ...metadata, ...(namespace === undefined ? {} : { namespace }) },
  });
  return object as KubeObject; // decode has checked it against the API's own schema
}

export function named(object: KubeObject, name: string): KubeObject {
  if (object.metadata.name === name) return object;
  throw badRequest(`the name of the object (${object.metadata.name}) does not match the name on the URL (${name})`);
}

/** Where the result of a patch cannot be decoded, it is the patch that is invalid. */
export function acceptPatched(
  place: Place,
  live: KubeObject,
  patched: (live: KubeObject) => Fields,
  options: WriteOptions,
): KubeObject {
  const { name } = live.metadata;
  const result = patched(structuredClone(live));
  try {
    return named(accept(place, result, options), name);
  } catch (error) {
    const undecodable = error instanceof StatusError ? /: (json: .*)$/s.exec(error.message)?.[1] : undefined;
    if (undecodable === undefined) throw error;
    const message = `Invalid value: ${JSON.stringify(JSON.stringify(result))}: ${undecodable}`;
    const causes = [{ reason: "FieldValueInvalid", message, field: "patch" }];
    throw new StatusError(422, "Invalid", ` "" is invalid: patch: ${message}`, { causes });
  }
}

/** The API stores no nulls: a null in a manifest is a field left out. */
function withoutNulls(value: unknown): unknown {
  if (Array.isArray(value)) return value.map((item) => withoutNulls(item));
  if (!isFields(value)) return value;
  return Object.fromEntries(
    Object.entries(value).flatMap(([key, item]) => (item === null ? [] : [[key, withoutNulls(item)]])),
  );
}
