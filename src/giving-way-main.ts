/**
 * Who gives way to the event loop of signalling: V8's own threads, which collect and compile, and the store's. On a
 * single core each of their time slices is a delay of calls, several ms long, and none of their work is urgent.
 * Linux alone has priorities of threads; elsewhere nothing happens.
 */
import { readFileSync, readdirSync } from "node:fs";
import { setPriority } from "node:os";

/** As `nice`: a tenth of the share of whoever does not give way, and all that nobody else wants. */
const NICE = 10;
/** The calling thread, as setpriority(2) has it on Linux. */
const SELF = 0;
const V8_THREADS = "V8Worker";

function lower(thread: number): void {
  try {
    setPriority(thread, NICE);
  } catch {
    // It has ended, or this process may not: it goes on as it was.
  }
}

/** The thread that calls this. */
export function giveWay(): void {
  if (process.platform === "linux") lower(SELF);
}

/** The threads of V8, which are there from the start. */
export function letV8GiveWay(): void {
  if (process.platform !== "linux") return;
  try {
    for (const thread of readdirSync("/proc/self/task"))
      if (readFileSync(`/proc/self/task/${thread}/comm`, "latin1").trim() === V8_THREADS) lower(Number(thread));
  } catch {
    // No /proc, or a thread that ended meanwhile.
  }
}
