/** The functions by the names that end theirs: `<stack>-webhook`. */
export const FUNCTIONS = ["webhook", "deployer", "reporter", "tick", "sweeper"] as const;
export type FunctionName = (typeof FUNCTIONS)[number];

/** As IAM names it: `sqs:SendMessage`. */
export type Action = `${string}:${string}`;

/**
 * The operations that each function's code asks AWS for, as a request names them. The journeys on AWS record what was asked and compare
 * it with this table; the template's roles are compared with it by `permissions.test.ts`. So nobody may do what nobody does.
 */
export const CALLS: Readonly<Record<FunctionName, readonly Action[]>> = {
  webhook: ["secretsmanager:GetSecretValue", "sqs:SendMessageBatch"],
  deployer: [
    "dynamodb:GetItem",
    "dynamodb:Query",
    "dynamodb:TransactWriteItems",
    "dynamodb:UpdateItem",
    "ecr:DescribeImages",
    "eks:DescribeCluster",
    "secretsmanager:GetSecretValue",
    "sqs:SendMessageBatch",
  ],
  reporter: [
    "dynamodb:GetItem",
    "dynamodb:Query",
    "dynamodb:TransactWriteItems",
    "dynamodb:UpdateItem",
    "secretsmanager:GetSecretValue",
    "sqs:SendMessageBatch",
  ],
  tick: ["sqs:SendMessageBatch"],
  sweeper: [
    "dynamodb:DeleteItem",
    "dynamodb:GetItem",
    "dynamodb:Query",
    "dynamodb:UpdateItem",
    "eks:DescribeCluster",
    "secretsmanager:GetSecretValue",
    "sqs:SendMessageBatch",
  ],
};

/** What they ask for besides, where a journey on AWS need not come by: seen or not, it is no surprise. */
export const SOMETIMES: Readonly<Partial<Record<FunctionName, readonly Action[]>>> = {
  // Several closed pull requests at once are put aside together.
  sweeper: ["dynamodb:TransactWriteItems"],
};

/** Where IAM's permission is not called like the operation. */
const PERMISSIONS: Readonly<Record<Action, readonly Action[]>> = {
  // https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessageBatch.html
  "sqs:SendMessageBatch": ["sqs:SendMessage"],
  // Of what may be in one, ours hold updates and deletions. https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis-iam.html
  "dynamodb:TransactWriteItems": ["dynamodb:UpdateItem", "dynamodb:DeleteItem"],
};

/** What Lambda does with the function's role: write its log, and fetch messages for it. */
const LOGGING: readonly Action[] = ["logs:CreateLogStream", "logs:PutLogEvents"];
const FETCHING: readonly Action[] = ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"];
/** Only where the function is put into a VPC. https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html */
const NETWORKING: readonly Action[] = [
  "ec2:CreateNetworkInterface",
  "ec2:DescribeNetworkInterfaces",
  "ec2:DescribeSubnets",
  "ec2:DeleteNetworkInterface",
  "ec2:AssignPrivateIpAddresses",
  "ec2:UnassignPrivateIpAddresses",
];

const FETCHES: readonly FunctionName[] = ["deployer", "reporter", "tick"];
const TALKS_TO_CLUSTERS: readonly FunctionName[] = ["deployer", "sweeper"];

/** Everything that a function's role has to allow, sorted. */
export function neededBy(name: FunctionName): Action[] {
  const asked = [...CALLS[name], ...(SOMETIMES[name] ?? [])].flatMap((call) => PERMISSIONS[call] ?? [call]);
  const lambda = [
    ...LOGGING,
    ...(FETCHES.includes(name) ? FETCHING : []),
    ...(TALKS_TO_CLUSTERS.includes(name) ? NETWORKING : []),
  ];
  return [...new Set([...asked, ...lambda])].toSorted();
}
