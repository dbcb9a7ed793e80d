import { request, type IncomingMessage, type ServerResponse } from "node:http";
import { pipeline } from "node:stream/promises";

/** A request as it came, to another server under another name. */
export async function passOn(
  incoming: IncomingMessage,
  res: ServerResponse,
  { to, host }: { to: URL; host: string },
): Promise<void> {
  const { method, headers, url: path } = incoming;
  const { hostname, port } = to;
  const call = request({
    hostname,
    port,
    method,
    path: path?.replace(/^\/webhook/, "/"),
    headers: { ...headers, host },
  });
  const answered = new Promise<IncomingMessage>((resolve, reject) => call.on("response", resolve).on("error", reject));
  await pipeline(incoming, call);
  const answer = await answered;
  res.writeHead(answer.statusCode ?? 502, answer.headers);
  await pipeline(answer, res);
}
