import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

export interface Stub {
  readonly url: string;
  /** `METHOD target`, the request line as it came over the wire: undecoded. */
  readonly asked: string[];
  readonly headers: IncomingMessage["headers"][];
  close(): Promise<void>;
}

/** Answers as told, on a free port of this machine. */
export async function serve(answer: (request: IncomingMessage, response: ServerResponse) => void): Promise<Stub> {
  const asked: string[] = [];
  const headers: IncomingMessage["headers"][] = [];
  const server = createServer((request, response) => {
    asked.push(`${request.method} ${request.url}`);
    headers.push(request.headers);
    answer(request, response);
  });
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked,
    headers,
    async close() {
      server.closeAllConnections();
      await new Promise((closed) => server.close(closed));
    },
  };
}
