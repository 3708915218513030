/**
 * The load of the signalling bench: a sipp caller and a sipp gateway play whole calls, INVITE to BYE, with
 * headers as carriers send them. Counts come from sipp's own statistics file.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { ack, answer, bye, invite, pause, recv, respond, respondWithin, sdp, uac, uas } from "../kit/sipp-scenario.ts";
import { DID, type Ends } from "./signalling-sides.ts";

export interface Load {
  readonly ratePerSecond: number;
  readonly calls: number;
  /** How long an answered call stays up. */
  readonly holdMs: number;
}

export interface LoadResult {
  readonly successful: number;
  readonly failed: number;
  /** By both sides. */
  readonly retransmissions: number;
}

/** Each call has a number of its own: what goes in and what comes out are told apart by it, whatever happens to the Call-ID. */
export const CALLER_PREFIX = "+4930";

const caller = (holdMs: number): string =>
  uac([
    invite({
      headers: [
        "Supported: timer, path, replaces",
        "User-Agent: Carrier-SBC 9.2",
        "P-Asserted-Identity: <sip:+4930123456@carrier.example>",
      ],
    }),
    recv(100, { optional: true }),
    recv(180, { optional: true }),
    recv(200),
    ack(),
    pause(holdMs),
    bye(),
    recv(200),
  ]).replaceAll("sip:+4930123456@[local_ip]", `sip:${CALLER_PREFIX}[call_number]@[local_ip]`);
/** Without the search of headers that `recv("INVITE")` of the kit does: it would cost the generator. */
const GATEWAY = uas([
  '<recv request="INVITE" rrs="true" crlf="true"></recv>',
  respond(180, "Ringing"),
  answer({ body: sdp({ formats: "0 101" }) }),
  '<recv request="ACK" crlf="true"></recv>',
  '<recv request="BYE"></recv>',
  respondWithin(200, "OK"),
]);

let runs = 0;

/** A gateway that answers until it is told to stop; it serves any number of loads. */
export class Gateway {
  readonly #child: ChildProcess;
  readonly #statistics: string;

  constructor(ends: Ends, folder: string, prefix: readonly string[]) {
    const name = join(folder, `gateway${runs++}`);
    this.#statistics = `${name}.csv`;
    writeFileSync(`${name}.xml`, GATEWAY);
    this.#child = sipp(prefix, [
      "-sf",
      `${name}.xml`,
      "-i",
      ends.gateway,
      "-p",
      "5060",
      "-trace_stat",
      "-stf",
      this.#statistics,
      "-fd",
      "1",
    ]);
  }
  get retransmissions(): number {
    return lastOf(this.#statistics, "Retransmissions(C)");
  }
  async stop(): Promise<void> {
    const gone = once(this.#child, "exit");
    if (this.#child.exitCode === null && this.#child.kill("SIGKILL")) await gone;
  }
}

/** @param port of the caller: several may run beside each other */
export function startCaller(
  ends: Ends,
  load: Load,
  folder: string,
  prefix: readonly string[],
  port: number,
): { readonly ended: Promise<LoadResult>; stop(): void } {
  const name = join(folder, `caller${runs++}`);
  writeFileSync(`${name}.xml`, caller(load.holdMs));
  const child = sipp(prefix, [
    ...[`${ends.private}:5060`, "-sf", `${name}.xml`, "-i", ends.carrier, "-p", String(port), "-s", DID],
    ...["-r", String(load.ratePerSecond), "-m", String(load.calls), "-l", "100000", "-recv_timeout", "20000"],
    ...["-trace_stat", "-stf", `${name}.csv`, "-fd", "1"],
  ]);
  const ended = once(child, "exit").then(() => {
    const successful = lastOf(`${name}.csv`, "SuccessfulCall(C)");
    // Calls that were never made failed too.
    return { successful, failed: load.calls - successful, retransmissions: lastOf(`${name}.csv`, "Retransmissions(C)") };
  });
  return { ended, stop: () => void child.kill("SIGKILL") };
}

/** Plays a load to its end. @param running a gateway that is there already, and stays */
export async function play(ends: Ends, load: Load, folder: string, prefix: readonly string[], running?: Gateway): Promise<LoadResult> {
  const gateway = running ?? new Gateway(ends, folder, prefix);
  await sleep(300);
  try {
    const result = await startCaller(ends, load, folder, prefix, 5060).ended;
    // Its statistics are written each second.
    await sleep(1_100);
    return { ...result, retransmissions: result.retransmissions + gateway.retransmissions };
  } finally {
    if (running === undefined) await gateway.stop();
  }
}

function sipp(prefix: readonly string[], args: readonly string[]): ChildProcess {
  const [command, ...rest] = [...prefix, "sipp", ...args, "-nostdin", "-nd", "-buff_size", "2000000"];
  return spawn(command!, rest, { stdio: ["ignore", "ignore", "ignore"] });
}

/** The last value of a column of sipp's semicolon-separated statistics. */
function lastOf(file: string, column: string): number {
  const lines = readFileSync(file, "latin1").trim().split("\n");
  const at = lines[0]!.split(";").indexOf(column);
  return Number(lines.at(-1)!.split(";")[at]);
}
