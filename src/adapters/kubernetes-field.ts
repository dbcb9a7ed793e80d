import type { Millis } from "../core/names.ts";
import { unreadable } from "./kubernetes-json.ts";

/**
 * One value of the API server's answer, knowing where it stands in it. The API leaves out what is empty or zero, so what is absent
 * has a default; what is there in another type than the API promises is refused by its name, never read as if it were absent: a
 * Deployment whose generation cannot be read must not look like one that nobody has written.
 */
export class KubeField {
  readonly value: unknown;
  readonly #path: string;

  /** @param path begins with the kind: `Pod.status.phase` */
  constructor(value: unknown, path: string) {
    this.value = value;
    this.#path = path;
  }

  get isAbsent(): boolean {
    return this.value === undefined || this.value === null;
  }

  /** What is below something absent is absent too. */
  at(key: string): KubeField {
    const path = `${this.#path}.${key}`;
    if (this.isAbsent) return new KubeField(undefined, path);
    return new KubeField(Object.hasOwn(this.object(), key) ? Reflect.get(this.object(), key) : undefined, path);
  }

  object(): object {
    const { value } = this;
    if (this.isAbsent) return {};
    return typeof value === "object" && value !== null && !Array.isArray(value) ? value : this.refuse("an object");
  }

  /** An empty text is an absent one, as everywhere in this API. */
  text(absent = ""): string {
    if (this.isAbsent || this.value === "") return absent;
    return typeof this.value === "string" ? this.value : this.refuse("a text");
  }

  integer<A>(absent: A): number | A {
    if (this.isAbsent) return absent;
    return typeof this.value === "number" && Number.isSafeInteger(this.value)
      ? this.value
      : this.refuse("a whole number");
  }

  flag<A>(absent: A): boolean | A {
    if (this.isAbsent) return absent;
    return typeof this.value === "boolean" ? this.value : this.refuse("true or false");
  }

  time(): Millis | null {
    if (this.isAbsent) return null;
    const at = typeof this.value === "string" ? Date.parse(this.value) : Number.NaN;
    return Number.isNaN(at) ? this.refuse("a time") : at;
  }

  list<T>(read: (item: KubeField) => T): T[] {
    if (this.isAbsent) return [];
    if (!Array.isArray(this.value)) return this.refuse("a list");
    return this.value.map((item: unknown, i) => read(new KubeField(item, `${this.#path}[${i}]`)));
  }

  /** Labels, annotations, a Secret's data. */
  texts(): Record<string, string> {
    return Object.fromEntries(Object.keys(this.object()).map((key) => [key, this.at(key).text()]));
  }

  refuse(expected: string): never {
    const found = JSON.stringify(this.value) ?? "missing";
    // A Secret's values are somebody's secrets, in whatever type they come.
    const shown = this.#path.startsWith("Secret.") ? "of another type" : found.slice(0, 80);
    throw unreadable(`${this.#path} that is ${shown}, not ${expected}`);
  }
}
