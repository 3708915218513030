/** rtpengine through the ng adapter; what it does differently stands here with its reason. */
import { networkInterfaces } from "node:os";
import { systemClock } from "#base/clock.ts";
import { systemRandom } from "#base/random.ts";
import { connectRtpengines } from "#media/ng/ng-engine.ts";
import { skipWithout } from "../kit/peers.ts";
import { startRtpengine } from "../kit/rtpengine.ts";
import { type EngineDifference, mediaEngineContract } from "./media-engine.ts";

const DIFFERENCES: Readonly<Partial<Record<EngineDifference, string>>> = {
  "ports of the pool": "rtpengine has one range of ports for all its interfaces",
  "loss from sequence numbers": "rtpengine 10.5 knows loss only as peers report it by RTCP",
  "another port of the described host": "rtpengine takes the described place, or with nat any: nothing between",
  "the signalling peer's address": "rtpengine takes the described place, or with nat any: nothing between",
  "the address of strays": "rtpengine counts what it drops, and does not say where it came from",
  "what is no RTP": "rtpengine relays any datagram of the right source",
  "a gateway's side alone": "rtpengine makes ports for pairs only",
};

/** Where rtpengine's names are not those of the pools. */
const INTERFACES: Readonly<Record<string, string>> = { carrier: "inside", tiny: "public" };

mediaEngineContract(
  "rtpengine",
  async (pools) => {
    const address = pools[0]!.bindAddress;
    const port = 22_220;
    const hasIpv6 = Object.values(networkInterfaces()).some((addresses) => addresses?.some((one) => one.address === "::1"));
    const rtpengine = await startRtpengine({
      address,
      port,
      interfaces: pools
        .filter(({ name, bindAddress }) => name !== "tiny" && (hasIpv6 || !bindAddress.includes(":")))
        .map(({ name, bindAddress, advertisedAddress }) => `${INTERFACES[name] ?? name}/${bindAddress}!${advertisedAddress}`),
      portMin: 20_000,
      portMax: 30_999,
    });
    const engine = connectRtpengines({
      nodes: [{ address, port, weight: 1 }],
      pools,
      interfaces: INTERFACES,
      prefix: "contract-",
      expected: [],
      clock: systemClock,
      random: systemRandom,
      publish: () => {},
    });
    await new Promise<void>((resolve) => {
      engine.onEvent = (event) => event.type === "up" && resolve();
    });
    return {
      engine,
      strayWatch: false,
      stop: async () => {
        engine.close();
        await rtpengine.kill();
      },
    };
  },
  { differences: DIFFERENCES, skip: skipWithout("rtpengine") },
);
