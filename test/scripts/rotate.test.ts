import { generateKeyPairSync } from "node:crypto";
import { describe, expect, test } from "vitest";
import { keyFingerprint } from "../../scripts/rotate/app-key.ts";
import { type Rotation, rotateWebhookSecret, standing } from "../../scripts/rotate/webhook-secret.ts";
import type { AppAdmin, AttemptView } from "../../scripts/installation/github-app.ts";
import { SOONEST_MS } from "../../src/settings-secret.ts";

const HOOK = "https://hook.example/";

/**
 * GitHub that delivers all the time, and one warm function that reads the secret again as `src/settings-secret.ts` does. Whatever is
 * refused is listed.
 */
function world() {
  let now = 1_000_000;
  let stored = "old-secret-0123456789";
  let github = "old-secret-0123456789";
  let held = { secrets: [stored], at: now };
  const refused: string[] = [];
  const said: string[] = [];
  const attempts: AttemptView[] = [];
  let calls = 0;
  let dieAt = Infinity;

  const takes = (secret: string): boolean => {
    if (held.secrets.includes(secret)) return true;
    if (now - held.at >= SOONEST_MS) held = { secrets: stored.split(","), at: now };
    return held.secrets.includes(secret);
  };
  const deliver = (guid: string): void => {
    const ok = takes(github);
    if (!ok) refused.push(guid);
    attempts.push({
      id: `${attempts.length}`,
      guid,
      deliveredAt: now,
      ok,
      event: "push",
      redelivery: false,
      status: ok ? 202 : 401,
    });
  };
  /** Each call of the outside may be the one that this process dies in: before it took effect, or after. */
  const step = <T>(effect: () => T): T => {
    deliver(`between-${calls}`);
    if (calls++ === dieAt) throw new Error("killed before");
    const result = effect();
    if (calls++ === dieAt) throw new Error("killed after");
    return result;
  };
  const rotation: Rotation = {
    secretId: "proa/webhook",
    secrets: {
      read: async () => step(() => ({ PROA_WEBHOOK_SECRETS: stored, PROA_OTHER: "kept" })),
      merge: async (_, changes) => step(() => void (stored = String(changes["PROA_WEBHOOK_SECRETS"]))),
    },
    admin: {
      setHookConfig: async ({ secret }: { secret?: { reveal(): string } }) =>
        step(() => void (github = secret?.reveal() ?? github)),
      deliveries: async () => step(() => attempts),
      redeliver: async (id: string) => step(() => deliver(attempts[Number(id)]?.guid ?? "")),
    } as unknown as AppAdmin, // the part of it that a rotation calls
    hookUrl: HOOK,
    ping: async (secret) => step(() => (takes(secret) ? 202 : 401)),
    wait: async (ms) => {
      for (const until = now + ms; now < until; now += 5_000) deliver(`at-${now}`);
    },
    now: () => now,
    say: (line) => void said.push(line),
  };
  return {
    rotation,
    refused,
    said,
    stored: () => stored,
    github: () => github,
    attempts,
    calls: () => calls,
    dieAt: (call: number) => (dieAt = call),
  };
}

describe("a rotation of the webhook's secret", () => {
  test("loses no delivery, and ends with one secret that GitHub signs with", async () => {
    const { rotation, refused, stored, github } = world();
    await rotateWebhookSecret(rotation);
    expect(refused).toEqual([]);
    expect(stored()).toMatch(/^[0-9a-f]{64}$/);
    expect(github()).toBe(stored());
  });

  test("cut off at any call and run again, it loses none either and goes on where it was", async () => {
    const whole = world();
    await rotateWebhookSecret(whole.rotation);
    for (let call = 0; call < whole.calls(); call++) {
      const { rotation, refused, stored, github, dieAt } = world();
      dieAt(call);
      await expect(rotateWebhookSecret(rotation)).rejects.toThrow("killed");
      dieAt(Infinity);
      await rotateWebhookSecret(rotation);
      expect({ call, refused, settled: github() === stored() }).toEqual({ call, refused: [], settled: true });
    }
  });

  test("what failed meanwhile is asked for again before the old secret goes", async () => {
    const { rotation, attempts, said } = world();
    attempts.push({
      id: "0",
      guid: "lost",
      deliveredAt: 1_000_000,
      ok: false,
      event: "push",
      redelivery: false,
      status: 500,
    });
    await rotateWebhookSecret(rotation);
    expect(said).toContain("Asked for the delivery 0 again.");
    expect(attempts.some(({ guid, ok }) => guid === "lost" && ok)).toBe(true);
  });

  test("a webhook that does not take the new secret keeps the old one, and GitHub too", async () => {
    const { rotation, stored, github } = world();
    await expect(rotateWebhookSecret({ ...rotation, ping: async () => 500 })).rejects.toThrow(
      "the webhook does not take the new secret (it answers 500)",
    );
    expect(github()).toBe("old-secret-0123456789");
    expect(stored()).toContain("old-secret-0123456789");
  });
});

test("where a rotation stands is what is stored", () => {
  expect(standing("one-secret")).toEqual({ kind: "settled", current: "one-secret" });
  expect(standing("new, old")).toEqual({ kind: "under way", next: "new", former: ["old"] });
  expect(() => standing(null)).toThrow("run npm run proa -- setup");
});

test("a key is named as GitHub's page names it", () => {
  const { privateKey, publicKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const pem = privateKey.export({ type: "pkcs1", format: "pem" }).toString();
  expect(keyFingerprint(pem)).toMatch(/^SHA256:[A-Za-z0-9+/]{43}=$/);
  expect(keyFingerprint(publicKey.export({ type: "spki", format: "pem" }).toString())).toBe(keyFingerprint(pem));
});
