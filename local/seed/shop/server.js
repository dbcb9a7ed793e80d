import { readFileSync } from "node:fs";
import { env } from "node:process";
import { createApp } from "./app.js";
import { openCatalogue } from "./catalogue.js";

const { version } = JSON.parse(readFileSync(new URL("./package.json", import.meta.url), "utf8"));
const commit = env.SOURCE_COMMIT ?? "unknown";
const port = Number(env.PORT ?? 8080);

console.log(`shop ${version} (${commit.slice(0, 7)}) is starting`);
const catalogue = await openCatalogue();
const server = createApp({ catalogue, version, commit });
server.listen(port, () => console.log(`shop ${version} is listening on port ${port}`));

// Kubernetes sends SIGTERM and then waits: requests that are running get to finish, new ones go to other pods.
process.on("SIGTERM", () => {
  console.log(`shop ${version} is stopping`);
  server.close(() => process.exit(0));
});
