import { createPrivateKey } from "node:crypto";
import { Secret } from "./secret.ts";

export type Environment = Readonly<Record<string, string | undefined>>;

/** One mistake: the variable, what is wrong with it, and what to write instead. */
interface Mistake {
  readonly variable: string;
  readonly wrong: string;
  readonly remedy: string;
}

/** All that is wrong with the environment at once: whoever installs Proa mends it in one go. */
export class SettingsError extends Error {
  override readonly name = "SettingsError";
  readonly mistakes: readonly Mistake[];

  constructor(mistakes: readonly Mistake[]) {
    const lines = mistakes.map(({ variable, wrong, remedy }) => `  ${variable} ${wrong}: ${remedy}`);
    super(
      `${mistakes.length === 1 ? "A setting is" : `${mistakes.length} settings are`} wrong (docs/settings.md explains each):\n${lines.join("\n")}`,
    );
    this.mistakes = mistakes;
  }
}

export type Reader<T> = (env: Environment) => T;
type Readers = Readonly<Record<string, Reader<unknown>>>;
type Values<R extends Readers> = { readonly [Name in keyof R]: ReturnType<R[Name]> };

/** Runs every reader, so that one mistake does not hide the next. */
export function together<R extends Readers>(readers: R): Reader<Values<R>> {
  return (env) => {
    const mistakes: Mistake[] = [];
    const values: Record<string, unknown> = {};
    for (const [name, read] of Object.entries(readers)) {
      try {
        values[name] = read(env);
      } catch (error) {
        if (!(error instanceof SettingsError)) throw error;
        // Two settings may come from one variable.
        mistakes.push(
          ...error.mistakes.filter(({ variable }) => !mistakes.some((known) => known.variable === variable)),
        );
      }
    }
    if (mistakes.length > 0) throw new SettingsError(mistakes);
    return values as Values<R>;
  };
}

export function refuse(variable: string, wrong: string, remedy: string): never {
  throw new SettingsError([{ variable, wrong, remedy }]);
}

/** null: not set, or nothing but blanks, which is how deployment tools write "not set". */
export function optional(env: Environment, variable: string): string | null {
  const value = env[variable]?.trim() ?? "";
  return value === "" ? null : value;
}

export const required = (env: Environment, variable: string, remedy: string): string =>
  optional(env, variable) ?? refuse(variable, "is not set", remedy);

/** The value where `holds`, the fallback where it is not set. Values are repeated in the message, so none of them is a secret. */
export function matching(
  env: Environment,
  variable: string,
  rule: { fallback: string; holds: (value: string) => boolean; remedy: string },
) {
  const value = optional(env, variable) ?? rule.fallback;
  return rule.holds(value) ? value : refuse(variable, value === "" ? "is not set" : `is "${value}"`, rule.remedy);
}

/** Comma or newline separated. */
export const items = (value: string): string[] =>
  value
    .split(/[,\n]/)
    .map((item) => item.trim())
    .filter((item) => item !== "");

export function json(variable: string, value: string, remedy: string): Readonly<Record<string, unknown>> {
  try {
    const parsed: unknown = JSON.parse(value);
    if (typeof parsed === "object" && parsed !== null && !Array.isArray(parsed))
      return parsed as Record<string, unknown>;
  } catch {
    // JSON.parse quotes its input, and this one may hold passwords.
    return refuse(variable, "is not JSON", remedy);
  }
  return refuse(variable, "is not a JSON object", remedy);
}

/** http or https, and nothing that would be lost or leaked when paths are added. */
export function isPlainUrl(value: string): boolean {
  const url = URL.parse(value);
  return (
    url !== null &&
    /^https?:$/.test(url.protocol) &&
    url.username === "" &&
    url.password === "" &&
    url.search === "" &&
    url.hash === ""
  );
}

/** A PEM as it is, on one line with `\n`, or in base64, which is how it survives most deployment tools. */
export function privateKey(env: Environment, variable: string): Secret {
  const remedy = "put the App's private key (.pem) here, as it is, on one line with \\n, or in base64";
  const value = required(env, variable, remedy);
  const pem = value.includes("-----BEGIN")
    ? value.replaceAll("\\n", "\n")
    : Buffer.from(value, "base64").toString("utf8");
  try {
    if (createPrivateKey(pem).asymmetricKeyType === "rsa") return new Secret(pem);
  } catch {
    return refuse(variable, "is no private key", remedy);
  }
  return refuse(variable, "is no RSA key", remedy);
}
