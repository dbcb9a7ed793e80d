import { createRequire } from "node:module";
import { Ajv, type ValidateFunction } from "ajv";
import type { Exchange } from "../../local/github/server.ts";

const require = createRequire(import.meta.url);
const GITHUB = "https://api.github.com/openapi";

type Json = Record<string, unknown>;
interface Operation {
  readonly parameters?: readonly Json[];
  readonly requestBody?: { readonly content?: Readonly<Record<string, unknown>>; readonly required?: boolean };
  readonly responses: Readonly<Record<string, unknown>>;
}

/**
 * Where GitHub's description is wrong about GitHub. Each is taken out of the comparison at exactly this place.
 */
const KNOWN_ERRORS: readonly { readonly problem: RegExp; readonly because: string }[] = [
  {
    problem: /^GET \/app\/installations 200 \/\d+\/account /,
    because:
      "the list asks an account to be a user and an enterprise at once (allOf); the single installation says anyOf",
  },
];

/** Answers of every route that the description lists for few of them. */
const ANYWHERE = new Set([301, 304, 307, 400, 401, 403, 404, 405, 409, 422, 429]);

/** Compares one exchange with GitHub's OpenAPI description of api.github.com; empty: it conforms. */
export type CheckExchange = (exchange: Exchange) => string[];

export function createOpenApiChecker(): CheckExchange {
  const description = require("@octokit/openapi/generated/api.github.com.json") as {
    paths: Record<string, Record<string, Operation>>;
    components: Json;
  };
  const ajv = new Ajv({ strict: false, validateSchema: false, allErrors: false, logger: false, formats: FORMATS });
  ajv.addSchema(withNull({ ...description, servers: [], webhooks: {}, "x-webhooks": {} }) as Json, GITHUB);
  const validators = new Map<string, ValidateFunction | undefined>();
  const validator = (pointer: string): ValidateFunction | undefined => {
    if (!validators.has(pointer)) validators.set(pointer, ajv.getSchema(`${GITHUB}#${pointer}`));
    return validators.get(pointer);
  };
  const routes = Object.keys(description.paths)
    .map(compile)
    .sort((a, b) => a.wild - b.wild || b.template.length - a.template.length);

  const errorsOf = (pointer: string, value: unknown): string[] => {
    const validate = validator(pointer);
    if (validate === undefined || validate(value)) return [];
    return (validate.errors ?? []).map(
      ({ instancePath, message, params }) => `${instancePath} ${message} ${JSON.stringify(params)}`,
    );
  };

  return function checkExchange({ method, path, requestBody, status, responseBody }) {
    const url = new URL(path, GITHUB);
    const verb = method.toLowerCase();
    const template = routes.find(
      ({ pattern, template }) => pattern.test(url.pathname) && description.paths[template]?.[verb],
    )?.template;
    const operation = template === undefined ? undefined : description.paths[template]?.[verb];
    if (template === undefined || operation === undefined)
      return [`${method} ${url.pathname}: GitHub has no such route`];
    const at = `/paths/${escape(template)}/${verb}`;
    const json = `content/application~1json/schema`;
    const where = `${method} ${template}`;
    const refused = status >= 400;
    const problems = [
      ...(refused ? [] : unknownQuery(operation, description.components, url)),
      ...(refused || requestBody === undefined
        ? []
        : [
            ...errorsOf(`${at}/requestBody/${json}`, requestBody),
            ...unknownFields(operation, description.components, requestBody),
          ]),
    ].map((problem) => `${where} request ${problem}`);
    const listed = operation.responses[String(status)];
    if (listed === undefined)
      return ANYWHERE.has(status) ? problems : [...problems, `${where} ${status}: GitHub never answers this`];
    const response = resolve(listed, description.components) as { content?: Readonly<Record<string, unknown>> };
    const isJson =
      response.content?.["application/json"] !== undefined &&
      responseBody !== undefined &&
      !Buffer.isBuffer(responseBody);
    const shared = (listed as { $ref?: string }).$ref?.slice(1);
    const pointer = `${shared ?? `${at}/responses/${status}`}/${json}`;
    const wrong = isJson ? errorsOf(pointer, JSON.parse(JSON.stringify(responseBody))) : [];
    return [...problems, ...wrong.map((problem) => `${where} ${status} ${problem}`)].filter(
      (problem) => !KNOWN_ERRORS.some((known) => known.problem.test(problem)),
    );
  };
}

const FORMATS = {
  "date-time": (text: string) => /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:?\d\d)$/.test(text),
  // `target_url` and `environment_url` default to "", which the description calls a URI as well.
  uri: (text: string) => text === "" || URL.canParse(text.replace(/\{[^}]*\}/g, "")),
  email: true,
  int64: true,
  "ipv4/ipv6": true,
  timestamp: true,
  "repo.nwo": true,
  base64: true,
  url: true,
  date: true,
} as const;

/** OpenAPI 3.0 says `nullable: true` where JSON Schema has a type or a branch for null. */
function withNull(node: unknown): unknown {
  if (Array.isArray(node)) return node.map(withNull);
  if (typeof node !== "object" || node === null) return node;
  const { nullable, example: _example, examples: _examples, "x-github": _x, ...rest } = node as Json;
  // `properties: { nullable: … }` names a field, so only a literal true is the keyword.
  const kept = nullable === undefined || nullable === true ? rest : { ...rest, nullable };
  const inner = Object.fromEntries(
    Object.entries(kept).map(([key, value]) => [key, key === "enum" ? value : withNull(value)]),
  );
  return nullable === true ? { anyOf: [inner, { type: "null" }] } : inner;
}

function compile(template: string): { template: string; pattern: RegExp; wild: number } {
  const source = template
    .replace(/[.+*?^$()|[\]\\]/g, String.raw`\$&`)
    .replace(/\{(path|ref|basehead)\}/g, ".+")
    .replace(/\{\w+\}/g, "[^/]+");
  return { template, pattern: new RegExp(`^${source}$`), wild: template.split("{").length };
}

const escape = (template: string): string =>
  encodeURIComponent(template.replaceAll("~", "~0").replaceAll("/", "~1")).replaceAll("~", "~");

function resolve(node: unknown, components: Json): Json {
  const { $ref } = node as { $ref?: string };
  if ($ref === undefined) return node as Json;
  const steps = $ref.replace("#/components/", "").split("/");
  return resolve(
    steps.reduce<unknown>((at, step) => (at as Json)[step], components),
    components,
  );
}

function unknownQuery(operation: Operation, components: Json, url: URL): string[] {
  const known = (operation.parameters ?? [])
    .map((parameter) => resolve(parameter, components))
    .filter((parameter) => parameter["in"] === "query");
  const names = new Set(known.map((parameter) => parameter["name"]));
  return [...url.searchParams.keys()]
    .filter((name) => !names.has(name))
    .map((name) => `has the query parameter ${name}, which GitHub ignores`);
}

/** GitHub ignores what it does not know: a misspelt field is silence, not an error. */
function unknownFields(operation: Operation, components: Json, body: unknown): string[] {
  const schema = resolve(
    (operation.requestBody?.content?.["application/json"] as Json | undefined)?.["schema"] ?? {},
    components,
  );
  const branches = [
    schema,
    ...["oneOf", "anyOf", "allOf"]
      .flatMap((key) => (schema[key] as unknown[] | undefined) ?? [])
      .map((branch) => resolve(branch, components)),
  ];
  if (typeof body !== "object" || body === null || Array.isArray(body)) return [];
  if (
    branches.some((branch) => branch["additionalProperties"] === true) ||
    branches.every((branch) => branch["properties"] === undefined)
  ) {
    const sent = Object.keys(body);
    return operation.requestBody === undefined && sent.length > 0
      ? [`has a body (${sent.join(", ")}), which GitHub ignores`]
      : [];
  }
  const known = new Set(branches.flatMap((branch) => Object.keys((branch["properties"] as Json | undefined) ?? {})));
  return Object.keys(body)
    .filter((name) => !known.has(name))
    .map((name) => `has the field ${name}, which GitHub ignores`);
}
