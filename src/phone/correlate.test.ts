import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { seededRandom } from "#base/random.ts";
import { ulawToLinear } from "#media/codec/g711.ts";
import { HEARD_FROM, correlate } from "./correlate.ts";
import { readWav, writeWav } from "./wav.ts";

const file = readWav(readFileSync(new URL("./speech.wav", import.meta.url)));
assert.ok(file.ok);
const speech = ulawToLinear(file.value);
const late = (samples: Int16Array, by: number): Int16Array => Int16Array.of(...Array.from({ length: by }, () => 0), ...samples);

test("the same speech half a second later is heard, with its lag", () => {
  const { correlation, lagMs } = correlate(speech, late(speech, 4000));
  assert.ok(correlation > 0.999);
  assert.equal(lagMs, 500);
});

test("silence, noise and half of the speech are not heard", () => {
  const random = seededRandom(5);
  assert.equal(correlate(speech, new Int16Array(speech.length)).correlation, 0);
  assert.equal(correlate(speech, new Int16Array(0)).correlation, 0);
  assert.ok(
    correlate(
      speech,
      speech.map(() => random.integer(20_000) - 10_000),
    ).correlation < 0.3,
  );
  assert.ok(correlate(speech, speech.subarray(0, speech.length >> 1)).correlation < HEARD_FROM);
});

test("a recording that starts three frames late is still heard", () => {
  const { correlation, lagMs } = correlate(speech, speech.subarray(480));
  assert.ok(correlation >= HEARD_FROM);
  assert.equal(lagMs, -60);
});

test("a lost frame in fifty is still heard", () => {
  const lossy = speech.map((sample, i) => (Math.floor(i / 160) % 50 === 0 ? 0 : sample));
  assert.ok(correlate(speech, lossy).correlation >= HEARD_FROM);
});

test("a WAV file written is read again; anything else says why not", () => {
  const again = readWav(writeWav(file.value));
  assert.ok(again.ok);
  assert.deepEqual(again.value, file.value);
  assert.equal(readWav(Buffer.from("nope")).ok, false);
  const stereo = writeWav(file.value);
  stereo.writeUInt16LE(2, 22);
  assert.match(JSON.stringify(readWav(stereo)), /2 channels/);
  for (let cut = 0; cut < 60; cut++) readWav(writeWav(file.value).subarray(0, cut));
});
