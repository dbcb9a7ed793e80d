import { describe, expect, test } from "vitest";
import type { TemplateParameter } from "../../scripts/deploy/template.ts";
import { deployerSettings } from "../../src/settings.ts";
import { SettingsError } from "../../src/settings-read.ts";
import { deployer, references, stacks } from "./templates.ts";

/** CloudFormation's patterns are Java's, and hold for the whole value. */
const accepts = ({ AllowedPattern = ".*" }: TemplateParameter, value: string): boolean =>
  new RegExp(`^(?:${AllowedPattern})$`, "s").test(value);

describe.each(stacks.map((stack) => [stack.file, stack] as const))("the parameters of %s", (_, stack) => {
  const parameters = Object.entries(stack.parameters);

  test("are described in a sentence", () => {
    expect(parameters.filter(([, { Description = "" }]) => Description.length < 20)).toEqual([]);
  });

  test("are constrained, and a pattern says what it wants in words", () => {
    const isBounded = ({
      Type,
      AllowedPattern,
      AllowedValues,
      ConstraintDescription,
      MinValue,
      MaxValue,
    }: TemplateParameter) =>
      AllowedValues !== undefined ||
      (AllowedPattern !== undefined && ConstraintDescription?.startsWith("must ") === true) ||
      (Type === "Number" && MinValue !== undefined && MaxValue !== undefined);
    expect(parameters.filter(([, rule]) => !isBounded(rule))).toEqual([]);
  });

  test("have defaults that they themselves allow", () => {
    const wrong = parameters.filter(([, rule]) => {
      const { Default, AllowedValues } = rule;
      if (Default === undefined) return false;
      return !accepts(rule, String(Default)) || AllowedValues?.map(String).includes(String(Default)) === false;
    });
    expect(wrong).toEqual([]);
  });

  test("are each used", () => {
    const used = new Set(references([stack.resources, stack.conditions, stack.outputs]));
    expect(parameters.map(([name]) => name).filter((name) => !used.has(name))).toEqual([]);
  });
});

test("the console shows every parameter once, in groups", () => {
  const { ParameterGroups } = deployer.metadata["AWS::CloudFormation::Interface"] as {
    ParameterGroups: { Label: { default: string }; Parameters: string[] }[];
  };
  const shown = ParameterGroups.flatMap(({ Parameters }) => Parameters);
  expect(shown.toSorted()).toEqual(Object.keys(deployer.parameters).toSorted());
});

describe("a value that the template takes is one that the functions take", () => {
  const settings = {
    Clusters: ["PROA_CLUSTERS", "default=eks:blue"],
    Images: ["PROA_IMAGES", "registry.example/acme/**"],
    DefaultImage: ["PROA_DEFAULT_IMAGE", "registry.example/{owner}/{repo}"],
    Domain: ["PROA_DOMAIN", "preview.example.com"],
    PublicUrl: ["PROA_PUBLIC_URL", "https://{host}"],
    IngressClass: ["PROA_INGRESS_CLASS", ""],
    IngressNamespaceLabel: ["PROA_INGRESS_NAMESPACE_LABEL", ""],
    SecretsNamespace: ["PROA_SECRETS_NAMESPACE", ""],
    PreviewMaxCpu: ["PROA_PREVIEW_MAX_CPU", ""],
    PreviewMaxMemory: ["PROA_PREVIEW_MAX_MEMORY", ""],
    LogsInPublic: ["PROA_LOGS_IN_PUBLIC", ""],
    DashboardUrl: ["PROA_DASHBOARD_URL", ""],
    GitHubApiUrl: ["PROA_GITHUB_API_URL", ""],
  } as const;
  type Parameter = keyof typeof settings;

  function functionsTake(parameter: Parameter, value: string): boolean {
    const [variable] = settings[parameter];
    const env = { ...Object.fromEntries(Object.values(settings)), [variable]: value };
    try {
      deployerSettings(env);
      return true;
    } catch (error) {
      if (!(error instanceof SettingsError)) throw error;
      return !error.mistakes.some((mistake) => mistake.variable === variable);
    }
  }

  test.each<[Parameter, ...string[]]>([
    ["Clusters", "default=eks:blue", "default=eks:blue@eu-west-1, other=eks:Green_2", '{"default":{"eks":"blue"}}'],
    [
      "Images",
      "registry.example/acme/**",
      "123456789012.dkr.ecr.eu-west-1.amazonaws.com/a/*, ghcr.io/acme/web",
      "localhost:5000/a",
    ],
    ["DefaultImage", "registry.example/{owner}/{repo}-{service}", "ghcr.io/acme/{repo}"],
    ["Domain", "preview.example.com", "localhost", "a-b.c"],
    ["PublicUrl", "https://{host}", "http://{host}:4000", "https://{host}/app"],
    ["IngressClass", "nginx", ""],
    ["IngressNamespaceLabel", "kubernetes.io/metadata.name=ingress-nginx", "app=ingress"],
    ["SecretsNamespace", "proa", "team-secrets-2"],
    ["PreviewMaxCpu", "1", "500m", "1.5"],
    ["PreviewMaxMemory", "1Gi", "512Mi", "2G"],
    ["LogsInPublic", "true", "false"],
    ["DashboardUrl", "", "https://grafana.example/d/proa"],
    ["GitHubApiUrl", "https://api.github.com", "https://github.example:8443/api/v3"],
  ])("%s", (parameter, ...values) => {
    const rule = deployer.parameters[parameter] ?? { Type: "missing" };
    for (const value of values) {
      expect([value, accepts(rule, value)]).toEqual([value, true]);
      expect([value, functionsTake(parameter, value)]).toEqual([value, true]);
    }
  });

  test.each<[Parameter, ...string[]]>([
    ["Clusters", "", "blue", "default=/etc/kubeconfig", "default=eks:", "Default=eks:blue", "default=eks:blue;x=eks:y"],
    ["Images", "", "acme/", "**", "registry.example/a,**"],
    ["DefaultImage", "", "{repo}", "registry.example/a:latest"],
    ["Domain", "", "Preview.example.com", "https://preview.example.com", "a..b", "-a.example"],
    ["PublicUrl", "https://example.com", "{host}", "https://{host} x"],
    ["IngressNamespaceLabel", "ingress", "=x", "app="],
    ["SecretsNamespace", "Proa", "a.b", "-a"],
    ["PreviewMaxCpu", "lots", "-1", "1 "],
    ["PreviewMaxMemory", "1GB", "big"],
    ["DashboardUrl", "grafana", "https://a:b@c/d", "https://a/?x=y"],
    ["GitHubApiUrl", "api.github.com", "https://a:b@c"],
  ])("%s: and what it refuses would not work", (parameter, ...values) => {
    const rule = deployer.parameters[parameter] ?? { Type: "missing" };
    for (const value of values) expect([value, accepts(rule, value)]).toEqual([value, false]);
  });
});

test.each([
  ["ClusterArns", "arn:aws:eks:eu-west-1:123456789012:cluster/blue", "arn:aws:eks:eu-west-1:123456789012:cluster/*"],
  [
    "EcrRepositoryArns",
    "arn:aws:ecr:eu-west-1:123456789012:repository/acme/*",
    "arn:aws:ecr:*:123456789012:repository/acme",
  ],
  ["SubnetIds", "subnet-0123456789abcdef0", "0123456789abcdef0"],
  ["SecurityGroupIds", "sg-0123456789abcdef0", "default"],
  ["AlarmEmail", "ops@example.com", "ops"],
  ["AlarmTopicArn", "arn:aws:sns:eu-west-1:123456789012:ops", "ops"],
  ["PermissionsBoundary", "arn:aws:iam::123456789012:policy/team/boundary", "boundary"],
  ["ExistingTable", "proa-restored", "no/table"],
  ["ExistingAppSecret", "arn:aws:secretsmanager:eu-west-1:123456789012:secret:proa/app-AbCdEf", "proa/app"],
  ["CodeBucket", "proa-artifacts-1", "Proa Artifacts"],
  ["WebhookCode", "proa/webhook-4f2c.zip", "proa/webhook"],
  ["Version", "0.1.0+4f2c1d9", "latest version"],
])("%s takes %s, and not %s", (parameter, good, bad) => {
  const rule = deployer.parameters[parameter] ?? { Type: "missing" };
  expect([accepts(rule, good), accepts(rule, bad)]).toEqual([true, false]);
  const isList = /^[A-Z][a-z]+(?:Repository|Group)?(?:Arns|Ids)$/.test(parameter);
  expect(accepts(rule, `${good},${good}`)).toBe(isList);
});
