/** A value that prints as `[secret]` wherever it ends up: in a template string, in JSON, in a log line, in an error's dump. */
export class Secret {
  readonly #value: string;

  constructor(value: string) {
    // An HMAC with an empty key is one that anybody can make.
    if (value === "") throw new TypeError("a secret is empty: check the setting it comes from");
    this.#value = value;
  }

  /** The only way to the value. Hand it straight to what needs it. */
  reveal(): string {
    return this.#value;
  }

  toString(): string {
    return "[secret]";
  }

  toJSON(): string {
    return "[secret]";
  }

  // What node:util calls `inspect.custom`: https://nodejs.org/api/util.html#utilinspectcustom
  [Symbol.for("nodejs.util.inspect.custom")](): string {
    return "[secret]";
  }
}
