/** How many descriptors this process may have: what bounds sockets, and with them calls and connections. */
import { readFileSync } from "node:fs";

/** POSIX guarantees far less, every system in use gives at least so many. */
const DESCRIPTORS_UNKNOWN = 1_024;
/** Containers often have a limit of a thousand million; tables are sized by it. */
const DESCRIPTORS_MAX = 1 << 18;

/** Node raises the soft limit to the hard one at start. */
export function descriptorLimit(): number {
  try {
    const line = /^Max open files\s+(\S+)/m.exec(readFileSync("/proc/self/limits", "latin1"));
    return line?.[1] === "unlimited" ? DESCRIPTORS_MAX : Math.min(DESCRIPTORS_MAX, Number(line?.[1] ?? DESCRIPTORS_UNKNOWN));
  } catch {
    return DESCRIPTORS_UNKNOWN;
  }
}
