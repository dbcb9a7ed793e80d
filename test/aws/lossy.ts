import { once } from "node:events";
import { createServer, request } from "node:http";
import type { AddressInfo } from "node:net";

/** Between a client and an AWS of its own, losing answers: the request has arrived and had its effect, and nobody says so. */
export async function startLossy(target: string): Promise<Lossy> {
  const { hostname, port, host } = new URL(target);
  let lost: (operation: string) => boolean = () => false;
  const operations: string[] = [];
  const server = createServer((req, res) => {
    const operation = String(req.headers["x-amz-target"]).replace(/^.*\./, "");
    operations.push(operation);
    // Their own address stays in the signature.
    const forward = request({ hostname, port, path: req.url, method: req.method, headers: { ...req.headers, host } });
    req.pipe(forward);
    forward.once("error", () => res.destroy());
    forward.once("response", (answer) => {
      if (lost(operation)) {
        answer.resume();
        answer.once("end", () => req.socket.destroy());
        return;
      }
      res.writeHead(answer.statusCode ?? 500, answer.headers);
      answer.pipe(res);
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    operations,
    lose(count) {
      let left = count;
      lost = () => left-- > 0;
    },
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}

export interface Lossy {
  readonly url: string;
  /** What was asked, in order. */
  readonly operations: readonly string[];
  /** The answers to the next so many requests. */
  lose(count: number): void;
  close(): Promise<void>;
}
