/** One line of a bill. */
export interface Line {
  readonly what: string;
  readonly amount: number;
  readonly unit: string;
  /** US dollars for `per` units. */
  readonly price: number;
  readonly per: number;
}

/** Public list prices of us-east-1, without any free tier. */
const PRICES = {
  // https://aws.amazon.com/lambda/pricing (arm64)
  gbSeconds: { unit: "GB-seconds", price: 0.0000133334, per: 1 },
  invocations: { unit: "invocations", price: 0.2, per: 1_000_000 },
  // https://aws.amazon.com/sqs/pricing
  fifo: { unit: "requests", price: 0.5, per: 1_000_000 },
  standard: { unit: "requests", price: 0.4, per: 1_000_000 },
  // https://aws.amazon.com/dynamodb/pricing/on-demand
  writes: { unit: "write units", price: 0.625, per: 1_000_000 },
  reads: { unit: "read units", price: 0.125, per: 1_000_000 },
  stored: { unit: "GB a month, with point-in-time recovery", price: 0.45, per: 1 },
  // https://aws.amazon.com/cloudwatch/pricing
  logs: { unit: "GB", price: 0.5, per: 1 },
  alarms: { unit: "alarms", price: 0.1, per: 1 },
  // https://aws.amazon.com/secrets-manager/pricing
  secrets: { unit: "secrets", price: 0.4, per: 1 },
  secretReads: { unit: "reads", price: 0.05, per: 10_000 },
  // https://aws.amazon.com/kms/pricing: the key that AWS manages for DynamoDB, asked at most every five minutes by each role
  kms: { unit: "requests", price: 0.03, per: 10_000 },
} as const;

const line = (what: string, price: keyof typeof PRICES, amount: number): Line => ({ what, amount, ...PRICES[price] });

/** What one pull request sets in motion; `docs/cost.md` says where each figure comes from. */
const PULL_REQUEST = {
  deliveries: 160,
  deployer: 450,
  reporter: 60,
  tick: 350,
  /** Mean billed milliseconds, cold starts spread over all. */
  ms: { webhook: 30, deployer: 250, reporter: 800, tick: 30 },
  gb: { webhook: 0.5, deployer: 1, reporter: 0.5, tick: 0.5 },
  writeUnits: 3_700,
  readUnits: 3_400,
  /** Ours, and the three lines that Lambda writes about each invocation. */
  logBytes: 1_500,
  storedBytes: 60_000,
} as const;

/** A message is sent, received and deleted. */
const PER_MESSAGE = 3;
const SECONDS = 30 * 24 * 3_600;

/** A thousand pull requests, each with a preview, merged and taken to production. */
export function perThousandPullRequests(): Line[] {
  const { deliveries, deployer, reporter, tick, ms, gb, writeUnits, readUnits, logBytes, storedBytes } = PULL_REQUEST;
  const invocations = deliveries + deployer + reporter + tick;
  const gbSeconds =
    (deliveries * ms.webhook * gb.webhook +
      deployer * ms.deployer * gb.deployer +
      reporter * ms.reporter * gb.reporter +
      tick * ms.tick * gb.tick) /
    1_000;
  return [
    line("Lambda, time", "gbSeconds", 1_000 * gbSeconds),
    line("Lambda, invocations", "invocations", 1_000 * invocations),
    line("SQS, FIFO", "fifo", 1_000 * PER_MESSAGE * (deployer + reporter)),
    line("SQS, standard", "standard", 1_000 * PER_MESSAGE * tick),
    line("DynamoDB, written", "writes", 1_000 * writeUnits),
    line("DynamoDB, read", "reads", 1_000 * readUnits),
    line("DynamoDB, stored", "stored", (1_000 * storedBytes) / 1e9),
    line("CloudWatch Logs", "logs", (1_000 * invocations * logBytes) / 1e9),
  ];
}

/** A month in which nothing happens, with one installation of the App. */
export function perIdleMonth({ alarms, secrets }: { readonly alarms: number; readonly secrets: number }): Line[] {
  const minutes = SECONDS / 60;
  const sweeps = minutes + minutes / 10;
  // Lambda keeps five long polls of twenty seconds open at each queue. https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html
  const polls = (5 * SECONDS) / 20;
  return [
    line("Alarms", "alarms", alarms),
    line("Secrets", "secrets", secrets),
    line("Secrets, read every five minutes by sweeper and reporter", "secretReads", (2 * minutes) / 5),
    line("SQS, FIFO: two queues polled, a report a minute", "fifo", 2 * polls + PER_MESSAGE * minutes),
    line("SQS, standard: one queue polled", "standard", polls),
    line("Lambda, time: sweeps and reporter", "gbSeconds", minutes * 0.1 + (minutes / 10) * 3 + minutes * 0.05 * 0.5),
    line("Lambda, invocations", "invocations", sweeps + minutes),
    line("DynamoDB, read", "reads", minutes * 6),
    line("CloudWatch Logs", "logs", ((sweeps + minutes) * 700) / 1e9),
    line("KMS", "kms", (4 * minutes) / 5),
  ];
}

export const dollars = ({ amount, price, per }: Line): number => (amount / per) * price;

/** The lines as a table of Markdown, with their sum. */
export function bill(lines: readonly Line[]): string {
  const count = (amount: number): string => {
    const digits = amount < 10 ? 2 : 0;
    return amount.toLocaleString("en-US", { maximumFractionDigits: digits });
  };
  const rate = ({ price, per, unit }: Line): string =>
    per === 1 ? `$${price} each` : `$${price} per ${per.toLocaleString("en-US")} ${unit}`;
  const rows = lines.map(
    (each) => `| ${each.what} | ${count(each.amount)} ${each.unit} | ${rate(each)} | $${dollars(each).toFixed(2)} |`,
  );
  const sum = lines.reduce((total, each) => total + dollars(each), 0);
  return ["| | amount | price | |", "|---|---|---|---|", ...rows, `| **together** | | | **$${sum.toFixed(2)}** |`].join(
    "\n",
  );
}
