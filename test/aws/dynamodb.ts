import { CreateTableCommand, type DynamoDBClient } from "@aws-sdk/client-dynamodb";

/**
 * A table as `infra/deployer.yaml` has it; nothing where there is one of that name. But without a time to live: what has expired
 * stays there for days on AWS and has to be as if it were gone, and the tests' clock is not the one it would go by.
 */
export async function createTable(client: DynamoDBClient, name: string): Promise<void> {
  const key = (AttributeName: string, KeyType: "HASH" | "RANGE") => ({ AttributeName, KeyType });
  const command = new CreateTableCommand({
    TableName: name,
    BillingMode: "PAY_PER_REQUEST",
    AttributeDefinitions: [
      { AttributeName: "pk", AttributeType: "S" },
      { AttributeName: "sk", AttributeType: "S" },
      { AttributeName: "dueIndex", AttributeType: "S" },
      { AttributeName: "dueAt", AttributeType: "N" },
    ],
    KeySchema: [key("pk", "HASH"), key("sk", "RANGE")],
    GlobalSecondaryIndexes: [
      {
        IndexName: "due",
        KeySchema: [key("dueIndex", "HASH"), key("dueAt", "RANGE")],
        Projection: { ProjectionType: "KEYS_ONLY" },
      },
    ],
  });
  try {
    await client.send(command);
  } catch (error) {
    if ((error as Error).name !== "ResourceInUseException") throw error;
  }
}
