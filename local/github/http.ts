import { createHash } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import { createGunzip } from "node:zlib";

export type Json = Record<string, unknown>;

export interface Answer {
  readonly status: number;
  /** An object or list is sent as JSON, a Buffer as it is, `undefined` as no body. */
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

export const ok = (body: unknown): Answer => ({ status: 200, body });
export const created = (body: unknown): Answer => ({ status: 201, body });
export const noContent: Answer = { status: 204 };

/** An answer that ends the request from wherever it is noticed, as GitHub words it. */
export class Refusal extends Error {
  readonly answer: Answer;
  constructor(status: number, message: string, more: { body?: Json; headers?: Record<string, string> } = {}) {
    super(message);
    const body = { message, documentation_url: "https://docs.github.com/rest", status: String(status), ...more.body };
    this.answer = { status, body, headers: more.headers ?? {} };
  }
}

export const notFound = (message = "Not Found"): Refusal => new Refusal(404, message);
export const unprocessable = (message: string): Refusal => new Refusal(422, message);
export const invalid = (resource: string, field: string, code: string, message?: string): Refusal =>
  new Refusal(422, "Validation Failed", {
    body: { errors: [{ resource, field, code, ...(message === undefined ? {} : { message }) }] },
  });

/** The parsed body of a request: fields are read by the type they must have. */
export class Fields {
  readonly all: Json;
  constructor(all: Json) {
    this.all = all;
  }
  has(name: string): boolean {
    return this.all[name] !== undefined;
  }
  text(name: string): string | null {
    return this.read(name, "string") as string | null;
  }
  flag(name: string): boolean | null {
    return this.read(name, "boolean") as boolean | null;
  }
  required(name: string): string {
    const value = this.text(name);
    if (value === null || value === "") throw unprocessable(`Invalid request.\n\n"${name}" wasn't supplied.`);
    return value;
  }
  oneOf<T extends string>(name: string, allowed: readonly T[]): T | null {
    const value = this.text(name);
    if (value !== null && !allowed.includes(value as T))
      throw unprocessable(`Invalid request.\n\n${value} is not one of ${allowed.join(", ")}.`);
    return value as T | null;
  }
  texts(name: string): string[] | null {
    const value = this.all[name];
    return Array.isArray(value) ? value.map(String) : null;
  }
  records(name: string): Json[] {
    const value = this.all[name];
    return Array.isArray(value) ? value.map((item) => asRecord(item)) : [];
  }
  within(name: string): Fields | null {
    const value = this.all[name];
    return value === undefined || value === null ? null : new Fields(asRecord(value));
  }
  private read(name: string, type: "string" | "boolean"): unknown {
    const value = this.all[name] ?? null;
    if (value !== null && typeof value !== type)
      throw unprocessable(`Invalid request.\n\nFor '${name}', ${JSON.stringify(value)} is not a ${type}.`);
    return value;
  }
}

export function asRecord(value: unknown): Json {
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw unprocessable("Invalid request.\n\nAn object was expected.");
  return value as Json;
}

export async function readBody(req: IncomingMessage): Promise<Buffer> {
  const stream = req.headers["content-encoding"] === "gzip" ? req.pipe(createGunzip()) : req;
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

/** What every answer of GitHub carries besides its body. */
export interface Envelope {
  readonly ifNoneMatch: string | undefined;
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** Sends the answer; a body the client already has goes as a 304. Returns the status that was sent. */
export function send(res: ServerResponse, answer: Answer, envelope: Envelope): number {
  const { body } = answer;
  const bytes = body === undefined ? Buffer.alloc(0) : Buffer.isBuffer(body) ? body : Buffer.from(JSON.stringify(body));
  const etag = `W/"${createHash("sha256").update(bytes).digest("hex")}"`;
  const cacheable = envelope.method === "GET" && answer.status === 200;
  const status = cacheable && sameTag(envelope.ifNoneMatch, etag) ? 304 : answer.status;
  res.writeHead(status, {
    ...envelope.headers,
    ...(cacheable ? { etag, "cache-control": "private, max-age=60, s-maxage=60" } : {}),
    ...(body === undefined || status === 304 ? {} : { "content-type": "application/json; charset=utf-8" }),
    ...answer.headers,
    ...(status === 304 || status === 204 ? {} : { "content-length": String(bytes.length) }),
  });
  res.end(status === 304 || envelope.method === "HEAD" ? undefined : bytes);
  return status;
}

/** If-None-Match compares weakly (RFC 9110, 13.1.2). */
const sameTag = (theirs: string | undefined, ours: string): boolean =>
  (theirs ?? "").replace(/^W\//, "") === ours.replace(/^W\//, "");

export interface PageOf {
  readonly url: string;
  readonly query: URLSearchParams;
}

/** One page of a list and the Link header that leads to the others. */
export function page<T>(items: readonly T[], { url, query }: PageOf): { items: T[]; headers: Record<string, string> } {
  const size = Math.min(Math.max(Number(query.get("per_page") ?? 30) || 30, 1), 100);
  const number = Math.max(Number(query.get("page") ?? 1) || 1, 1);
  const last = Math.max(Math.ceil(items.length / size), 1);
  const link = (n: number, rel: string): string => {
    const to = new URLSearchParams(query);
    to.set("page", String(n));
    return `<${url}?${to.toString()}>; rel="${rel}"`;
  };
  const links = [
    ...(number > 1 ? [link(number - 1, "prev"), link(1, "first")] : []),
    ...(number < last ? [link(number + 1, "next"), link(last, "last")] : []),
  ];
  return {
    items: items.slice((number - 1) * size, number * size),
    headers: links.length === 0 ? {} : { link: links.join(", ") },
  };
}
