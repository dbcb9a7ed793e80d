import { styleText } from "node:util";
import { exists, type Scope } from "./evaluate.ts";
import { count, wrap } from "./text.ts";

/** What a first deploy makes: told from the template, because nothing is touched before somebody agrees. */
export function planFirst(
  stack: string,
  scope: Scope,
  { bucket, takenOver }: { readonly bucket: string | null; readonly takenOver: readonly string[] },
): string {
  const made = Object.values(scope.template.resources).filter(({ Condition }) => exists(Condition, scope));
  const kinds = KINDS.map(([type, one, many]) => [made.filter(({ Type }) => Type === type).length, one, many] as const);
  const named = kinds.filter(([n]) => n > 0).map(([n, one, many]) => count(n, one, many));
  const others = made.length - kinds.reduce((sum, [n]) => sum + n, 0);
  const everything = [...named, ...(others > 0 ? [count(others, "other")] : [])].join(", ");
  const add = (text: string): string => `  ${styleText("green", "+")} ${wrap(text, 4).trimStart()}`;
  return [
    ...(bucket === null ? [add(`stack ${stack}-artifacts: a bucket for the bundles`)] : []),
    add(`stack ${stack}: ${everything}`),
    ...takenOver.map(
      (what) => `  ${styleText("cyan", "=")} ${wrap(`taken over from an earlier install: ${what}`, 4).trimStart()}`,
    ),
  ].join("\n");
}

const KINDS: readonly (readonly [string, string, string?])[] = [
  ["AWS::Lambda::Function", "function"],
  ["AWS::SQS::Queue", "queue"],
  ["AWS::DynamoDB::Table", "table"],
  ["AWS::SecretsManager::Secret", "secret"],
  ["AWS::IAM::Role", "role"],
  ["AWS::Logs::LogGroup", "log group"],
  ["AWS::Scheduler::Schedule", "schedule"],
  ["AWS::Events::Rule", "rule"],
  ["AWS::CloudWatch::Alarm", "alarm"],
  ["AWS::CloudWatch::Dashboard", "dashboard"],
];
