import { createSqliteQueue } from "../../src/adapters/queue-sqlite.ts";
import { newFolder } from "./folder.ts";
import { describeQueue, describeQueueTimes, underTest } from "./queue-suite.ts";

const folder = newFolder();
const visibilityMs = 60_000;

describeQueue("SQLite", async (name, now) =>
  underTest(createSqliteQueue(folder(`${name}.sqlite`), now, visibilityMs), visibilityMs),
);

describeQueueTimes("SQLite", (now, visibilityMs) => createSqliteQueue(":memory:", now, visibilityMs));
