/** Tones as they leave: the frequency that is heard, the cadence, the pace and the headers of RTP. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { ulawToLinear } from "#media/codec/g711.ts";
import { type Play, TONES } from "#media/engine.ts";
import { parseRtp, type RtpPacket } from "#media/rtp/rtp-packet.ts";
import { Player } from "./player.ts";
import { cadence, encodedCadence } from "./tones.ts";

const PLAY: Play = { session: "s", side: "a", tone: "busy", encoding: "PCMU", payloadType: 0, durationMs: 1000 };

/** Power of one frequency (Goertzel), of samples at 8000 Hz. */
function power(samples: Int16Array, frequencyHz: number): number {
  const factor = 2 * Math.cos((2 * Math.PI * frequencyHz) / 8000);
  let [one, two] = [0, 0];
  for (const sample of samples) [one, two] = [sample + factor * one - two, one];
  return (one ** 2 + two ** 2 - factor * one * two) / samples.length;
}
function alawToLinear(byte: number): number {
  const bits = byte ^ 0x55;
  const exponent = (bits >> 4) & 7;
  const base = ((bits & 0x0f) << 4) + 8;
  const magnitude = exponent === 0 ? base : (base + 0x100) << (exponent - 1);
  return bits & 0x80 ? magnitude : -magnitude;
}

test("each tone has its frequencies and its pauses", () => {
  for (const tone of TONES) {
    const samples = cadence(tone);
    const [first] = tone === "special-information" ? [950] : [425];
    const sound = samples.subarray(0, 1600);
    assert.ok(power(sound, first!) > 100 * power(sound, 1200), tone);
    assert.equal(samples.length % 160, 0, `${tone} is whole packets`);
    assert.ok(
      samples.subarray(-1600).every((sample) => sample === 0),
      `${tone} ends in silence`,
    );
  }
});

test("both laws give the samples back within their steps", () => {
  const samples = cadence("busy");
  const ulaw = ulawToLinear(encodedCadence("busy", "PCMU"));
  const alaw = Int16Array.from(encodedCadence("busy", "PCMA"), alawToLinear);
  for (const [i, sample] of samples.entries()) {
    assert.ok(Math.abs(ulaw[i]! - sample) <= Math.max(16, Math.abs(sample) / 16), `µ ${sample} became ${ulaw[i]}`);
    assert.ok(Math.abs(alaw[i]! - sample) <= Math.max(16, Math.abs(sample) / 16), `A ${sample} became ${alaw[i]}`);
  }
});

function played(play: Partial<Play>, ticksMs: readonly number[], reachable = true): readonly RtpPacket[] {
  const packets: RtpPacket[] = [];
  const player = new Player({
    random: (below) => below - 1,
    send(session, side, packet) {
      assert.deepEqual([session, side], ["s", "a"]);
      const read = parseRtp(Buffer.from(packet));
      assert.ok(read.ok);
      packets.push(read.value);
      return reachable;
    },
  });
  player.play({ ...PLAY, ...play }, 0);
  for (const tickMs of ticksMs) player.tick(tickMs);
  if (ticksMs.at(-1)! > 2000 || !reachable) assert.equal(player.size, 0);
  return packets;
}
const every5 = (untilMs: number): readonly number[] => Array.from({ length: untilMs / 5 + 1 }, (_, i) => 5 * i);

test("a packet every 20 ms, numbered, marked at the beginning, for as long as was asked", () => {
  const packets = played({ durationMs: 1000 }, every5(2005));
  assert.equal(packets.length, 50);
  assert.deepEqual([packets[0]!.marker, packets[1]!.marker, packets[0]!.payloadType, packets[0]!.payload.length], [true, false, 0, 160]);
  assert.equal(packets[1]!.sequence, packets[0]!.sequence + 1);
  assert.equal(packets[1]!.timestampTicks, (packets[0]!.timestampTicks + 160) >>> 0);
  const heard = ulawToLinear(Uint8Array.from(packets.slice(0, 25).flatMap(({ payload }) => [...payload])));
  assert.ok(power(heard, 425) > 100 * power(heard, 950));
  assert.equal(played({ durationMs: 1000 }, every5(500)).length, 26);
});

test("a late tick sends what is due; after a long stop it goes on without a burst", () => {
  assert.equal(played({}, [0, 90]).length, 5);
  assert.equal(played({ durationMs: 60_000 }, [0, 1000]).length, 2);
});

test("nobody to hear it ends it", () => {
  assert.equal(played({}, [0, 20, 40], false).length, 1);
});
