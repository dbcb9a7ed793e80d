import { expect, test } from "vitest";
import { createSqliteQueue } from "../../src/adapters/queue-sqlite.ts";
import { createStore } from "../../src/adapters/store.ts";
import { createSqliteTable } from "../../src/adapters/table-sqlite.ts";
import { parseRepoName, type RepoName } from "../../src/core/names.ts";
import { look } from "../../src/look.ts";
import { NOW, preview, repo } from "../core/decision-fixture.ts";

const renamed = parseRepoName("acme/store") as RepoName;

test("a look from inside goes by the name that an event brought last, whatever its sender remembers", async () => {
  const now = () => NOW;
  const store = createStore(createSqliteTable(":memory:"));
  const queue = createSqliteQueue(":memory:", now);
  const sent = async (): Promise<unknown> => {
    await look(preview, { installation: 3, repo, because: "a preview slot is free" }, { store, queue, clock: { now } });
    const [message] = queue.receive("deployer", 10);
    queue.delete(message?.receipt ?? "");
    return JSON.parse(message?.body ?? "null") as unknown;
  };
  expect(await sent()).toMatchObject({ repo, installation: 3 });
  await store.putRepo({ id: preview.repoId, name: renamed, installation: 4, active: true });
  expect(await sent()).toMatchObject({ repo: renamed, installation: 4 });
});
