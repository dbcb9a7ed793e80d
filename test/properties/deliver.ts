import { createHmac, randomUUID } from "node:crypto";
import type { Journey } from "../journeys/harness.ts";

/** Signs with the webhook's secret and delivers, as GitHub would or as whoever has stolen the secret can; answers the status. */
export async function deliverSigned(
  { world }: Journey,
  {
    event,
    guid = randomUUID(),
    payload,
  }: { readonly event: string; readonly guid?: string; readonly payload: unknown },
): Promise<number> {
  const body = JSON.stringify(payload);
  const signature = createHmac("sha256", world.secrets.webhookSecret).update(body).digest("hex");
  const headers = {
    "content-type": "application/json",
    "x-github-event": event,
    "x-github-delivery": guid,
    "x-hub-signature-256": `sha256=${signature}`,
  };
  const response = await fetch(`${world.url}/webhook`, { method: "POST", headers, body });
  await response.arrayBuffer();
  return response.status;
}
