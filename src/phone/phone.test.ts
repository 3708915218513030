import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { type TestContext, test } from "node:test";
import { systemClock } from "#base/clock.ts";
import { seededRandom } from "#base/random.ts";
import { ulawToLinear } from "#media/codec/g711.ts";
import { createLocator } from "#sip/transport/location.ts";
import { HEARD_FROM, correlate } from "./correlate.ts";
import { type Answering, type Phone, openPhone } from "./phone.ts";
import { readWav } from "./wav.ts";

const noDns = { srv: unanswered, a: unanswered, aaaa: unanswered };
function unanswered(): never {
  throw new Error("a numeric address needs no DNS");
}

async function phone(t: TestContext, user: string, answering: Answering): Promise<Phone> {
  const opened = await openPhone(
    {
      address: "127.0.0.1",
      port: 0,
      transports: ["UDP", "TCP"],
      user,
      clock: systemClock,
      random: seededRandom(user.length),
      makeLocator: (listeners) => createLocator({ dns: noDns, clock: systemClock, listeners }),
    },
    answering,
  );
  t.after(() => opened.close());
  return opened;
}

const file = readWav(readFileSync(new URL("./speech.wav", import.meta.url)));
assert.ok(file.ok);
const ulaw = file.value.subarray(8000, 16_000);
const order = (uri: string) => ({ uri, ulaw, tailMs: 200, answerTimeoutMs: 3000, onProgress: () => undefined });

test("a phone calls an echoing phone and hears what it said", async (t) => {
  const caller = await phone(t, "caller", { type: "refuse", status: 486, reasonPhrase: "Busy Here" });
  const callee = await phone(t, "echo", { type: "echo", ringMs: 50 });
  const report = await caller.call(order(`sip:echo@127.0.0.1:${callee.port}`));
  assert.equal(report.answered, true);
  assert.ok(correlate(ulawToLinear(ulaw), ulawToLinear(report.recording)).correlation >= HEARD_FROM);
});

test("busy is told with its status, over TCP too", async (t) => {
  const caller = await phone(t, "caller", { type: "echo", ringMs: 0 });
  const callee = await phone(t, "busy", { type: "refuse", status: 486, reasonPhrase: "Busy Here" });
  const report = await caller.call(order(`sip:x@127.0.0.1:${callee.port};transport=tcp`));
  assert.deepEqual([report.answered, report.status, report.reason], [false, 486, "486 Busy Here"]);
});

test("ping tells who answered, and why nobody did", async (t) => {
  const caller = await phone(t, "caller", { type: "echo", ringMs: 0 });
  const callee = await phone(t, "callee", { type: "echo", ringMs: 0 });
  const pong = await caller.ping(`sip:127.0.0.1:${callee.port}`);
  assert.equal(pong.ok, true);
  assert.equal(pong.target, `udp:127.0.0.1:${callee.port}`);
  const dead = await callee.ping(`sip:127.0.0.1:${caller.port};transport=tls`);
  assert.equal(dead.ok, false);
  assert.match((await caller.ping("nonsense")).reason, /no SIP URI/);
});
