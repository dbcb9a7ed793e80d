import { createLambdaFunction, createProbot } from "@probot/adapter-aws-lambda-serverless";

/** A Probot app on Lambda as its documentation has it. It queues nothing, which is less than ours does. */
export const handler = createLambdaFunction((app) => app.on("pull_request", async () => undefined), {
  probot: createProbot(),
});
