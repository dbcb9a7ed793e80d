import { ANNOTATION } from "../core/names.ts";
import type { ImagePatch } from "./kubernetes.ts";

/** One line of a JSON Patch: https://www.rfc-editor.org/rfc/rfc6902#section-4 */
export interface Operation {
  readonly op: "test" | "add" | "replace";
  readonly path: string;
  readonly value: unknown;
}

/** Uid, owner and revision say who wrote last; name and image say that the container at this place is still the one that was read. */
export function preconditions(wanted: ImagePatch): Operation[] {
  const { uid, target, revision, container, from } = wanted;
  const test = (path: string, value: unknown): Operation => ({ op: "test", path, value });
  return [
    test("/metadata/uid", uid),
    ...(target === null ? [] : [test(annotationPath(ANNOTATION.target), target)]),
    ...(revision === null ? [] : [test(annotationPath(ANNOTATION.revision), String(revision))]),
    test(`${containerPath(wanted)}/name`, container),
    test(`${containerPath(wanted)}/image`, from),
  ];
}

const containerPath = ({ containerIndex }: ImagePatch): string => `/spec/template/spec/containers/${containerIndex}`;

export const replaceImage = (wanted: ImagePatch): Operation => ({
  op: "replace",
  path: `${containerPath(wanted)}/image`,
  value: wanted.image,
});

/** JSON Pointer writes `~` as `~0` and `/` as `~1`: https://www.rfc-editor.org/rfc/rfc6901#section-3 */
export const annotationPath = (key: string): string =>
  `/metadata/annotations/${key.replaceAll("~", "~0").replaceAll("/", "~1")}`;
