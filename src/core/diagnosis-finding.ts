/** One thing that is wrong, in the words of a person who has to mend it. */
export interface Finding {
  /** Ends the headline: `ImagePullBackOff on sha256:4f2c6aa…`. */
  readonly headline: string;
  /** `unrecoverable` and `unready` lines stand under a heading of their own and are about one container. */
  readonly section: "unrecoverable" | "unready" | "other";
  readonly line: string;
  readonly remedy: string;
  readonly fault: "application" | "infrastructure";
}

/** `sha256:4f2c6aa…` of `registry.example/acme/shop-web@sha256:4f2c6aa9…`; a tag as it stands. */
export function shortImage(image: string): string {
  const digest = /@(sha256:[0-9a-f]{7})[0-9a-f]+$/.exec(image)?.[1];
  return digest === undefined ? image : `${digest}…`;
}
