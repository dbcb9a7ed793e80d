import type { GitHubAddresses } from "../installation/github-addresses.ts";
import { secretIds, type Stack } from "../installation/stack.ts";
import { APP_PERMISSIONS, EVENTS } from "./manifest.ts";
import type { Stored } from "./stored.ts";

export interface Plan {
  readonly stack: Stack;
  readonly github: GitHubAddresses;
  readonly hook: string;
  readonly app:
    | { readonly kind: "create"; readonly owner: string; readonly public: boolean }
    | { readonly kind: "existing"; readonly id: number };
  readonly stored: Stored;
}

/** What setup is about to do, for whoever has to say yes to it. */
export function planText({ stack, github, hook, app, stored }: Plan): string {
  const ids = secretIds(stack);
  const rows: [string, string][] = [
    app.kind === "create"
      ? ["create", `on ${github.html} for ${app.owner}, installable by ${app.public ? "anybody" : "its owner alone"}`]
      : ["use", `the App ${app.id} on ${github.html}; its webhook's address and secret are set anew`],
    ["webhook", hook],
    ...(app.kind === "create" ? wanted() : []),
    ["stored in", `${nameOf(ids.app)} and ${nameOf(ids.webhook)} of Secrets Manager`],
    ...(stored.kind === "none" ? [] : [["replaces", `the App ${stored.appId}, whose key is overwritten`] as const]),
  ].map(([name = "", text = ""]) => [name, text]);
  const lines = rows.map(([name, text]) => `  ${name.padEnd(12)} ${text}`);
  return [`GitHub App for the stack ${stack.name} (${stack.account}, ${stack.region})`, "", ...lines, ""].join("\n");
}

/** An ARN ends in six characters of AWS' own: `…:secret:proa/app-a1B2c3`. */
const nameOf = (id: string): string => id.replace(/^arn:.*:secret:/, "").replace(/(?<=\/\w+)-\w{6}$/, "");

/** Three a line, so that they are read. */
function wanted(): [string, string][] {
  const permissions = Object.entries(APP_PERMISSIONS).map(([name, level]) => `${name}: ${level}`);
  return [...columns("permissions", permissions), ...columns("events", EVENTS)];
}

function columns(title: string, items: readonly string[]): [string, string][] {
  const rows = Math.ceil(items.length / 3);
  return Array.from({ length: rows }, (_, row) => [
    row === 0 ? title : "",
    items.slice(row * 3, row * 3 + 3).join(", "),
  ]);
}
