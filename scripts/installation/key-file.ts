import { readFileSync } from "node:fs";
import type { Secret } from "../../src/secret.ts";
import { privateKey, SettingsError } from "../../src/settings-read.ts";
import { Stop } from "./stop.ts";

export function contentOf(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (cause) {
    throw new Stop(`${file} cannot be read`, { cause });
  }
}

/** The App's private key as GitHub hands it out, by the rules that the functions read it by. */
export function keyIn(file: string): Secret {
  try {
    return privateKey({ file: contentOf(file) }, "file");
  } catch (error) {
    if (!(error instanceof SettingsError)) throw error;
    throw new Stop(`${file} ${error.mistakes[0]?.wrong ?? "is no key"}: name the .pem that GitHub gave you`, {
      cause: error,
    });
  }
}
