/**
 * How long a switch holds an INVITE: from the moment it reached the switch to the moment its own left for
 * the gateway, both by the kernel's clock (tcpdump on lo). Reads pcap files as libpcap writes them, UDP over
 * IPv4 on Ethernet framing, which is what Linux's loopback shows.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { CALLER_PREFIX } from "./signalling-load.ts";
import type { Ends } from "./signalling-sides.ts";

const FILE_HEADER_BYTES = 24;
const RECORD_HEADER_BYTES = 16;
const ETHERNET_BYTES = 14;
const UDP_BYTES = 8;
const MAGIC_NANOSECONDS = 0xa1b23c4d;
const SNAP_BYTES = 1_200;
const BUFFER_KB = 65_536;

export interface Delays {
  readonly calls: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

/**
 * Records from now on. Undefined where it may not.
 * @param prefix puts it beside the load: what watches must not take time from what is measured
 */
export async function startCapture(
  ends: Ends,
  folder: string,
  prefix: readonly string[],
): Promise<{ stop(): Promise<Delays> } | undefined> {
  const file = join(folder, "capture.pcap");
  const filter = `udp port 5060 and (dst host ${ends.private} or dst host ${ends.gateway})`;
  const [command = "tcpdump", ...args] = [
    ...prefix,
    "tcpdump",
    ...["-i", "lo", "-n", "-s", String(SNAP_BYTES), "-B", String(BUFFER_KB), "-w", file, filter],
  ];
  const child: ChildProcess = spawn(command, args, { stdio: ["ignore", "ignore", "pipe"] });
  const listening = new Promise<boolean>((resolve) => {
    child.stderr!.on("data", (chunk: Buffer) => chunk.includes("listening on") && resolve(true));
    child.on("error", () => resolve(false));
    child.on("exit", () => resolve(false));
  });
  if (!(await listening)) return undefined;
  return {
    async stop() {
      await sleep(300);
      const gone = once(child, "exit");
      child.kill("SIGINT");
      await gone;
      return delaysIn(readFileSync(file), ends);
    },
  };
}

function delaysIn(bytes: Buffer, ends: Ends): Delays {
  const cameMs = new Map<string, number>();
  const leftMs = new Map<string, number>();
  const nano = bytes.readUInt32LE(0) === MAGIC_NANOSECONDS;
  for (let at = FILE_HEADER_BYTES; at + RECORD_HEADER_BYTES <= bytes.length; ) {
    const atMs = bytes.readUInt32LE(at) * 1_000 + bytes.readUInt32LE(at + 4) / (nano ? 1e6 : 1e3);
    const packet = bytes.subarray(at + RECORD_HEADER_BYTES, at + RECORD_HEADER_BYTES + bytes.readUInt32LE(at + 8));
    at += RECORD_HEADER_BYTES + packet.length;
    const ip = packet.subarray(ETHERNET_BYTES);
    const message = ip.subarray((ip[0]! & 0xf) * 4 + UDP_BYTES).latin1Slice();
    const caller = message.startsWith("INVITE ") ? callerOf(message) : undefined;
    if (caller === undefined) continue;
    const times = ip.subarray(16, 20).join(".") === ends.private ? cameMs : leftMs;
    if (!times.has(caller)) times.set(caller, atMs);
  }
  const delays = [...leftMs].flatMap(([caller, left]) => (cameMs.has(caller) ? [left - cameMs.get(caller)!] : [])).sort((a, b) => a - b);
  const quantile = (q: number): number => Number((delays[Math.floor(delays.length * q)] ?? Number.NaN).toFixed(3));
  return { calls: delays.length, p50Ms: quantile(0.5), p99Ms: quantile(0.99) };
}

function callerOf(message: string): string | undefined {
  const start = message.indexOf(`sip:${CALLER_PREFIX}`, message.indexOf("\r\nFrom:"));
  const end = message.indexOf("@", start);
  return start < 0 || end < 0 ? undefined : message.slice(start, end);
}
