// Preloaded into every container's process. In a cluster a process has a network of its own; here it shares this machine's,
// so whatever it listens on becomes 127.0.0.1. And when the cluster's process dies, however it dies, its containers go too.
const { Server } = require("node:net");

const listen = Server.prototype.listen;
Server.prototype.listen = function (...args) {
  const [first] = args;
  if (typeof first === "object" && first !== null && first.port !== undefined) {
    args[0] = { ...first, host: "127.0.0.1" };
  } else if (typeof first === "number" || (typeof first === "string" && /^\d+$/.test(first))) {
    if (typeof args[1] === "string") args[1] = "127.0.0.1";
    else args.splice(1, 0, "127.0.0.1");
  }
  return listen.apply(this, args);
};

if (process.channel) {
  process.channel.unref();
  process.once("disconnect", () => process.kill(-process.pid, "SIGKILL"));
}
