/**
 * The one clock of the local world: queue, deployer, GitHub, and the cluster simulator run on it. It runs in real time and
 * can be stepped forward, firing the timers on the way in order.
 */
export interface WorldClock {
  nowMs(): number;
  setTimeout(callback: () => void, delayMs: number): number;
  clearTimeout(handle: number): void;
  setInterval(callback: () => void, intervalMs: number): number;
  clearInterval(handle: number): void;
  /** Jumps ahead; timers that fall due on the way fire in order. */
  step(ms: number): void;
}
