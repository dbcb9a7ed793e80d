import { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { inject } from "vitest";
import { createDynamoDbTable } from "../../src/adapters/table-dynamodb.ts";
import { describeStore } from "../adapters/store-suite.ts";
import { describeTable, describeTableLimits } from "../adapters/table-suite.ts";
import { createTable } from "./dynamodb.ts";

const { AWS_ENDPOINT_URL, AWS_REGION, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY } = inject("aws");
const client = new DynamoDBClient({
  endpoint: AWS_ENDPOINT_URL,
  region: AWS_REGION,
  credentials: { accessKeyId: AWS_ACCESS_KEY_ID, secretAccessKey: AWS_SECRET_ACCESS_KEY },
});

describeTable("DynamoDB", async (name, now) => {
  await createTable(client, `suite-${name}`);
  const table = createDynamoDbTable({ table: `suite-${name}`, client, now });
  return { table, close: async () => undefined };
});

describeTableLimits("DynamoDB", async () => {
  await createTable(client, "suite-limits");
  return { table: createDynamoDbTable({ table: "suite-limits", client }), close: async () => undefined };
});

let stores = 0;
describeStore("DynamoDB", async (now) => {
  const table = `suite-store-${++stores}`;
  await createTable(client, table);
  return { table: createDynamoDbTable({ table, client, now }), close: async () => undefined };
});
