import { DescribeAccessEntryCommand, DescribeClusterCommand, EKSClient } from "@aws-sdk/client-eks";
import { type Check, fail, type Known, known, ok, warn, whenKnown } from "./check.ts";

export const GROUP = "proa:deployers";

export interface EksFacts {
  /** In EKS, which may be another name than Proa's. */
  readonly cluster: string;
  readonly description: Known<EksView>;
  /** For each role of Proa's functions that goes into clusters. */
  readonly entries: readonly { readonly role: string; readonly entry: Known<EntryView | null> }[];
  /** Of the stack that the roles belong to. */
  readonly rolesSince: number;
  /** Whether the functions are given a network of their own. */
  readonly inVpc: boolean;
}

export interface EksView {
  readonly status: string;
  readonly authenticationMode: string;
  readonly open: "anywhere" | "some addresses" | "its network";
}

export interface EntryView {
  readonly groups: readonly string[];
  readonly createdAt: number;
}

export interface EksLook {
  readonly cluster: string;
  readonly region: string | null;
  readonly roles: readonly string[];
  readonly rolesSince: number;
  readonly inVpc: boolean;
}

export async function eksFacts({ cluster, region, roles, rolesSince, inVpc }: EksLook): Promise<EksFacts> {
  const eks = new EKSClient(region === null ? {} : { region });
  const [description, entries] = await Promise.all([
    known(async (): Promise<EksView> => {
      const found = (await eks.send(new DescribeClusterCommand({ name: cluster }))).cluster;
      const network = found?.resourcesVpcConfig;
      const everywhere = network?.publicAccessCidrs?.includes("0.0.0.0/0") !== false;
      return {
        status: found?.status ?? "",
        authenticationMode: found?.accessConfig?.authenticationMode ?? "",
        open: network?.endpointPublicAccess === false ? "its network" : everywhere ? "anywhere" : "some addresses",
      };
    }),
    Promise.all(roles.map(async (role) => ({ role, entry: await known(() => entryOf(eks, cluster, role)) }))),
  ]);
  return { cluster, description, entries, rolesSince, inVpc };
}

async function entryOf(eks: EKSClient, clusterName: string, principalArn: string): Promise<EntryView | null> {
  try {
    const { accessEntry } = await eks.send(new DescribeAccessEntryCommand({ clusterName, principalArn }));
    return { groups: accessEntry?.kubernetesGroups ?? [], createdAt: accessEntry?.createdAt?.getTime() ?? 0 };
  } catch (error) {
    if (error instanceof Error && error.name === "ResourceNotFoundException") return null;
    throw error;
  }
}

export function eksChecks({ cluster, description, entries, rolesSince, inVpc }: EksFacts): readonly Check[] {
  return [
    ...whenKnown(description, `The EKS cluster ${cluster}`, (view) => clusterChecks(cluster, view, inVpc)),
    // Of a cluster that is not there nobody has an entry.
    ...(description.kind === "unknown" ? [] : entries).flatMap(({ role, entry }) =>
      whenKnown(entry, `The access entry of ${nameOf(role)}`, (view) => [entryCheck(cluster, role, view, rolesSince)]),
    ),
  ];
}

function clusterChecks(cluster: string, { status, authenticationMode, open }: EksView, inVpc: boolean): Check[] {
  const remedy = `aws eks update-cluster-config --name ${cluster} --access-config authenticationMode=API_AND_CONFIG_MAP`;
  return [
    status === "ACTIVE" || status === "UPDATING"
      ? ok(`The EKS cluster ${cluster} is ${status}`)
      : fail(`The EKS cluster ${cluster} is ${status}`, "wait for it, or see its page"),
    ...(authenticationMode === "CONFIG_MAP" ? [fail("It does not look at access entries (CONFIG_MAP)", remedy)] : []),
    ...(open === "anywhere" || inVpc
      ? []
      : open === "its network"
        ? [
            fail(
              "It is reached from its own network only, and the functions are in none",
              "set SubnetIds and SecurityGroupIds",
            ),
          ]
        : [
            warn(
              "It is open to some addresses only, and Lambda has no fixed one",
              "set SubnetIds and SecurityGroupIds",
            ),
          ]),
  ];
}

const nameOf = (arn: string): string => arn.slice(arn.lastIndexOf("/") + 1);

function entryCheck(cluster: string, role: string, entry: EntryView | null, rolesSince: number): Check {
  const create = `aws eks create-access-entry --cluster-name ${cluster} --principal-arn ${role} --type STANDARD --kubernetes-groups ${GROUP}`;
  if (entry === null) return fail(`${nameOf(role)} has no access entry in ${cluster}`, create);
  if (!entry.groups.includes(GROUP))
    return fail(
      `The access entry of ${nameOf(role)} is not in the group ${GROUP}`,
      `aws eks update-access-entry --cluster-name ${cluster} --principal-arn ${role} --kubernetes-groups ${GROUP}`,
    );
  // EKS keeps the role's own id: https://docs.aws.amazon.com/eks/latest/userguide/access-entries.html
  if (entry.createdAt < rolesSince)
    return fail(
      `The access entry of ${nameOf(role)} is older than the role: it lets in one that was deleted`,
      `aws eks delete-access-entry --cluster-name ${cluster} --principal-arn ${role}; ${create}`,
    );
  return ok(`${nameOf(role)} has its access entry`);
}
