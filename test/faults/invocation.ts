import type { SQSEvent } from "aws-lambda";
import type { Want } from "../../src/adapters/outbox.ts";
import type { KnownTarget } from "../../src/adapters/store.ts";
import type { TargetState } from "../../src/core/state.ts";
import { type Call, type Fault, nameOf, suffer } from "./fault.ts";

/** A place in Proa at which a call is made, the same in every run: which function, in which situation, which call. */
export type Site = string;

export interface Watcher {
  /** Called for every outside call before it is made; a fault is what becomes of it. */
  met(about: About, site: Site, call: Call): Fault | null;
}

/** Whose run of a function it is, as its message says. */
export interface About {
  readonly fn: string;
  readonly repoId: number | null;
  readonly installation: number | null;
  readonly image: string | null;
}

/** The process is gone; nothing of it goes on, and nobody hears of it but the queue. */
export class Died extends Error {
  override readonly name = "Died";
}

/**
 * One run of a function. Every outside call is named by its site; a fault hits it where the watcher says so. After a death no
 * answer arrives any more, so nothing of this run goes on: requests that were under way may still take effect, as on a real wire.
 */
export function runWatched<Fx extends object, T>(
  about: About,
  { fx, moment, watcher, underWay }: { fx: Fx; moment: string; watcher: Watcher; underWay: Set<Promise<unknown>> },
  run: (fx: Fx) => Promise<T>,
): Promise<T> {
  const death = Promise.withResolvers<never>();
  const counts = new Map<string, number>();
  let dead = false;
  let situation = moment;
  let wants: readonly Want[] = [];
  let want = -1;

  async function made(call: Call, make: () => Promise<unknown>): Promise<unknown> {
    if (dead) return forever();
    // The reporter asks what is due, and reads its budget once before each write.
    if (nameOf(call) === "outbox.due") situation = moment;
    if (nameOf(call) === "outbox.budget") situation = surfaceOf(wants[++want]);
    const name = `${about.fn} ${situation} ${nameOf(call)}`;
    const nth = (counts.get(name) ?? 0) + 1;
    counts.set(name, nth);
    const fault = watcher.met(about, nth === 1 ? name : `${name} (${nth})`, call);
    if (fault === "die before" || fault === "die after") {
      dead = true;
      if (fault === "die after") await make().catch(() => undefined);
      death.reject(new Died(name));
      return forever();
    }
    try {
      const answer = await (fault === null ? make() : suffer(call, fault, make));
      if (nameOf(call) === "outbox.due") [wants, want] = [answer as Want[], -1];
      if (nameOf(call) === "store.load" && nth === 1) situation = `${moment} ${phaseOf(answer as KnownTarget)}`;
      return dead ? forever() : answer;
    } catch (error) {
      if (dead) return forever();
      throw error;
    }
  }

  function watched<E extends object>(effect: string, of: E): E {
    return new Proxy(of, {
      get(target, key) {
        const member: unknown = Reflect.get(target, key);
        if (typeof member !== "function") return member;
        const call = { effect, method: String(key) };
        return (...args: unknown[]): unknown => {
          const apply = (): unknown => Reflect.apply(member, target, args);
          if (call.method === "installation") return watched("github", apply() as object);
          return made(call, () => {
            const work = Promise.resolve(apply());
            const over = (): boolean => underWay.delete(work);
            underWay.add(work);
            work.then(over, over);
            return work;
          });
        };
      },
    });
  }

  const effects = Object.entries(fx).map(([name, effect]: [string, unknown]) => {
    if (effect instanceof Map) return [name, new Map([...effect].map(([key, of]) => [key, watched("cluster", of)]))];
    return WATCHED.has(name) ? [name, watched(name === "github" ? "app" : name, effect as object)] : [name, effect];
  });
  return Promise.race([run(Object.fromEntries(effects) as Fx), death.promise]);
}

const WATCHED = new Set(["store", "queue", "outbox", "github", "registries"]);
const forever = (): Promise<never> => new Promise(() => {});

/** What the message is about, and in which situation the run begins. */
export function readEvent({ Records: [record] }: SQSEvent): { about: About; moment: string } {
  const body = JSON.parse(record?.body ?? "{}") as {
    readonly kind?: string;
    readonly target?: { readonly repoId: number } | null;
    readonly repoId?: number;
    readonly installation?: number;
    readonly repository?: string;
    readonly detail?: { readonly "repository-name"?: string };
    readonly command?: { readonly verb: string };
  };
  const about = {
    fn: record?.eventSourceARN.split(":").at(-1) ?? "",
    repoId: body.target?.repoId ?? body.repoId ?? null,
    installation: body.installation ?? null,
    image: body.repository ?? body.detail?.["repository-name"] ?? null,
  };
  return { about, moment: [body.kind ?? "image", body.command?.verb].filter((part) => part !== undefined).join(" ") };
}

/** Repeated looks at the same stage are one situation. */
function phaseOf({ state, commands }: KnownTarget): string {
  const pending = commands.length > 0 ? " with a command" : "";
  return state === null ? `nothing known${pending}` : `${stageOf(state)}${pending}`;
}

function stageOf({ target, phase, rollout, tombstone }: TargetState): string {
  const name = target.kind === "env" ? target.environment : "preview";
  const writing = rollout === null ? [] : [rollout.kind, rollout.step];
  return [name, phase, ...writing, ...(tombstone === null ? [] : ["tombstone"])].join("/");
}

/** The reporter treats every status as every other, whatever it is about. */
function surfaceOf(want: Want | undefined): string {
  if (want === undefined) return "nothing";
  const { surface } = want;
  switch (surface.kind) {
    case "status":
      return `status/${surface.body.state}`;
    case "deployment":
      return `deployment/${surface.status.state}`;
    case "check":
      return `check/${surface.body.conclusion ?? surface.body.status}`;
    case "comment":
    case "reaction":
      return surface.kind;
  }
}
