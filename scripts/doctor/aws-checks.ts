import { type AwsFacts, type Consumer, FUNCTIONS, type FunctionView, type QueueView } from "./aws-facts.ts";
import { type Area, type Check, fail, ok, unknown, warn, whenKnown } from "./check.ts";

export function awsChecks(facts: AwsFacts, version: string): Area {
  const { stack } = facts;
  return {
    name: `The stack ${stack.name} (${stack.account}, ${stack.region})`,
    checks: [
      stackCheck(facts),
      versionCheck(facts, version),
      ...FUNCTIONS.flatMap((name) =>
        whenKnown(facts.functions[name], `The function ${stack.name}-${name}`, (view) => functionChecks(name, view)),
      ),
      ...(["deployer", "reporter", "tick"] as const).flatMap((name) =>
        whenKnown(facts.queues[name], `The ${name}'s queue`, (view) => queueChecks(name, view)),
      ),
      ...whenKnown(facts.table, "The table", ({ status, indexes }) => tableChecks(status, indexes)),
      ...whenKnown(facts.schedules, "The sweeper's schedules", scheduleChecks),
      ...whenKnown(facts.alarms, "The alarms", (firing) => alarmChecks(stack.name, firing)),
      pingCheck(facts),
    ],
  };
}

function stackCheck({ stack: { status, statusReason, name } }: AwsFacts): Check {
  if (/^(CREATE|UPDATE|IMPORT)_COMPLETE$/.test(status)) return ok(`It is ${status}`);
  const because = statusReason === null ? "" : `: ${statusReason}`;
  if (status === "UPDATE_ROLLBACK_COMPLETE")
    return warn(`Its last change was taken back${because}`, "npm run deploy shows the change again");
  if (status.endsWith("_IN_PROGRESS")) return warn(`It is being changed (${status})`, "look again when that is done");
  return fail(
    `It is ${status}${because}`,
    `aws cloudformation describe-stack-events --stack-name ${name}; npm run deploy`,
  );
}

function versionCheck({ stack }: AwsFacts, version: string): Check {
  const deployed = stack.outputs["Version"];
  if (deployed === undefined) return unknown("Which version runs", "the stack has no output Version");
  return deployed === version
    ? ok(`It runs this checkout's version, ${version}`)
    : warn(`It runs ${deployed}; this checkout is ${version}`, "npm run deploy brings it up to this checkout");
}

function functionChecks(name: string, { state, lastUpdate }: FunctionView): Check[] {
  const fine = (state === "Active" || state === "Inactive") && (lastUpdate === "Successful" || lastUpdate === "");
  return fine
    ? [ok(`${name} is ready`)]
    : [fail(`${name} is ${state}, its last update ${lastUpdate}`, "npm run deploy; the function's page says why")];
}

function queueChecks(name: Consumer, { waiting, dead, consumed }: QueueView): Check[] {
  if (Number.isNaN(waiting) || Number.isNaN(dead)) return [unknown(`The ${name}'s queue`, "AWS gave no numbers")];
  return [
    consumed
      ? ok(`The ${name}'s queue reaches it (${waiting} waiting)`)
      : fail(
          `The ${name}'s queue reaches nobody (${waiting} waiting)`,
          "enable the event source mapping, or npm run deploy",
        ),
    ...(dead === 0
      ? []
      : [fail(`${dead} dead ${dead === 1 ? "letter" : "letters"} of the ${name}`, `npm run proa -- redrive ${name}`)]),
  ];
}

function tableChecks(status: string, indexes: readonly { name: string; status: string }[]): Check[] {
  const due = indexes.find(({ name }) => name === "due");
  if (status !== "ACTIVE")
    return [fail(`The table is ${status || "in no state"}`, "see docs/runbooks/restoring-the-table.md")];
  if (due?.status === "") return [unknown("The table's index", "AWS does not say how it is")];
  if (due?.status !== "ACTIVE")
    return [
      fail(`The table's index "due" is ${due?.status ?? "not there"}: nothing wakes what waits`, "npm run deploy"),
    ];
  return [ok("The table and its index answer")];
}

function scheduleChecks(rules: readonly { readonly name: string; readonly enabled: boolean }[]): Check[] {
  const off = rules.filter(({ enabled }) => !enabled).map(({ name }) => name);
  if (rules.length < 2) return [fail(`Of two schedules of the sweeper ${rules.length} are there`, "npm run deploy")];
  return off.length === 0
    ? [ok("The sweeper's schedules are on")]
    : [
        fail(
          `Switched off: ${off.join(", ")}. What an event missed stays missed`,
          `aws events enable-rule --name ${off[0]}`,
        ),
      ];
}

function alarmChecks(stack: string, firing: readonly string[]): Check[] {
  return firing.length === 0
    ? [ok("No alarm rings")]
    : firing.map((name) => fail(`The alarm ${name} rings`, `docs/runbooks/${name.slice(stack.length + 1)}.md`));
}

function pingCheck({ ping, secrets }: AwsFacts): Check {
  if (ping.kind === "unknown") return fail(`The webhook cannot be reached: ${ping.because}`, "npm run deploy");
  const { status, body } = ping.value;
  switch (status) {
    case 202:
      return ok("The webhook answers, and takes a delivery signed with the stored secret");
    case 401:
      return secrets.kind === "unknown"
        ? unknown("Whether the webhook takes the stored secret", secrets.because)
        : fail(
            "The webhook does not take the stored secret",
            "wait a minute if it was just changed, then look at its log",
          );
    case 403:
      return fail(
        "AWS refuses to call the webhook: its URL lacks a permission, or an organization forbids public ones",
        "npm run deploy; otherwise ask whoever owns the organization's policies",
      );
    case 503:
      return fail("The webhook is not set up yet", "npm run proa -- setup");
    default:
      return fail(`The webhook answers ${status}: ${body}`, "its log group says why");
  }
}
