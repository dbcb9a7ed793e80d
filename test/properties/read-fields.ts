/** Where in a value something stands: keys and indexes from the root. */
export type Path = readonly (string | number)[];

/** The scalars that a parser looked at, each with its path; what it never looked at cannot mislead it. */
export function readFields(value: unknown, parse: (value: unknown) => unknown): Path[] {
  const seen = new Map<string, Path>();
  const watched = (inner: unknown, path: Path): unknown => {
    if (typeof inner !== "object" || inner === null) {
      seen.set(path.join("/"), path);
      return inner;
    }
    return new Proxy(inner, {
      get: (target, key) => {
        const found: unknown = Reflect.get(target, key);
        if (typeof key === "symbol" || typeof found === "function" || key === "length") return found;
        return watched(found, [...path, key]);
      },
    });
  };
  parse(watched(value, []));
  return [...seen.values()];
}

export function replacedAt(value: unknown, [key, ...rest]: Path, by: unknown): unknown {
  if (key === undefined) return by;
  const copy: unknown = Array.isArray(value) ? [...(value as unknown[])] : { ...Object(value) };
  Reflect.set(Object(copy), key, replacedAt(Reflect.get(Object(copy), key), rest, by));
  return copy;
}

export const valueAt = (value: unknown, path: Path): unknown =>
  path.reduce<unknown>((inner, key) => (inner === undefined ? inner : Reflect.get(Object(inner), key)), value);

/** Values of every JSON type but the one that stands there, null and absence aside: those are for the parser to say. */
export const ofOtherTypes = (value: unknown): unknown[] => [
  ...(typeof value === "string" ? [] : ["text", ""]),
  ...(typeof value === "number" ? [0.5] : [7]),
  ...(typeof value === "boolean" ? [] : [true]),
  [],
  {},
];
