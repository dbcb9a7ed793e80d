import * as models from "@kubernetes/client-node";

import type { Kind } from "./kinds.ts";
import { isFields, type Fields } from "./object.ts";
import { parseQuantity } from "./quantity.ts";
import { badRequest } from "./status.ts";

interface Attribute {
  readonly baseName: string;
  readonly type: string;
}

/**
 * Checks an object against the field tables that the Kubernetes client is generated with (from the API's own OpenAPI
 * description). A value of the wrong type is refused as the API server's decoder does; unknown fields are dropped and
 * returned, and the caller decides whether that is an error or a warning (`fieldValidation`).
 */
export function decode(kind: Kind, object: Fields): string[] {
  const unknown: string[] = [];
  walk(object, modelName(kind), "", { kind, unknown });
  return unknown;
}

interface Walk {
  readonly kind: Kind;
  readonly unknown: string[];
}

function modelName(kind: Kind): string {
  return kind.kind === "Event"
    ? "CoreV1Event"
    : `${kind.version[0]?.toUpperCase()}${kind.version.slice(1)}${kind.kind}`;
}

function walk(value: unknown, type: string, path: string, context: Walk): void {
  if (value === null || value === undefined) return;
  const [, itemType] = /^Array<(.+)>$/.exec(type) ?? [];
  const [, valueType] = /^\{ \[key: string\]: (.+); \}$/.exec(type) ?? [];
  if (itemType !== undefined) {
    if (!Array.isArray(value)) throw mismatch(value, type, path, context);
    for (const [position, item] of value.entries()) walk(item, itemType, `${path}[${position}]`, context);
  } else if (valueType !== undefined) {
    if (!isFields(value)) throw mismatch(value, type, path, context);
    if (quantities.test(path)) return decodeQuantities(value, context);
    // As Go names a map's values: by the map.
    for (const item of Object.values(value)) walk(item, valueType, path, context);
  } else if (type === "string" || type === "number" || type === "boolean") {
    // oxlint-disable-next-line valid-typeof -- compared with the generated table's own names
    if (typeof value !== type) throw mismatch(value, type, path, context);
  } else {
    const attributes = attributesOf(type);
    if (attributes === undefined) return; // IntOrString, Date, any, …
    if (!isFields(value)) throw mismatch(value, type, path, context);
    for (const [key, field] of Object.entries(value)) {
      const attribute = attributes.get(key);
      const at = path === "" ? key : `${path}.${key}`;
      if (attribute !== undefined) walk(field, attribute.type, at, context);
      else {
        context.unknown.push(at);
        delete value[key];
      }
    }
  }
}

const quantities = /\.(requests|limits|hard|min|max|default|defaultRequest)$/;

/** `cpu: 1` is as good as `cpu: "1"`, which the generated tables do not know. */
function decodeQuantities(amounts: Fields, { kind }: Walk): void {
  for (const [name, amount] of Object.entries(amounts)) {
    if (Number.isNaN(parseQuantity(amount)))
      throw badRequest(
        `${kind.kind} in version "${kind.version}" cannot be handled as a ${kind.kind}: quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'`,
      );
    amounts[name] = String(amount);
  }
}

const tables = new Map<string, Map<string, Attribute> | undefined>();

function attributesOf(type: string): Map<string, Attribute> | undefined {
  if (!tables.has(type)) {
    const model = (models as unknown as Record<string, { getAttributeTypeMap?: () => Attribute[] } | undefined>)[type]; // by computed name
    const list = model?.getAttributeTypeMap?.();
    tables.set(
      type,
      list === undefined ? undefined : new Map(list.map((attribute) => [attribute.baseName, attribute])),
    );
  }
  return tables.get(type);
}

function mismatch(value: unknown, type: string, path: string, { kind }: Walk): Error {
  const got = Array.isArray(value) ? "array" : isFields(value) ? "object" : typeof value;
  return badRequest(
    `${kind.kind} in version "${kind.version}" cannot be handled as a ${kind.kind}: json: cannot unmarshal ${got} into Go struct field ${kind.kind}.${path} of type ${type}`,
  );
}
