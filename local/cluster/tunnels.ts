import { once } from "node:events";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { type KubeConfig, PortForward } from "@kubernetes/client-node";

export interface PodPort {
  readonly namespace: string;
  readonly pod: string;
  readonly port: number;
}

export interface Tunnels {
  /** A port of this machine that leads into the pod. */
  to(place: PodPort): Promise<number>;
  close(): void;
}

/** As `kubectl port-forward` does it: pods of a real cluster are reached through its API server, wherever they are. */
export function createTunnels(config: KubeConfig): Tunnels {
  const forward = new PortForward(config);
  const servers = new Map<string, Promise<Server>>();
  const sockets = new Set<Socket>();

  async function listen({ namespace, pod, port }: PodPort): Promise<Server> {
    const server = createServer((socket) => {
      sockets.add(socket);
      socket.on("close", () => sockets.delete(socket));
      socket.on("error", () => socket.destroy());
      // A pod that cannot be reached closes the connection, as one that is gone would.
      connect(socket, { namespace, pod, port }).catch(() => socket.destroy());
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    return server;
  }

  async function connect(socket: Socket, { namespace, pod, port }: PodPort): Promise<void> {
    const opened = await forward.portForward(namespace, pod, [port], socket, null, socket);
    const tunnel = typeof opened === "function" ? opened() : opened;
    if (tunnel === null) return void socket.destroy();
    tunnel.addEventListener("close", () => void socket.end());
    socket.on("close", () => tunnel.close());
  }

  return {
    async to(place) {
      const key = `${place.namespace}/${place.pod}:${place.port}`;
      const server = servers.get(key) ?? listen(place);
      servers.set(key, server);
      return ((await server).address() as AddressInfo).port;
    },
    close() {
      for (const server of servers.values()) void server.then((listening) => listening.close());
      for (const socket of sockets) socket.destroy();
    },
  };
}
