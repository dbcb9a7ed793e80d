import type { Kind } from "./kinds.ts";
import type { KubeObject } from "./object.ts";
import type { Place } from "./resources.ts";
import { StatusError, type Cause } from "./status.ts";

// A real API server has four sentences for "that is not the object you mean", depending on how it was asked.

export function immutableUid(uid: string): Required<Cause> {
  const message = `Invalid value: ${JSON.stringify(uid)}: field is immutable`;
  return { field: "metadata.uid", message, reason: "FieldValueInvalid" };
}

export function nobodysUid(wanted: string): string {
  return `uid mismatch: the provided object specified uid ${wanted}, and no existing object was found`;
}

export function otherUid(wanted: string, actual: string): string {
  return `Precondition failed: UID in precondition: ${wanted}, UID in object meta: ${actual}`;
}

export function storageError(
  { kind, namespace }: Place,
  { metadata: { name, uid = "" } }: KubeObject,
  wanted: string,
): string {
  const key = ["/registry", kind.plural, ...(namespace === undefined ? [] : [namespace]), name].join("/");
  return `StorageError: invalid object, Code: 4, Key: ${key}, ResourceVersion: 0, AdditionalErrorMsg: ${otherUid(wanted, uid)}`;
}

/** Deletion names the kind where every other conflict names the resource: apiserver/pkg/registry/generic/registry/store.go. */
export function undeletable(kind: Kind, name: string, why: string): StatusError {
  const group = kind.group === "" ? {} : { group: kind.group };
  const what = kind.group === "" ? kind.kind : `${kind.kind}.${kind.group}`;
  const details = { name, ...group, kind: kind.kind };
  return new StatusError(409, "Conflict", `Operation cannot be fulfilled on ${what} "${name}": ${why}`, details);
}

export function uidMismatch(wanted: string, actual: string): string {
  return `the UID in the precondition (${wanted}) does not match the UID in record (${actual}). The object might have been deleted and then recreated`;
}
