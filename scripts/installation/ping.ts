import { createHmac, randomUUID } from "node:crypto";

/**
 * Sends the webhook the event that GitHub sends when a hook is made, signed with this secret. Proa answers 202 and does nothing more,
 * so this tells whether the function is up and takes the secret.
 */
export async function pingWebhook(url: string, secret: string): Promise<{ status: number; body: string }> {
  const response = await fetch(url, { method: "POST", ...signedPing(secret), signal: AbortSignal.timeout(15_000) });
  return { status: response.status, body: (await response.text()).slice(0, 300) };
}

/** @param secret "": signed with what nobody knows */
export function signedPing(secret: string): { readonly headers: Record<string, string>; readonly body: string } {
  const body = JSON.stringify({ zen: "Is this the secret?", hook_id: 1 });
  const key = secret === "" ? randomUUID() : secret;
  return {
    body,
    headers: {
      "content-type": "application/json",
      "x-github-event": "ping",
      "x-github-delivery": randomUUID(),
      "x-hub-signature-256": `sha256=${createHmac("sha256", key).update(body).digest("hex")}`,
    },
  };
}
