import { existsSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import type { Exchange } from "../../local/github/server.ts";
import type { World } from "../../local/world.ts";

/** A value that only its owner and the one system it is for may ever see. */
export interface Planted {
  readonly name: string;
  readonly value: string;
}

/** Everything that a world says or keeps, one text each. */
export interface Output {
  readonly where: string;
  readonly text: string;
}

/** What a world is set up with, and every token that its GitHub gave out. */
export function plantedIn({ secrets }: Pick<World, "secrets">, exchanges: readonly Exchange[]): Planted[] {
  const minted = exchanges.flatMap(({ path, status, responseBody }) =>
    isMinting(path) && status === 201 ? [(responseBody as { token: string }).token] : [],
  );
  return [
    ...Object.entries(secrets).map(([name, value]) => ({ name, value })),
    ...[...new Set(minted)].map((value, index) => ({ name: `installation token ${index + 1}`, value })),
  ];
}

/** The log, what was written to GitHub and what it answered, every row of the store and the queues, dead letters too. */
export function outputsOf(dir: string, log: readonly string[], exchanges: readonly Exchange[]): Output[] {
  return [
    { where: "the log", text: log.join("\n") },
    ...exchanges.map(({ method, path, requestBody, responseBody }) => ({
      where: `GitHub's ${method} ${path}`,
      text: JSON.stringify([path, requestBody, isMinting(path) ? null : responseBody]),
    })),
    ...["proa.sqlite", "queue.sqlite"].flatMap((file) => rowsOf(join(dir, file))),
  ];
}

/** The one answer that is there to carry a token. */
const isMinting = (path: string): boolean => /^\/app\/installations\/\d+\/access_tokens/.test(path);

function rowsOf(file: string): Output[] {
  if (!existsSync(file)) return [];
  const db = new DatabaseSync(file, { readOnly: true });
  try {
    const tables = db.prepare("SELECT name FROM sqlite_master WHERE type = 'table'").all() as { name: string }[];
    return tables.flatMap(({ name }) =>
      db
        .prepare(`SELECT * FROM "${name}"`)
        .all()
        .map((row) => ({ where: `${file.split("/").at(-1)} ${name}`, text: JSON.stringify(row) })),
    );
  } finally {
    db.close();
  }
}

/** Each place at which a value stands, in any of the forms in which it could travel. The value itself is not repeated. */
export function leaksOf(planted: readonly Planted[], outputs: readonly Output[]): string[] {
  const forms = planted.flatMap(({ name, value }) => formsOf(value).map((form) => ({ name, form })));
  const found = outputs.flatMap(({ where, text }) =>
    forms.filter(({ form }) => text.includes(form)).map(({ name }) => `the secret ${name} stands in ${where}`),
  );
  return [...new Set(found)];
}

function formsOf(value: string): string[] {
  // Of a key in PEM, each line that is not the same in every key.
  if (value.includes("-----BEGIN"))
    return value.split("\n").filter((line) => line.length > 40 && !line.includes("---"));
  const base64 = Buffer.from(value).toString("base64");
  // Within a longer base64 text the last characters depend on what follows.
  return [value, encodeURIComponent(value), base64.replace(/.{0,2}=*$/, "")];
}
