const MAX_REDIRECTS = 3;

/** The part of `fetch` that Octokit uses: the global one fits, and so does `createNodeFetch`. */
export type Fetch = (url: string, init: FetchInit) => Promise<FetchReply>;

export interface FetchInit {
  readonly method?: string;
  readonly headers?: Record<string, string>;
  readonly body?: string;
  readonly redirect?: "manual";
  readonly signal?: AbortSignal;
}

export interface FetchReply {
  readonly url: string;
  readonly status: number;
  readonly statusText: string;
  readonly headers: Iterable<[string, string]> & { get(name: string): string | null | undefined };
  text(): Promise<string>;
  arrayBuffer(): Promise<ArrayBuffer>;
}

/**
 * `fetch` as GitHub's API wants it: with an end to waiting, and redirects followed with the same method and body. A renamed
 * repository answers 301 or 307 without having done anything; what browsers do then, turning a POST into a GET, would look like
 * success. The token never follows to another origin.
 * https://docs.github.com/rest/using-the-rest-api/best-practices-for-using-the-rest-api#follow-redirects
 */
export function boundedFetch(fetch: Fetch, timeoutMs: number): Fetch {
  return async (url, init) => {
    const bounded: FetchInit = { ...init, redirect: "manual", signal: AbortSignal.timeout(timeoutMs) };
    let response = await fetch(url, bounded);
    for (let hops = 0; isRedirect(response.status) && hops < MAX_REDIRECTS; hops++) {
      const next = new URL(response.headers.get("location") ?? "", url);
      if (next.origin !== new URL(url).origin) throw new Error(`redirected to another origin, ${next.origin}`);
      await response.text();
      response = await fetch(next.href, bounded);
    }
    return response;
  };
}

const isRedirect = (status: number): boolean => [301, 302, 307, 308].includes(status);
