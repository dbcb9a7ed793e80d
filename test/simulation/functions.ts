import type { QueuedMessage, QueueName } from "../../src/adapters/queue-sqlite.ts";
import { Conflict } from "../../src/record.ts";
import { OutsideError } from "../../src/core/problem.ts";
import type { Calls, Worker } from "./calls.ts";
import { type Chronicle, clockTime } from "./chronicle.ts";
import { OwnFailure } from "./faults.ts";
import type { Kernel } from "./kernel.ts";
import type { QueueModel } from "./queue.ts";

/** One function's code with everything it may touch, as one process holds it. */
export type Handler = (body: unknown) => Promise<unknown>;

export interface Functions {
  /** Invocations so far, by queue. */
  readonly invocations: Readonly<Record<QueueName, number>>;
  /** Errors that no fault explains: bugs. */
  readonly bugs: readonly { readonly at: number; readonly lane: string; readonly error: unknown }[];
  /** Runs something once, in a process of its own: a webhook, a sweep. `ended`: how; never called when the process died. */
  once(lane: string, build: (worker: Worker) => Handler, body: unknown, ended: (result: Ended) => void): void;
}

export type Ended =
  | { readonly kind: "done"; readonly value: unknown }
  | { readonly kind: "failed"; readonly error: unknown };

const CONCURRENCY: Readonly<Record<QueueName, number>> = { deployer: 10, tick: 5, reporter: 2 };
const QUEUES = Object.keys(CONCURRENCY) as QueueName[];
const RETRY_MS = 5_000;
/** Between a message and the function that takes it. */
const PICK_UP_MS = 20;

/** What AWS does between queues and functions: so many processes a queue, one message each, and another process where one has died. */
export function runFunctions({
  kernel,
  chronicle,
  calls,
  queue,
  handlers,
}: {
  kernel: Kernel;
  chronicle: Chronicle;
  calls: Calls;
  queue: QueueModel;
  handlers: Readonly<Record<QueueName, (worker: Worker) => Handler>>;
}): Functions {
  const invocations: Record<QueueName, number> = { deployer: 0, tick: 0, reporter: 0 };
  const bugs: { at: number; lane: string; error: unknown }[] = [];
  const running: Record<QueueName, number> = { deployer: 0, tick: 0, reporter: 0 };
  const idle: Record<QueueName, { worker: Worker; handler: Handler }[]> = { deployer: [], tick: [], reporter: [] };
  const polls: Record<QueueName, number> = { deployer: Infinity, tick: Infinity, reporter: Infinity };
  let born = 0;

  /** Looks at the queue at that moment, unless it is looked at earlier anyway: every look plans the next. */
  function poll(name: QueueName, at: number): void {
    if (at >= polls[name]) return;
    polls[name] = at;
    kernel.at(at - kernel.now(), `poll ${name}`, () => {
      if (polls[name] !== at) return;
      polls[name] = Infinity;
      for (const message of queue.receive(name, CONCURRENCY[name] - running[name])) invoke(name, message);
      const next = running[name] < CONCURRENCY[name] ? queue.nextVisibleAt(name) : null;
      if (next !== null) poll(name, Math.max(next, kernel.now() + PICK_UP_MS));
    });
  }

  function fresh(name: string, died: () => void): Worker {
    return { name: `${name} ${++born}`, lane: calls.lane(name), alive: true, died };
  }

  function start(name: QueueName): { worker: Worker; handler: Handler } {
    const known = idle[name].pop();
    if (known !== undefined) return known;
    const worker = fresh(name, () => {
      running[name]--;
      poll(name, kernel.now() + PICK_UP_MS);
    });
    return { worker, handler: handlers[name](worker) };
  }

  function invoke(name: QueueName, message: QueuedMessage): void {
    running[name]++;
    invocations[name]++;
    const process = start(name);
    const { worker } = process;
    worker.lane = calls.lane(name === "tick" ? "ticks" : message.group);
    chronicle.note(`${clockTime(kernel.now())} ${worker.lane.name} begins, receive ${message.receives}`);
    const finish = (settle: () => void): void => {
      if (!worker.alive) return;
      settle();
      chronicle.note(`${clockTime(kernel.now())} ${worker.lane.name} ends`);
      running[name]--;
      idle[name].push(process);
      poll(name, kernel.now() + PICK_UP_MS);
    };
    process.handler(JSON.parse(message.body)).then(
      () => finish(() => queue.delete(message.receipt)),
      (error: unknown) =>
        finish(() => {
          blame(worker, error);
          queue.release(message.receipt, RETRY_MS);
        }),
    );
  }

  /** The table and the queue may fail, and so may a race that was lost too often; whatever else a function throws is a bug of its own. */
  function blame(worker: Worker, error: unknown): void {
    const expected = error instanceof OwnFailure || error instanceof Conflict || error instanceof OutsideError;
    chronicle.note(`${clockTime(kernel.now())} ${worker.lane.name} threw ${String(error)}`);
    if (!expected) bugs.push({ at: kernel.now(), lane: worker.lane.name, error });
  }

  queue.onSend((name) => poll(name, kernel.now() + PICK_UP_MS));
  for (const name of QUEUES) poll(name, kernel.now());
  return {
    invocations,
    bugs,
    once(lane, build, body, ended) {
      const worker = fresh(lane, () => undefined);
      build(worker)(body).then(
        (value) => ended({ kind: "done", value }),
        (error: unknown) => {
          blame(worker, error);
          ended({ kind: "failed", error });
        },
      );
    },
  };
}
