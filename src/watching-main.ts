/** What watches signalling: the sinks that each event goes to, and the one publisher of events. */
import { join } from "node:path";
import pino, { type DestinationStream } from "pino";
import type { Clock } from "#base/clock.ts";
import type { NodeConfig } from "#config/config.ts";
import { createCounters } from "#observe/counters.ts";
import { openLadderRing } from "#observe/ladder-ring.ts";
import { createLiveEvents } from "#observe/live-events.ts";
import { createLog } from "#observe/log.ts";
import { createPeerTotals } from "#observe/peer-totals.ts";
import { createPublisher } from "#observe/publish.ts";
import { LADDER_FOLDER } from "#observe/read-ladder.ts";
import { createRefusals } from "#observe/recent-refusals.ts";

const LOG_WRITE_BYTES = 8 << 10;
const LOG_DELAY_MS = 100;
/** Before that, as events: they become text in a row. */
const LOG_WAIT_MS = 50;
/** After the last line: one that falls on a write under way does nothing. */
const LOG_FLUSHES = 10;

/** @param soon has the publisher flushed at the end of this turn of the event loop */
export function openWatching(node: NodeConfig, clock: Clock, startedAtMs: number, soon: () => void) {
  const log = createLog({
    level: node.logLevel,
    numbers: node.logNumbers,
    format: process.stderr.isTTY ? "lines" : "json",
    colour: process.stderr.isTTY,
    clock,
    waitMs: process.stderr.isTTY ? 0 : LOG_WAIT_MS,
    destination: logDestination(clock),
  });
  // Before the destination's own end, whatever ends the process.
  process.prependListener("exit", log.flush);
  const counters = createCounters();
  const ladder = openLadderRing({
    dir: join(node.home, LADDER_FOLDER),
    clock,
    ringBytes: node.traceBytesMax,
    onProblem: (reason) => log.line("warn", reason),
  });
  const peerTotals = createPeerTotals();
  const refusals = createRefusals();
  const live = createLiveEvents({ clock, boot: startedAtMs.toString(36) });
  // Nobody but the API's thread follows.
  const followed = node.api === undefined ? [] : [live];
  const publisher = createPublisher(
    [counters, ladder, log, peerTotals, refusals, ...followed],
    clock,
    (sink, error) => log.line("error", `${sink.name} is cut off: ${String(error)}`),
    soon,
  );
  process.prependListener("exit", publisher.flush);
  return { log, counters, ladder, peerTotals, refusals, live, publisher };
}

/** A person sees each line at once; for machines a few lines share a write, which costs as much as a line. */
function logDestination(clock: Clock): DestinationStream {
  if (process.stderr.isTTY) return pino.destination({ fd: 2, sync: true });
  const destination = pino.destination({ fd: 2, sync: false, minLength: LOG_WRITE_BYTES });
  // Not by its own interval, which never rests.
  let flushes = 0;
  const flush = (): void => {
    destination.flush();
    if (--flushes > 0) clock.after(LOG_DELAY_MS, flush);
  };
  return {
    write(lines) {
      destination.write(lines);
      if (flushes === 0) clock.after(LOG_DELAY_MS, flush);
      flushes = LOG_FLUSHES;
    },
  };
}
