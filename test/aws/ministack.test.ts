import { ListQueuesCommand, SQSClient } from "@aws-sdk/client-sqs";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, inject, onTestFinished, test } from "vitest";

import { startMinistack } from "./ministack.ts";
import { members } from "./processes.ts";

test("whoever has its environment speaks to the run's MiniStack", async () => {
  const aws = inject("aws");
  const sqs = new SQSClient({
    endpoint: aws.AWS_ENDPOINT_URL,
    region: aws.AWS_REGION,
    credentials: { accessKeyId: aws.AWS_ACCESS_KEY_ID, secretAccessKey: aws.AWS_SECRET_ACCESS_KEY },
  });
  const { QueueUrls = [] } = await sqs.send(new ListQueuesCommand({ QueueNamePrefix: "nobody-has-this" }));
  expect(QueueUrls).toEqual([]);
});

test("it listens on one port of 127.0.0.1, and on nothing else", async () => {
  const ministack = await startMinistack();
  onTestFinished(() => ministack.close());
  const { host } = new URL(ministack.url);
  expect(listeners(ministack.group)).toEqual([host]);
});

test("it ends with the process that started it, however that ends", async () => {
  const script = `
    import { startMinistack } from ${JSON.stringify(fileURLToPath(new URL("ministack.ts", import.meta.url)))};
    process.stdout.write(\`\${(await startMinistack()).group}\\n\`);`;
  const owner = spawn(process.execPath, ["--input-type=module", "--eval", script], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const [line] = (await once(owner.stdout, "data")) as [Buffer];
  const group = Number.parseInt(line.toString(), 10);
  owner.kill("SIGKILL");
  await expect.poll(() => members(group), { timeout: 30_000 }).toEqual([]);
});

/** Addresses on which a process of the group accepts connections. */
function listeners(group: number): string[] {
  const sockets = new Set(
    members(group).flatMap((pid) => readdirSync(`/proc/${pid}/fd`).map((fd) => link(`/proc/${pid}/fd/${fd}`))),
  );
  return ["/proc/net/tcp", "/proc/net/tcp6"].flatMap((table) =>
    read(table)
      .split("\n")
      .map((row) => row.trim().split(/\s+/))
      .filter(([, , , state, , , , , , inode]) => state === LISTEN && sockets.has(`socket:[${inode}]`))
      .map(([, local = ""]) => address(local)),
  );
}

const LISTEN = "0A";

/** `0100007F:1F90` is 127.0.0.1:8080. */
function address(local: string): string {
  const [ip = "", port = ""] = local.split(":");
  if (ip.length !== 8) return local;
  return `${[6, 4, 2, 0].map((at) => Number.parseInt(ip.slice(at, at + 2), 16)).join(".")}:${Number.parseInt(port, 16)}`;
}

/** What is gone by now says nothing. */
function read(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}

function link(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return "";
  }
}
