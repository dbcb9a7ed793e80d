import { readdirSync, readFileSync } from "node:fs";

/** Of a process group, by Linux's own list. */
export function members(group: number): number[] {
  const pids = readdirSync("/proc").filter((name) => /^\d+$/.test(name));
  const isMember = (pid: string): boolean => {
    // Third and fifth field, after a name in parentheses: https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html
    const stat = read(`/proc/${pid}/stat`);
    const [state, , pgrp] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return state !== "Z" && Number(pgrp) === group;
  };
  return pids.filter(isMember).map(Number);
}

/** The processes in which a function of that stack is kept warm, if any. */
export function processesOf(group: number, functionName: string): number[] {
  const variable = `AWS_LAMBDA_FUNCTION_NAME=${functionName}`;
  return members(group).filter((pid) => read(`/proc/${pid}/environ`).split("\0").includes(variable));
}

/** What is gone by now says nothing. */
function read(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
