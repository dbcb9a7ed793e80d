import { CloudWatchLogsClient, FilterLogEventsCommand } from "@aws-sdk/client-cloudwatch-logs";
import { FUNCTIONS } from "../infra/iam-used.ts";
import { type AwsEnvironment, clientOptions } from "./ministack.ts";

export interface FunctionsLog {
  /** Hands on what the functions have said since the last time. */
  collect(): Promise<void>;
}

interface Invocation {
  readonly stream: string;
  readonly at: number;
  readonly lines: readonly string[];
}

/** What the functions of a stack write, each line once, as CloudWatch keeps it: in MiniStack each invocation is a stream, written at its end. */
export function followFunctions(env: AwsEnvironment, stack: string, write: (line: string) => void): FunctionsLog {
  const logs = new CloudWatchLogsClient(clientOptions(env));
  const seen = new Set<string>();
  let since = 0;
  let collecting: Promise<void> | null = null;

  async function collect(): Promise<void> {
    const found = await Promise.all(FUNCTIONS.map((name) => invocationsOf(`/aws/lambda/${stack}-${name}`)));
    const fresh = found.flat().filter(({ stream }) => !seen.has(stream));
    for (const { stream, at, lines } of fresh.toSorted((a, b) => a.at - b.at)) {
      seen.add(stream);
      since = Math.max(since, at - LATE_MS);
      for (const line of lines) if (!PLATFORM.test(line)) write(line);
    }
  }

  async function invocationsOf(logGroupName: string): Promise<Invocation[]> {
    const command = new FilterLogEventsCommand({ logGroupName, startTime: since });
    const { events = [] } = await logs.send(command);
    const streams = Map.groupBy(events, ({ logStreamName = "" }) => logStreamName);
    return [...streams].map(([stream, lines]) => ({
      stream,
      at: lines[0]?.timestamp ?? 0,
      lines: lines.map(({ message = "" }) => message),
    }));
  }

  return {
    collect() {
      collecting ??= collect().finally(() => (collecting = null));
      return collecting;
    },
  };
}

/** What is written at the same time may be found in another order. */
const LATE_MS = 10_000;
const PLATFORM = /^(START|END|REPORT) RequestId: /;
