type Attribute = Readonly<Record<string, string>>;
type Row = Record<string, Attribute>;

/** The parameters that the actions below share. */
interface Parameters {
  readonly Key?: Row;
  readonly IndexName?: string;
  readonly KeyConditionExpression?: string;
  readonly ConditionExpression?: string;
  readonly UpdateExpression?: string;
  readonly ExpressionAttributeValues?: Row;
  readonly TransactItems?: readonly { readonly Update?: Parameters; readonly Delete?: Parameters }[];
}

/** As much of DynamoDB as `table-dynamodb.ts` uses, for one table; a condition that does not hold is a mistake of the rehearsal. */
export function createDynamoDb() {
  let rows = new Map<string, Row>();
  const id = (key: Row = {}): string => `${key["pk"]?.["S"]}\n${key["sk"]?.["S"]}`;

  function query({ IndexName, KeyConditionExpression = "", ExpressionAttributeValues: given = {} }: Parameters): Row[] {
    if (IndexName !== undefined) {
      const due = [...rows.values()].filter((row) => row["dueIndex"]?.["S"] === given[":index"]?.["S"]);
      return due.filter((row) => Number(row["dueAt"]?.["N"]) <= Number(given[":before"]?.["N"]));
    }
    const prefix = KeyConditionExpression.includes("begins_with") ? (given[":prefix"]?.["S"] ?? "") : "";
    return [...rows.values()]
      .filter(({ pk, sk }) => pk?.["S"] === given[":pk"]?.["S"] && (sk?.["S"] ?? "").startsWith(prefix))
      .sort((a, b) => ((a["sk"]?.["S"] ?? "") < (b["sk"]?.["S"] ?? "") ? -1 : 1));
  }

  function update({
    Key = {},
    UpdateExpression = "",
    ConditionExpression,
    ExpressionAttributeValues: given = {},
  }: Parameters) {
    const row = rows.get(id(Key));
    if (!holds(ConditionExpression, row, given)) throw new Error(`not so: ${ConditionExpression} for ${id(Key)}`);
    const next: Row = { ...row, ...Key };
    for (const [, name = "", value = ""] of UpdateExpression.matchAll(/#(\w+) = (:\w+)/g))
      next[name] = given[value] ?? {};
    if (UpdateExpression.includes("if_not_exists")) next["version"] = { N: `${versionOf(row) + 1}` };
    for (const [name = ""] of (UpdateExpression.split("REMOVE ")[1] ?? "").matchAll(/\w+/g)) delete next[name];
    rows.set(id(Key), next);
  }

  return {
    answer(action: string, parameters: Parameters): unknown {
      switch (action) {
        case "GetItem": {
          const row = rows.get(id(parameters.Key));
          return row === undefined ? {} : { Item: row };
        }
        case "Query":
          return { Items: query(parameters), Count: 0 };
        case "UpdateItem":
          update(parameters);
          return {};
        case "DeleteItem":
          rows.delete(id(parameters.Key));
          return {};
        case "TransactWriteItems":
          for (const { Update, Delete } of parameters.TransactItems ?? []) {
            if (Update !== undefined) update(Update);
            if (Delete !== undefined) rows.delete(id(Delete.Key));
          }
          return {};
        default:
          throw new Error(`DynamoDB ${action} is not rehearsed`);
      }
    },
    save(): () => void {
      const kept = new Map(rows);
      return () => void (rows = new Map(kept));
    },
  };
}

const versionOf = (row: Row | undefined): number => Number(row?.["version"]?.["N"] ?? 0);

function holds(condition: string | undefined, row: Row | undefined, given: Row): boolean {
  if (condition === undefined) return true;
  if (condition.startsWith("attribute_not_exists(#pk)")) return row === undefined;
  return versionOf(row) === Number(given[":version"]?.["N"]);
}
