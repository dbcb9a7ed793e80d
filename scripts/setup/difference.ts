import type { AppView } from "../installation/github-app.ts";
import { APP_PERMISSIONS, EVENTS } from "./manifest.ts";

/** What an App lacks of what Proa uses, and holds beyond it. Permissions as `checks: write`. */
export interface Difference {
  readonly missingPermissions: readonly string[];
  readonly extraPermissions: readonly string[];
  readonly missingEvents: readonly string[];
}

/** @param granted of the App itself, or what one installation has accepted */
export function missingPermissions(granted: Readonly<Record<string, string>>): string[] {
  return Object.entries(APP_PERMISSIONS).flatMap(([name, level]) =>
    granted[name] === level || granted[name] === "write" || granted[name] === "admin" ? [] : [`${name}: ${level}`],
  );
}

export function difference({ permissions, events }: Pick<AppView, "permissions" | "events">): Difference {
  const wanted: Readonly<Record<string, string>> = APP_PERMISSIONS;
  return {
    missingPermissions: missingPermissions(permissions),
    extraPermissions: Object.entries(permissions)
      .filter(([name, level]) => wanted[name] === undefined || (wanted[name] === "read" && level !== "read"))
      .map(([name, level]) => `${name}: ${level}`)
      .sort(),
    missingEvents: EVENTS.filter((event) => !events.includes(event)),
  };
}
