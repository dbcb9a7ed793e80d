import { createAppAuth } from "@octokit/auth-app";
import { Octokit } from "@octokit/rest";
import { APP_ID, type World } from "../world.ts";

/** GitHub as the board's two callers see it: the maintainer in front of the page, and the App, whose webhooks only it can list. */
export interface BoardGitHub {
  readonly person: Octokit;
  readonly app: Octokit;
  readonly shop: { readonly owner: string; readonly repo: string };
  /** Changes whenever what GitHub shows may have changed; also forgets what was read before. */
  readonly mark: () => Promise<string>;
  readonly forget: () => void;
  /** One read of GitHub, kept until something changes. */
  readonly read: <T>(key: string, call: () => Promise<{ data: T }>) => Promise<T>;
}

/** A webhook that was lost or never sent is made up for this soon. */
const BELIEVED_MS = 15_000;

export function createBoardGitHub({ url, secrets, clock, repo }: World): BoardGitHub {
  const silent = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };
  const baseUrl = `${url}/api/v3`;
  const person = new Octokit({ baseUrl, auth: secrets.token, log: silent });
  const app = new Octokit({
    baseUrl,
    log: silent,
    authStrategy: createAppAuth,
    auth: { appId: APP_ID, privateKey: secrets.appKey },
  });
  const kept = new Map<string, Promise<unknown>>();
  let marked = "";

  return {
    person,
    app,
    shop: { owner: repo.owner, repo: repo.name },
    // Every change on GitHub sends a webhook, so one list of one line tells whether to read anything again.
    async mark() {
      const { data } = await app.apps.listWebhookDeliveries({ per_page: 1 });
      const mark = `${data[0]?.id ?? 0}/${Math.floor(clock.nowMs() / BELIEVED_MS)}`;
      if (mark !== marked) kept.clear();
      marked = mark;
      return mark;
    },
    forget: () => kept.clear(),
    read<T>(key: string, call: () => Promise<{ data: T }>) {
      const known = kept.get(key) as Promise<T> | undefined; // written below under the same key
      if (known !== undefined) return known;
      const reading = call().then(({ data }) => data);
      kept.set(key, reading);
      // What failed is asked again next time.
      reading.catch(() => kept.delete(key));
      return reading;
    },
  };
}
