import { parse, type CollectionTag, type ScalarTag, YAMLMap, YAMLSeq } from "yaml";
import { Stop } from "../installation/stop.ts";

/** A CloudFormation template, as far as deploying it depends on what stands in it. */
export interface Template {
  /** As JSON: CloudFormation refuses YAML's aliases, and a comment that changes is no change. */
  readonly body: string;
  readonly parameters: Readonly<Record<string, TemplateParameter>>;
  readonly conditions: Readonly<Record<string, unknown>>;
  readonly resources: Readonly<Record<string, TemplateResource>>;
}

/** https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/parameters-section-structure.html */
export interface TemplateParameter {
  readonly Type: string;
  readonly Description?: string;
  readonly Default?: string | number;
  readonly NoEcho?: boolean;
  readonly AllowedPattern?: string;
  readonly AllowedValues?: readonly (string | number)[];
  readonly MinLength?: number;
  readonly MaxLength?: number;
  readonly MinValue?: number;
  readonly MaxValue?: number;
  readonly ConstraintDescription?: string;
}

export interface TemplateResource {
  readonly Type: string;
  readonly Condition?: string;
  readonly DeletionPolicy?: string;
  readonly Properties?: Readonly<Record<string, unknown>>;
}

/** YAML with CloudFormation's short tags, or JSON; the tags come out in their long form, `{"Ref": …}`. */
export function parseTemplate(text: string): Template {
  const parsed: unknown = parse(text, { customTags: TAGS, logLevel: "error" });
  const { Parameters = {}, Conditions = {}, Resources } = (parsed ?? {}) as Readonly<Record<string, unknown>>;
  if (typeof Resources !== "object" || Resources === null) throw new Stop("the template has no Resources");
  return {
    body: JSON.stringify(parsed, null, 1),
    parameters: Parameters as Template["parameters"],
    conditions: Conditions as Template["conditions"],
    resources: Resources as Template["resources"],
  };
}

const FUNCTIONS = [
  "And",
  "Base64",
  "Equals",
  "FindInMap",
  "GetAtt",
  "If",
  "ImportValue",
  "Join",
  "Not",
  "Or",
  "Select",
];
const longForm = (name: string, value: unknown): Record<string, unknown> => {
  if (name === "Ref" || name === "Condition") return { [name]: value };
  // `!GetAtt Table.Arn` is `{"Fn::GetAtt": ["Table", "Arn"]}`.
  const attribute = name === "GetAtt" && typeof value === "string" ? /^([^.]+)\.(.+)$/.exec(value) : null;
  return { [`Fn::${name}`]: attribute === null ? value : attribute.slice(1) };
};

const TAGS: (ScalarTag | CollectionTag)[] = [
  "Ref",
  "Condition",
  "Sub",
  "Split",
  "GetAZs",
  "Cidr",
  ...FUNCTIONS,
].flatMap((name) => [
  { tag: `!${name}`, resolve: (value: string) => longForm(name, value) },
  {
    tag: `!${name}`,
    collection: "seq",
    resolve: (value: unknown) => longForm(name, value instanceof YAMLSeq ? value.toJSON() : value),
  },
  {
    tag: `!${name}`,
    collection: "map",
    resolve: (value: unknown) => longForm(name, value instanceof YAMLMap ? value.toJSON() : value),
  },
]);
