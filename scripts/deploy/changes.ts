import type { ResourceChange } from "@aws-sdk/client-cloudformation";
import { styleText } from "node:util";
import { shortType } from "./progress.ts";
import { count, wrap } from "./text.ts";

/** A change set as a person reads it. */
export interface ChangePlan {
  readonly text: string;
  /** What would lose data, a sentence each. */
  readonly losses: readonly string[];
}

/** What holds what cannot be made again, and what it is called. */
const HOLDS: Readonly<Record<string, string>> = {
  "AWS::DynamoDB::Table": "all that Proa remembers",
  "AWS::SecretsManager::Secret": "the GitHub App's keys",
  "AWS::SQS::Queue": "work that is waiting",
  "AWS::S3::Bucket": "the bundles",
};

export function planChanges(changes: readonly ResourceChange[]): ChangePlan {
  const sorted = changes.toSorted((a, b) => ((a.LogicalResourceId ?? "") < (b.LogicalResourceId ?? "") ? -1 : 1));
  const own = sorted.map((change) => ({ ...change, Details: ownDetails(change, changes) }));
  const untouched = own.filter(
    ({ Action, Details }, i) => Action === "Modify" && Details.length === 0 && sorted[i]?.Details?.length,
  );
  const rest = own.filter((change) => !untouched.includes(change));
  const code = rest.filter(isCodeOnly);
  const of = (action: string): ResourceChange[] => rest.filter(({ Action }) => Action === action);
  const lines = [
    ...grouped("green", "+", of("Add"), () => ""),
    ...grouped("cyan", "=", of("Import"), () => ", taken over"),
    ...(code.length === 0 ? [] : [codeLine(code)]),
    ...grouped(
      "yellow",
      "~",
      of("Modify").filter((change) => !isCodeOnly(change) && !mayBeReplaced(change)),
      modification,
    ),
    ...grouped("red", "!", of("Modify").filter(mayBeReplaced), replacement),
    ...grouped("red", "-", of("Remove"), removal),
    ...(untouched.length === 0
      ? []
      : [styleText("dim", `    what refers to these stays as it is (${count(untouched.length, "resource")})`)]),
  ];
  return { text: lines.join("\n"), losses: rest.flatMap(loss) };
}

/** Without what is listed only because something that is referred to is touched, and keeps its name and ARN. */
function ownDetails(change: ResourceChange, all: readonly ResourceChange[]): NonNullable<ResourceChange["Details"]> {
  return (change.Details ?? []).filter(({ Evaluation, CausingEntity = "" }) => {
    const cause = all.find(({ LogicalResourceId }) => LogicalResourceId === CausingEntity.split(".")[0]);
    const staysItself = cause?.Action === "Modify" && !mayBeReplaced({ ...cause, Details: ownDetails(cause, all) });
    return !(Evaluation === "Dynamic" && staysItself);
  });
}

/** Changes that read alike share a line. */
function grouped(
  colour: "green" | "yellow" | "red" | "cyan",
  mark: string,
  changes: readonly ResourceChange[],
  rest: (change: ResourceChange) => string,
): string[] {
  const kinds = Map.groupBy(changes, (change) => `(${shortType(change.ResourceType ?? "")})${rest(change)}`);
  return [...kinds].map(([what, alike]) => {
    const names = alike.map(({ LogicalResourceId = "" }) => LogicalResourceId).join(", ");
    return `  ${styleText(colour, mark)} ${wrap(`${names} ${what}`, 4).trimStart()}`;
  });
}

function isCodeOnly({ Action, ResourceType, Details = [] }: ResourceChange): boolean {
  const isFunction = Action === "Modify" && ResourceType === "AWS::Lambda::Function";
  return isFunction && Details.length > 0 && Details.every(({ Target }) => Target?.Name === "Code");
}

const codeLine = (functions: readonly ResourceChange[]): string =>
  `  ${styleText("yellow", "~")} code of ${functions.map(({ LogicalResourceId = "" }) => LogicalResourceId.replace(/Function$/, "").toLowerCase()).join(", ")}`;

function modification(change: ResourceChange): string {
  const what = touched(change);
  return what === "" ? "" : `: ${what}`;
}

function replacement(change: ResourceChange): string {
  const how = change.Replacement === "True" ? "replaced by a new one" : "may be replaced by a new one";
  const what = touched(change);
  const url = change.ResourceType === "AWS::Lambda::Url" ? "; the webhook's address changes: run setup again" : "";
  return `: ${how}${what === "" ? "" : ` (${what})`}${url}`;
}

function touched({ Details = [] }: ResourceChange): string {
  const names = Details.map(({ Target }) => Target?.Name ?? Target?.Attribute ?? "");
  return [...new Set(names)].filter((name) => name !== "").join(", ");
}

/** "Conditional" is said of a whole resource as soon as one detail is not known to keep it. */
function mayBeReplaced({ Action, Replacement, Details = [] }: ResourceChange): boolean {
  if (Action !== "Modify" || Replacement !== "Conditional") return Action === "Modify" && Replacement === "True";
  return Details.length === 0 || Details.some(({ Target }) => Target?.RequiresRecreation !== "Never");
}

const isRetained = ({ PolicyAction }: ResourceChange): boolean =>
  /^(Retain|ReplaceAndRetain)$/.test(PolicyAction ?? "");

const removal = (change: ResourceChange): string => (isRetained(change) ? ": leaves the stack, and stays" : "");

function loss(change: ResourceChange): string[] {
  const { Action, ResourceType = "", LogicalResourceId = "" } = change;
  const holds = HOLDS[ResourceType];
  if (holds === undefined) return [];
  if (Action === "Remove") return [`${LogicalResourceId} (${holds}) would leave the stack`];
  if (!mayBeReplaced(change)) return [];
  return [
    `${LogicalResourceId} (${holds}) ${change.Replacement === "True" ? "would" : "might"} be replaced by an empty one`,
  ];
}
