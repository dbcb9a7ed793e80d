import { resourceName, type Kind } from "./kinds.ts";

export interface Cause {
  readonly reason?: string;
  readonly message: string;
  readonly field?: string;
}

/** An answer other than success, in the words of the real API server: thrown anywhere below the façade, sent as a `Status`. */
export class StatusError extends Error {
  readonly code: number;
  readonly reason: string;
  readonly details: Readonly<Record<string, unknown>> | undefined;

  constructor(code: number, reason: string, message: string, details?: Readonly<Record<string, unknown>>) {
    super(message);
    this.code = code;
    this.reason = reason;
    this.details = details;
  }

  toStatus(): object {
    const { code, reason, message, details } = this;
    return {
      kind: "Status",
      apiVersion: "v1",
      metadata: {},
      status: "Failure",
      message,
      ...(reason === "" ? {} : { reason }),
      ...(details === undefined ? {} : { details }),
      code,
    };
  }
}

export function notFound(kind: Kind, name: string): StatusError {
  return new StatusError(404, "NotFound", `${resourceName(kind)} "${name}" not found`, about(kind, name));
}

export function alreadyExists(kind: Kind, name: string, going = false): StatusError {
  const message = `${going ? "object is being deleted: " : ""}${resourceName(kind)} "${name}" already exists`;
  return new StatusError(409, "AlreadyExists", message, about(kind, name));
}

export function conflict(
  kind: Kind,
  name: string,
  why = "the object has been modified; please apply your changes to the latest version and try again",
): StatusError {
  return new StatusError(
    409,
    "Conflict",
    `Operation cannot be fulfilled on ${resourceName(kind)} "${name}": ${why}`,
    about(kind, name),
  );
}

export function invalid(
  kind: Pick<Kind, "group" | "kind">,
  name: string,
  causes: readonly Required<Cause>[],
): StatusError {
  const lines = [...new Set(causes.map(({ field, message }) => `${field}: ${message}`))];
  const list = lines.length === 1 ? lines[0] : `[${lines.join(", ")}]`;
  const qualified = kind.group === "" ? kind.kind : `${kind.kind}.${kind.group}`;
  return new StatusError(422, "Invalid", `${qualified} "${name}" is invalid: ${list}`, {
    ...(name === "" ? {} : { name }),
    ...(kind.group === "" ? {} : { group: kind.group }),
    kind: kind.kind,
    causes,
  });
}

export function forbidden(kind: Kind, name: string, why: string, causes: readonly Cause[] = []): StatusError {
  return new StatusError(403, "Forbidden", `${resourceName(kind)} "${name}" is forbidden: ${why}`, {
    ...about(kind, name),
    ...(causes.length === 0 ? {} : { causes }),
  });
}

export function badRequest(message: string): StatusError {
  return new StatusError(400, "BadRequest", message);
}

function about(kind: Kind, name: string): Record<string, unknown> {
  return { name, ...(kind.group === "" ? {} : { group: kind.group }), kind: kind.plural };
}
