import type { Queue } from "../../src/adapters/queue.ts";
import { targetId } from "../../src/core/names.ts";
import type { Chronicle } from "./chronicle.ts";
import type { Weather } from "./faults.ts";
import type { Delivery } from "./github.ts";
import { type Kernel, lot, textHash } from "./kernel.ts";
import type { Sync } from "./sim.ts";

interface Way {
  readonly kernel: Kernel;
  readonly chronicle: Chronicle;
  readonly seed: number;
}

const MINUTE = 60_000;

/** GitHub's webhooks on their way: in any order within a second or two, and in bad weather late, twice, or never. */
export function carried(
  { id, guid, event, payload }: Delivery,
  {
    kernel,
    chronicle,
    seed,
    weather,
    answered,
  }: Way & { weather: Weather; answered: (id: string, ok: boolean) => void },
  send: () => void,
): void {
  const thing = textHash(`delivery ${id}`);
  const usual = 100 + 1_500 * lot(seed, thing, 0) ** 2;
  const action = typeof payload["action"] === "string" ? `.${payload["action"]}` : "";
  const happens = (kind: string): boolean =>
    chronicle.happens({
      id: `delivery ${guid}/${id}`,
      at: kernel.now(),
      kind,
      text: `${kind}: ${event}${action} (${guid.slice(-6)})`,
    });
  const odd = lot(seed, thing, 1) < weather.deliveries;
  const way = lot(seed, thing, 2);
  if (odd && way < 0.35 && happens("delivered late"))
    return kernel.at(usual + lot(seed, thing, 3) * 8 * MINUTE, event, send);
  if (odd && way >= 0.35 && way < 0.6 && happens("delivered twice"))
    kernel.at(usual + lot(seed, thing, 3) * 8 * MINUTE, event, send);
  else if (odd && way >= 0.6 && way < 0.85 && happens("delivery failed"))
    return kernel.at(usual, event, () => answered(id, false));
  else if (odd && way >= 0.85 && happens("delivery lost")) return answered(id, true);
  kernel.at(usual, event, send);
}

/** The ordinary queue in bad weather: a delayed message comes late, twice, or is lost. */
export function sent(
  queue: Sync<Queue>,
  { kernel, chronicle, seed, weather }: Way & { weather: () => Weather },
): Sync<Queue> {
  const counts = new Map<string, number>();
  function odd(about: string, put: (delayMs: number) => void, delayMs: number): void {
    const n = (counts.get(about) ?? 0) + 1;
    counts.set(about, n);
    const id = `${about}#${n}`;
    const thing = textHash(id);
    if (lot(seed, thing, 0) >= weather().ticks) return put(delayMs);
    const happens = (kind: string): boolean =>
      chronicle.happens({ id, at: kernel.now(), kind, text: `${kind}: the wake-up of ${about}` });
    const way = lot(seed, thing, 1);
    if (way < 0.4 && happens("tick lost")) return;
    if (way >= 0.4 && way < 0.7 && happens("tick late"))
      return put(delayMs + Math.round(lot(seed, thing, 2) * 5 * MINUTE));
    if (way >= 0.7 && happens("tick twice")) put(delayMs + Math.round(lot(seed, thing, 2) * MINUTE));
    put(delayMs);
  }
  return {
    send: (message, group, dedupId) => queue.send(message, group, dedupId),
    tick: (target, n, delayMs) => odd(`tick ${targetId(target)}`, (ms) => queue.tick(target, n, ms), delayMs),
    report: (installation, delayMs) => odd(`report ${installation}`, (ms) => queue.report(installation, ms), delayMs),
  };
}
