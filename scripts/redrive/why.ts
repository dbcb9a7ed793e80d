import { CloudWatchLogsClient, FilterLogEventsCommand } from "@aws-sdk/client-cloudwatch-logs";
import { object, text } from "../../src/adapters/kubernetes-json.ts";
import type { Letter } from "./letter.ts";

/** More would be read for one line that is nice to have. */
const PAGES = 5;

/** What the function logged when it failed at this message the last time; null: nothing to be found, or nobody may look. */
export async function lastFailure(logGroup: string, { id, sentAt }: Letter, logs = new CloudWatchLogsClient()) {
  const query = {
    logGroupName: logGroup,
    startTime: sentAt,
    filterPattern: `{ $.msg = "message failed" && $.messageId = "${id}" }`,
  };
  let last: string | null = null;
  let nextToken: string | undefined;
  try {
    for (let page = 0; page < PAGES; page++) {
      const found = await logs.send(
        new FilterLogEventsCommand({ ...query, ...(nextToken === undefined ? {} : { nextToken }) }),
      );
      for (const { message = "" } of found.events ?? []) last = reasonIn(message) ?? last;
      nextToken = found.nextToken;
      if (nextToken === undefined) break;
    }
  } catch {
    // It is one line beside what is shown; the letters are shown without it.
    return null;
  }
  return last;
}

function reasonIn(line: string): string | null {
  try {
    const error = object(object(JSON.parse(line))["error"]);
    return text(error["message"]) || null;
  } catch {
    return null;
  }
}
