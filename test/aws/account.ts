import { type Gateway, startGateway } from "./gateway.ts";
import { type Ministack, startMinistack } from "./ministack.ts";

/** An AWS account of a test file's own, in which functions run and are watched. */
export interface Account extends Ministack {
  readonly gateway: Gateway;
}

/** From then on this process is its administrator: our adapters find their AWS in the environment, as they do on Lambda. */
export async function openAccount(): Promise<Account> {
  const gateway = await startGateway();
  const ministack = await startMinistack({ functions: gateway.env });
  gateway.forwardTo(ministack.url);
  Object.assign(process.env, ministack.env);
  return {
    ...ministack,
    gateway,
    async close() {
      await ministack.close();
      await gateway.close();
    },
  };
}
