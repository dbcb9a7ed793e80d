import type { Agent } from "node:http";

/** Where an API server answers, and what proves that it is the one. Connections are kept per object: another one means new connections. */
export interface ApiServer {
  /** May have a path of its own, which then comes before every other. */
  readonly url: string;
  readonly tls: {
    readonly ca?: string | Buffer;
    readonly cert?: string | Buffer;
    readonly key?: string | Buffer;
    readonly servername?: string;
    readonly rejectUnauthorized?: false;
  };
  /** The way there, where it is not a plain connection: a proxy. */
  readonly agent?: Agent;
}

/** What one request needs. */
export interface Entry {
  readonly server: ApiServer;
  /** Who we are; empty where the client certificate says it. */
  readonly headers: Readonly<Record<string, string>>;
}

/** How one cluster is reached, and as whom. Two real ones: any cluster's kubeconfig, and EKS. */
export interface ClusterAccess {
  /** What is kept, while it is good; the server is the same object as before while nothing of it changed. Throws `OutsideError`. */
  enter(): Promise<Entry>;
  /** The API server answered 401 to this: the next `enter` brings credentials that are made or read anew. */
  renew(refused: Entry): void;
  /** Nobody could be spoken to at this address: the next `enter` may look for another. */
  lost(unreachable: Entry): void;
  /** What a person has to do about it, as a sentence; null: nothing beyond what the answer says. */
  advice(of: "unauthorized" | "unreachable"): string | null;
}
