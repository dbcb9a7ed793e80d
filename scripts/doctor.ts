// `npm run proa -- doctor`: looks at everything Proa stands on, and says what is missing and what to do. It changes nothing.
import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import type { ClusterAccess } from "../src/adapters/cluster-access.ts";
import { createRegistries } from "../src/adapters/registry.ts";
import { systemClock } from "../src/clock.ts";
import { accessTo, ociHosts } from "../src/compose.ts";
import { createLog } from "../src/log.ts";
import { appSettings, placeSettings } from "../src/settings.ts";
import { type Environment, SettingsError } from "../src/settings-read.ts";
import { versionOf } from "./deploy/derive.ts";
import { awsChecks } from "./doctor/aws-checks.ts";
import { type AwsFacts, awsFacts } from "./doctor/aws-facts.ts";
import { type Area, type Check, exitCode, fail, type Known, ok, unknown } from "./doctor/check.ts";
import { clusterChecks, ingressAddresses } from "./doctor/cluster-checks.ts";
import { clusterFacts } from "./doctor/cluster-facts.ts";
import { eksChecks, type EksFacts, eksFacts } from "./doctor/eks.ts";
import { githubChecks } from "./doctor/github-checks.ts";
import { githubFacts } from "./doctor/github-facts.ts";
import { imageChecks, imageFacts } from "./doctor/images.ts";
import { namesChecks } from "./doctor/names-checks.ts";
import { namesFacts } from "./doctor/names-facts.ts";
import { render } from "./doctor/render.ts";
import { AWS_OPTIONS, AWS_USAGE, useAws } from "./installation/aws-options.ts";
import { defineCommand } from "./installation/command.ts";
import { createAppAdmin } from "./installation/github-app.ts";
import { pingWebhook } from "./installation/ping.ts";
import { createSecrets, type SecretValues } from "./installation/secrets.ts";
import { requireStack } from "./installation/stack.ts";

const root = resolve(fileURLToPath(new URL("..", import.meta.url)));

const USAGE = `npm run proa -- doctor [options]

Looks at everything Proa stands on: the stack, the GitHub App, the clusters, the names and certificates of previews, the
registries. Each line says what is well, what is not and what to do. Without --probe it changes nothing.

  --environment            look at what the PROA_ variables of this shell describe, without AWS
  --probe                  try out whether network policies are enforced: makes a namespace with a few small pods, for a
                           minute or two, in the cluster of the previews
  --json                   for programs
${AWS_USAGE}

It looks with your credentials and not with those of Proa's functions; where that makes a difference, the line says so.
Ends with 0 if all is well, 1 if something fails, 2 if something could not be looked at.`;

const OPTIONS = {
  environment: { type: "boolean", default: false },
  probe: { type: "boolean", default: false },
  json: { type: "boolean", default: false },
  ...AWS_OPTIONS,
} as const;

export const doctor = defineCommand({ usage: USAGE, options: OPTIONS }, async ({ values }, terminal) => {
  const stack = useAws(values);
  const { probe } = values;
  const areas = values.environment ? await lookAt(process.env, { aws: null, probe }) : await lookAtStack(stack, probe);
  if (values.json) terminal.print(JSON.stringify({ exitCode: exitCode(areas), areas }, null, 2));
  else terminal.print(render(areas, process.stdout.isTTY && process.env["NO_COLOR"] === undefined));
  return exitCode(areas);
});

async function lookAtStack(name: string, probe: boolean): Promise<Area[]> {
  const stack = await requireStack(name);
  const facts = await awsFacts(stack, createSecrets(), pingWebhook);
  const aws = awsChecks(facts, versionOf(root));
  const { deployer } = facts.functions;
  if (deployer.kind === "unknown")
    return [
      aws,
      { name: "Everything else", checks: [unknown("It follows from the deployer's settings", deployer.because)] },
    ];
  const secret: SecretValues = facts.secrets.kind === "known" ? facts.secrets.value.app : {};
  const texts = Object.entries(secret).filter((entry): entry is [string, string] => typeof entry[1] === "string");
  return [
    aws,
    ...(await lookAt({ ...deployer.value.environment, ...Object.fromEntries(texts) }, { aws: facts, probe })),
  ];
}

interface Look {
  /** null: there is none. */
  readonly aws: AwsFacts | null;
  readonly probe: boolean;
}

async function lookAt(env: Environment, { aws, probe }: Look): Promise<Area[]> {
  const now = systemClock.now();
  const app = read(() => appSettings(env).github);
  // The App's id is among what belongs to an installation; the clusters can be looked at before there is an App.
  const places = read(() => placeSettings({ PROA_GITHUB_APP_ID: "1", ...env }));
  const wrong = [
    ...new Set([app, places].flatMap((each) => (each.kind === "unknown" ? each.because.split("\n") : []))),
  ];
  const settings: Area = {
    name: "The settings",
    checks: settingsChecks(wrong, aws),
  };
  const [github, rest] = await Promise.all([
    app.kind === "known" ? lookAtGitHub(app.value, aws, now) : [],
    places.kind === "known" ? lookAtPlaces(places.value, { aws, probe }, now) : [],
  ]);
  return [settings, ...github, ...rest];
}

function settingsChecks(wrong: readonly string[], aws: AwsFacts | null): Check[] {
  const absent = wrong.filter((line) => /^PROA_GITHUB_\w+ is not set/.test(line));
  // A stack that nobody has set up yet lacks all three of them.
  const isNew = aws !== null && absent.length === 3;
  const lines = isNew ? wrong.filter((line) => !absent.includes(line)) : wrong;
  const checks = [
    ...(isNew ? [fail("There is no GitHub App yet", "npm run proa -- setup")] : []),
    ...lines.map((line) => fail(line, remedyFor(line, aws))),
  ];
  return checks.length === 0 ? [ok("They make sense")] : checks;
}

const remedyFor = (line: string, aws: AwsFacts | null): string =>
  aws !== null && /PROA_GITHUB_|PROA_WEBHOOK/.test(line) ? "npm run proa -- setup" : "docs/settings.md explains each";

async function lookAtGitHub(
  app: ReturnType<typeof appSettings>["github"],
  aws: AwsFacts | null,
  now: number,
): Promise<Area[]> {
  const hookUrl = aws?.stack.outputs["WebhookUrl"] ?? null;
  const { appId, appSlug: slug } = app;
  return [githubChecks(await githubFacts({ admin: createAppAdmin(app), appId, slug, hookUrl, now }))];
}

async function lookAtPlaces(
  { clusters, registries, installation }: ReturnType<typeof placeSettings>,
  { aws, probe }: Look,
  now: number,
): Promise<Area[]> {
  const log = createLog({ write: () => undefined, clock: systemClock });
  const { ingressClass, previewPolicy, secretsNamespace, domain, publicUrl } = installation;
  const ingressLabels = previewPolicy.ingressNamespaceLabels;
  const looked = await Promise.all(
    clusters.map(async (cluster) => {
      const holdsPreviews = cluster.name === "default";
      const access = asCaller(accessTo(cluster, { clock: systemClock, log }));
      const [facts, eks] = await Promise.all([
        clusterFacts({ name: cluster.name, access, secretsNamespace, ingressLabels, probe: probe && holdsPreviews }),
        cluster.kind === "eks" && aws !== null ? eksFacts({ ...eksLook(aws), ...cluster }) : null,
      ]);
      const area = clusterChecks(facts, { ingressClass, ingressLabels, holdsPreviews, endpoint: endpointOf(eks) });
      return { facts, area: { ...area, checks: [...(eks === null ? [] : eksChecks(eks)), ...area.checks] } };
    }),
  );
  const home = looked.find(({ facts }) => facts.name === "default")?.facts;
  const ingress: Known<readonly string[]> =
    home === undefined ? { kind: "unknown", because: "there is no cluster default" } : ingressAddresses(home);
  const [names, images] = await Promise.all([
    namesFacts({ domain, publicUrl, ingress, now }),
    imageFacts(installation.imageAllowList, createRegistries({ hosts: ociHosts(registries) })),
  ]);
  return [...looked.map(({ area }) => area), namesChecks(domain, names), imageChecks(images)];
}

/** What it advises is for Proa's functions; the caller's own refusal is told as what it is. */
const asCaller = (access: ClusterAccess): ClusterAccess => ({ ...access, advice: () => null });

const endpointOf = (eks: EksFacts | null): "open" | "limited" =>
  eks?.description.kind === "known" && eks.description.value.open !== "anywhere" ? "limited" : "open";

function eksLook({ stack }: AwsFacts) {
  const roles = ["DeployerRoleArn", "SweeperRoleArn"].flatMap((name) => stack.outputs[name] ?? []);
  return { roles, rolesSince: stack.createdAt, inVpc: (stack.parameters["SubnetIds"] ?? "") !== "" };
}

function read<T>(settings: () => T): Known<T> {
  try {
    return { kind: "known", value: settings() };
  } catch (error) {
    if (!(error instanceof SettingsError)) throw error;
    const lines = error.mistakes.map(({ variable, wrong, remedy }) => `${variable} ${wrong}: ${remedy}`);
    return { kind: "unknown", because: lines.join("\n") };
  }
}
