/** Composition root of the media engine: the embedded one or rtpengine, as the configuration says. */
import { createHash } from "node:crypto";
import { join } from "node:path";
import type { Clock } from "#base/clock.ts";
import type { Random } from "#base/ids.ts";
import type { NodeConfig } from "#config/config.ts";
import { connectSpreadEngine } from "#media/embedded/spread-engine.ts";
import type { MediaEngine, PortPool, SessionId } from "#media/engine.ts";
import { connectRtpengines } from "#media/ng/ng-engine.ts";
import type { Publish } from "#observe/event.ts";
import type { Snapshot } from "#routing/snapshot.ts";

/** RTP and RTCP on both sides. */
const SOCKETS_PER_CALL = 4;

/** Where each listener's audio goes. */
export const portPools = ({ listeners }: Snapshot): readonly PortPool[] =>
  Array.from(listeners.values(), ({ name, mediaAddress, mediaAdvertised, mediaPortMin, mediaPortMax, device, mediaDscp }) => ({
    name,
    bindAddress: mediaAddress,
    advertisedAddress: mediaAdvertised,
    portMin: mediaPortMin,
    portMax: mediaPortMax,
    ...(device === undefined ? {} : { device }),
    ...(mediaDscp === undefined ? {} : { dscp: mediaDscp }),
  }));

export interface OpenEngine extends MediaEngine {
  readonly connected: boolean;
  /** For people: how it is. */
  describe(): string;
  /** Calls that its descriptors allow; undefined where that is not ours to know. */
  callsMax(): number | undefined;
  setPools(pools: readonly PortPool[]): void;
  /** The event loop is about to sleep. */
  beforeRest(): void;
  close(): void;
}

export interface EngineOptions {
  readonly node: NodeConfig;
  readonly pools: readonly PortPool[];
  /** Calls of the former process. */
  readonly expected: readonly SessionId[];
  /** Secret of this deployment. */
  readonly key: Uint8Array;
  readonly clock: Clock;
  readonly random: Random;
  readonly publish: Publish;
}

export function openEngine(options: EngineOptions): OpenEngine {
  return options.node.media.engine === "rtpengine" ? openRtpengines(options) : openEmbedded(options);
}

function openRtpengines({ node, pools, expected, key, clock, random, publish }: EngineOptions): OpenEngine {
  // Kamailio or another Tandem may use the same rtpengine: which calls there are ours must be plain, and stay so.
  const ours = createHash("sha256").update(key).digest("hex").slice(0, 12);
  const engine = connectRtpengines({
    nodes: node.media.rtpengines,
    interfaces: node.media.interfaces,
    pools,
    prefix: `tandem-${ours}-${node.id}-`,
    expected,
    clock,
    random,
    publish,
  });
  return Object.assign(engine, { callsMax: () => undefined, beforeRest: () => {} });
}

function openEmbedded({ node, pools, clock, publish }: EngineOptions): OpenEngine {
  const roomOf = (socketsMax: number): number => Math.floor(socketsMax / SOCKETS_PER_CALL);
  const engine = connectSpreadEngine({
    socketPathOf: (worker) => join(node.runDir, `media-${worker}.sock`),
    workers: node.media.workers,
    pools,
    clock,
    publish,
    coalesceUs: node.media.coalesceUs,
    // Descriptors bound the capacity: whoever wrote a larger calls_max hears of it.
    onUp: (socketsMax) => {
      const room = roomOf(socketsMax);
      if (room < node.callsMax)
        publish({
          type: "limit",
          limit: "descriptors",
          detail: `at most ${room} calls instead of ${node.callsMax}: media may open ${socketsMax} sockets; raise its limit of open files (ulimit -n)`,
        });
    },
  });
  return Object.assign(engine, {
    callsMax: () => (engine.hello === undefined ? undefined : roomOf(engine.hello.socketsMax)),
    describe: () =>
      engine.hello === undefined
        ? "not connected"
        : `${engine.hello.sockets}, process ${engine.hello.pid}, ${engine.workers === 1 ? "" : `${engine.workers} workers, `}room for ${roomOf(engine.hello.socketsMax)} calls`,
  });
}
