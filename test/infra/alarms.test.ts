import { globSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { describe, expect, test } from "vitest";
import { deployer, references, type Resource, resource, resources, root } from "./templates.ts";

const FOLDER = join(root, "docs", "runbooks");
const page = (name: string): string => readFileSync(join(FOLDER, `${name}.md`), "utf8");
const pages = globSync("*.md", { cwd: FOLDER })
  .map((file) => basename(file, ".md"))
  .filter((name) => name !== "README")
  .sort();

interface Alarm {
  readonly AlarmName: { readonly "Fn::Sub": string };
  readonly AlarmDescription: { readonly "Fn::Sub": string };
  readonly Namespace: unknown;
  readonly MetricName: string;
  readonly Dimensions?: readonly { readonly Name: string; readonly Value: unknown }[];
  readonly Statistic: string;
  readonly Period: number;
  readonly EvaluationPeriods: number;
  readonly Threshold: number;
  readonly ComparisonOperator: string;
  readonly TreatMissingData: string;
}
const alarms = resources(deployer, "AWS::CloudWatch::Alarm").map(({ id, properties }) => {
  const alarm = properties as unknown as Alarm;
  return { id, alarm, properties, name: alarm.AlarmName["Fn::Sub"].replace("${AWS::StackName}-", "") };
});
const named = alarms.map((each) => [each.name, each] as const);

const duration = (seconds: number): string =>
  seconds === 60 ? "a minute" : seconds === 3600 ? "an hour" : `${seconds / 60} minutes`;

/** The alarm in a sentence, as its page has to have it. */
function trigger({
  Statistic,
  MetricName,
  Period,
  ComparisonOperator,
  Threshold,
  EvaluationPeriods,
  TreatMissingData,
}: Alarm): string {
  const side = ComparisonOperator === "LessThanThreshold" ? "below" : "above";
  const missing = TreatMissingData === "breaching" ? " or missing" : "";
  const times = EvaluationPeriods === 1 ? "" : `, ${EvaluationPeriods} times in a row`;
  return `Rings when the ${Statistic.toLowerCase()} of \`${MetricName}\` over ${duration(Period)} is ${side} ${Threshold}${missing}${times}.`;
}

describe.each(named)("the alarm %s", (name, { alarm, properties }) => {
  test("says what is wrong and where its page is", () => {
    const text = alarm.AlarmDescription["Fn::Sub"];
    expect(text).toMatch(/^[A-Z][^.]{20,}\. \$\{RunbookUrl\}\/[a-z-]+\.md$/);
    expect(text.endsWith(`/${name}.md`)).toBe(true);
  });

  test("has a page that says when it rings, what that means, how to look, what to do and when it is over", () => {
    const text = page(name);
    expect(text).toContain(trigger(alarm));
    expect([...text.matchAll(/^## (.+)$/gm)].map(([, heading]) => heading)).toEqual([
      "What it means",
      "Look",
      "Do",
      "It is over when",
    ]);
  });

  test("tells whoever wants to be told, also when it is over", () => {
    for (const action of ["AlarmActions", "OKActions"])
      expect(JSON.stringify(properties[action])).toBe(
        '{"Fn::If":["IsAlarmed",[{"Fn::If":["HasTopic",{"Ref":"AlarmTopicArn"},{"Ref":"AlarmTopic"}]}],{"Ref":"AWS::NoValue"}]}',
      );
  });

  test("watches something that is there", () => {
    const own = resources(deployer, "AWS::Logs::MetricFilter").map(metricOf);
    const isOwn = references(alarm.Namespace).includes("AWS::StackName");
    expect(isOwn ? own : METRICS[String(alarm.Namespace)]).toContain(alarm.MetricName);
    const watched = references(alarm.Dimensions).filter((id) => id in deployer.resources);
    expect(watched).toHaveLength(isOwn ? 0 : 1);
  });
});

/** https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html and the like */
const METRICS: Readonly<Record<string, readonly string[]>> = {
  "AWS/SQS": ["ApproximateNumberOfMessagesVisible", "ApproximateAgeOfOldestMessage"],
  "AWS/Lambda": ["Errors", "Invocations", "Throttles", "Url5xxCount"],
  "AWS/DynamoDB": ["ReadThrottleEvents", "WriteThrottleEvents"],
};

function metricOf({ properties }: Resource): string {
  const [transformation] = properties["MetricTransformations"] as { MetricName: string }[];
  return transformation?.MetricName ?? "";
}

test("a function that fails, a queue that grows old and a dead letter each ring", () => {
  const watched = (metric: string): string[] =>
    alarms.filter(({ alarm }) => alarm.MetricName === metric).flatMap(({ alarm }) => references(alarm.Dimensions));
  const idsOf = (type: string): string[] => resources(deployer, type).map(({ id }) => id);
  const queues = idsOf("AWS::SQS::Queue");
  expect(watched("Errors").toSorted()).toEqual(idsOf("AWS::Lambda::Function").toSorted());
  expect(watched("ApproximateAgeOfOldestMessage").toSorted()).toEqual(
    queues.filter((id) => !id.endsWith("DeadQueue")).toSorted(),
  );
  expect(watched("ApproximateNumberOfMessagesVisible").toSorted()).toEqual(
    queues.filter((id) => id.endsWith("DeadQueue")).toSorted(),
  );
});

test("every number that is made of a log line rings somewhere", () => {
  const counted = new Set(resources(deployer, "AWS::Logs::MetricFilter").map(metricOf));
  expect([...counted].filter((metric) => !alarms.some(({ alarm }) => alarm.MetricName === metric))).toEqual([]);
});

describe("the dashboard", () => {
  const [body, { Alarm: prefix }] = (
    resource(deployer, "Dashboard").properties["DashboardBody"] as { "Fn::Sub": [string, { Alarm: unknown }] }
  )["Fn::Sub"];
  const dashboard = JSON.parse(body) as { widgets: { properties: { alarms?: string[]; metrics?: unknown[][] } }[] };

  test("shows every alarm", () => {
    expect(JSON.stringify(prefix)).toContain(":alarm:${AWS::StackName}");
    const shown = dashboard.widgets.flatMap(({ properties }) => properties.alarms ?? []);
    expect(shown).toEqual(alarms.map(({ name }) => `\${Alarm}-${name}`));
  });

  test("shows every number of our own, and few enough to cost nothing", () => {
    const metrics = dashboard.widgets.flatMap(({ properties }) => properties.metrics ?? []);
    const own = metrics.filter(([namespace]) => namespace === "Proa/${AWS::StackName}").map(([, metric]) => metric);
    expect(new Set(own)).toEqual(new Set(resources(deployer, "AWS::Logs::MetricFilter").map(metricOf)));
    // https://aws.amazon.com/cloudwatch/pricing: three dashboards of up to 50 metrics are free.
    expect(metrics.length).toBeLessThanOrEqual(50);
  });
});

describe("the runbooks' index", () => {
  const index = page("README");
  const section = (title: string): string[] => {
    const [, text = ""] = index.split(`## ${title}\n`);
    return [...(text.split("\n## ")[0] ?? "").matchAll(/\]\(([a-z-]+)\.md\)/g)].map(([, name = ""]) => name);
  };

  test("has every alarm once", () => {
    expect(section("Alarms")).toEqual(alarms.map(({ name }) => name));
  });

  test("has every other page once, and no page is missing", () => {
    expect(section("Procedures").toSorted()).toEqual(
      pages.filter((name) => !alarms.some((each) => each.name === name)),
    );
  });

  test("no link of a page leads nowhere", () => {
    const links = ["README", ...pages].flatMap((name) =>
      [...page(name).matchAll(/\]\(([^)#:]+)(?:#[^)]*)?\)/g)].map(([, to = ""]) => to),
    );
    expect(links.filter((to) => globSync(to, { cwd: FOLDER }).length === 0)).toEqual([]);
  });
});
