import { isPlainUrl } from "../../src/settings-read.ts";
import { Stop } from "./stop.ts";

/** Where people, and where programs, find a GitHub. */
export interface GitHubAddresses {
  readonly html: string;
  readonly api: string;
}

/** The other way round: what the stack was told is the API's address. */
export function addressesOfApi(api: string): GitHubAddresses {
  const { origin, protocol, host } = new URL(api);
  return { html: host.startsWith("api.") ? `${protocol}//${host.slice("api.".length)}` : origin, api };
}

/** github.com has its API under a name of its own, GitHub Enterprise Server below a path, and *.ghe.com under `api.`. */
export function addressesOf(url: string): GitHubAddresses {
  if (!isPlainUrl(url)) throw new Stop(`"${url}" is not the address of a GitHub: write https://github.com`);
  const { origin, protocol, host } = new URL(url);
  if (host === "github.com" || host.endsWith(".ghe.com")) return { html: origin, api: `${protocol}//api.${host}` };
  return { html: origin, api: `${origin}/api/v3` };
}
