import type { Millis } from "../core/names.ts";

/**
 * One value of an outside reply, knowing where it stands in it: what is not as promised is named with its field and its URL.
 */
export class Field {
  readonly value: unknown;
  readonly #path: string;
  readonly #origin: string;

  /** @param origin the request, e.g. `GET https://api.github.com/repos/acme/shop` */
  constructor(value: unknown, origin: string, path = "") {
    this.value = value;
    this.#origin = origin;
    this.#path = path;
  }

  at(key: string): Field {
    const { value } = this;
    if (typeof value !== "object" || value === null || Array.isArray(value)) return this.refuse("an object");
    return new Field(
      (value as Record<string, unknown>)[key],
      this.#origin,
      this.#path === "" ? key : `${this.#path}.${key}`,
    );
  }

  string(): string {
    return typeof this.value === "string" ? this.value : this.refuse("a string");
  }

  integer(): number {
    return typeof this.value === "number" && Number.isSafeInteger(this.value)
      ? this.value
      : this.refuse("a whole number");
  }

  boolean(): boolean {
    return typeof this.value === "boolean" ? this.value : this.refuse("true or false");
  }

  /** ISO 8601 in, milliseconds out. */
  time(): Millis {
    const at = typeof this.value === "string" ? Date.parse(this.value) : Number.NaN;
    return Number.isNaN(at) ? this.refuse("a time") : at;
  }

  list<T>(read: (item: Field) => T): T[] {
    if (!Array.isArray(this.value)) return this.refuse("a list");
    return this.value.map((item: unknown, i) => read(new Field(item, this.#origin, `${this.#path}[${i}]`)));
  }

  /** GitHub leaves out what it elsewhere sends as null, so both read as null. */
  orNull<T>(read: (field: Field) => T): T | null {
    return this.value === null || this.value === undefined ? null : read(this);
  }

  oneOf<const T extends string>(...allowed: readonly T[]): T {
    return allowed.find((word) => word === this.value) ?? this.refuse(allowed.join(" or "));
  }

  /** Through one of the parsers of `names.ts`. */
  as<T>(parse: (value: unknown) => T | null, what: string): T {
    return parse(this.value) ?? this.refuse(what);
  }

  refuse(expected: string): never {
    const found = JSON.stringify(this.value, (_, v: unknown) => (typeof v === "bigint" ? String(v) : v)) ?? "missing";
    const shown = found.length > 80 ? `${found.slice(0, 80)}…` : found;
    throw new MalformedReply(
      `${this.#origin}: ${this.#path === "" ? "the reply" : this.#path} is ${shown}, expected ${expected}`,
    );
  }
}

/** The other side answered, but not in the words it promised. Whoever made the request knows whether it had an effect. */
export class MalformedReply extends Error {
  override readonly name = "MalformedReply";
}
