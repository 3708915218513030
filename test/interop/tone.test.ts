/** A refusal that is heard, over real sockets: the tone's frequency is found in the RTP that came, then the final response. */
import assert from "node:assert/strict";
import { createSocket } from "node:dgram";
import { describe, test } from "node:test";
import { ulawToLinear } from "#media/codec/g711.ts";
import { parseRtp, type RtpPacket } from "#media/rtp/rtp-packet.ts";
import { loopbackLab, startTandem } from "../kit/lab.ts";
import { skipWithout } from "../kit/peers.ts";
import { runSipp } from "../kit/sipp.ts";
import { ackFailure, invite, recv, sdp, uac } from "../kit/sipp-scenario.ts";
import { labYaml } from "./lab-yaml.ts";

/** Power of one frequency (Goertzel). */
function power(samples: Int16Array, frequencyHz: number): number {
  const factor = 2 * Math.cos((2 * Math.PI * frequencyHz) / 8000);
  let [one, two] = [0, 0];
  for (const sample of samples) [one, two] = [sample + factor * one - two, one];
  return (one ** 2 + two ** 2 - factor * one * two) / samples.length;
}

describe("a refusal that is heard", { skip: skipWithout("sipp") }, () => {
  test("busy: 183, 425 Hz in half-second beats at an even pace for four seconds, then 486", async (t) => {
    const lab = loopbackLab(t);
    const yaml = labYaml(lab).replace(
      '- { number: "ai", to: { gateway: ai1 } }',
      '- { number: "+15550000001", to: { reject: 486, reason: Busy Here, tone: busy } }',
    );
    assert.match(yaml, /tone: busy/);
    await startTandem(t, lab, yaml);
    const packets: { readonly packet: RtpPacket; readonly atMs: number }[] = [];
    const socket = createSocket("udp4");
    await new Promise<void>((resolve) => socket.bind(0, lab.carrier.address, resolve));
    lab.atEnd(() => void socket.close());
    socket.on("message", (bytes) => {
      const read = parseRtp(bytes);
      if (read.ok) packets.push({ packet: read.value, atMs: performance.now() });
    });
    const call = uac([
      invite({ body: sdp({ formats: "0 8 101", port: String(socket.address().port) }) }),
      recv(100, { optional: true }),
      recv(183, { timeoutMs: 3000 }),
      recv(486, { timeoutMs: 8000 }),
      ackFailure(),
    ]);
    const result = await runSipp(lab, lab.carrier, call, `${lab.sbcPrivate.address}:5060`, { service: "+15550000001" });
    assert.equal(result.successful, 1, result.output);
    assert.ok(packets.length >= 195 && packets.length <= 200, `${packets.length} packets`);
    const gaps = packets.slice(1).map(({ atMs }, i) => atMs - packets[i]!.atMs);
    t.diagnostic(`${packets.length} packets, longest gap ${Math.round(Math.max(...gaps))} ms`);
    for (const [i, { packet }] of packets.entries()) assert.equal(packet.sequence, (packets[0]!.packet.sequence + i) & 0xffff);
    const audio = ulawToLinear(Uint8Array.from(packets.flatMap(({ packet }) => [...packet.payload])));
    const sound = audio.subarray(0, 4000);
    assert.ok(power(sound, 425) > 1000 * power(sound, 950), "425 Hz");
    assert.ok(power(sound, 425) > 1000 * (power(audio.subarray(4000, 8000), 425) + 1), "and then silence");
    assert.ok(power(audio.subarray(8000, 12_000), 425) > 1000 * power(sound, 950), "and again");
  });
});
