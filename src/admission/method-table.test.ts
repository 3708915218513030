import assert from "node:assert/strict";
import { test } from "node:test";
import { seededRandom } from "#base/random.ts";
import type { TandemEvent } from "#observe/event.ts";
import { createDigestUsers } from "#routing/digest-users.ts";
import { FloodLimit } from "#routing/flood-limit.ts";
import { createIdentifier } from "#routing/identify.ts";
import { makeSnapshot, makeTrunk } from "#routing/testing.ts";
import { DigestServer } from "#sip/auth/digest-server.ts";
import type { ReceivedRequest } from "#sip/message/message.ts";
import { parseMessage } from "#sip/message/parse-message.ts";
import { MethodTable } from "./method-table.ts";

const CARRIER = "198.51.100.1";

function requestOf(method: string): ReceivedRequest {
  const wire =
    `${method} sip:+15551234567@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.9;branch=z9hG4bKx\r\nFrom: <sip:a@b>;tag=1\r\n` +
    `To: <sip:c@d>\r\nCall-ID: x\r\nCSeq: 1 ${method}\r\n\r\n`;
  const message = parseMessage(wire);
  assert.ok(message.ok && message.value.kind === "request");
  return message.value;
}

/** A table over one trunk at CARRIER, without any limit for a single source. */
function table() {
  const snapshot = makeSnapshot({ trunks: [makeTrunk("carrier", { addresses: [CARRIER] })] });
  const clock = { ms: 0, nowMs: () => clock.ms };
  const events: TandemEvent[] = [];
  const random = seededRandom(1);
  const [identifier, digestUsers] = [createIdentifier(snapshot), createDigestUsers(snapshot)];
  const methods = new MethodTable({
    clock,
    random,
    publish: (event) => void events.push(event),
    floods: new FloodLimit(0),
    invitesPerSecond: 0,
    digest: new DigestServer({
      key: new Uint8Array(32),
      nowMs: clock.nowMs,
      random: (below) => random.integer(below),
      userOf: () => undefined,
    }),
    identifier: () => identifier,
    digestUsers: () => digestUsers,
    registeredTrunk: () => undefined,
    tickets: { trunkOf: () => undefined, spend: () => undefined },
    calls: { newInvite: () => assert.fail(), onInvite: () => assert.fail() },
  });
  const admit = (method: string, remoteAddress: string) =>
    methods.admit(requestOf(method), {
      transport: "UDP",
      listener: "main",
      localAddress: "192.0.2.1",
      localPort: 5060,
      remoteAddress,
      remotePort: 5060,
      connection: 0,
    });
  return { admit, clock, events };
}

test("strangers' probes are answered, 500 a second of all of them; those of a trunk always", () => {
  const { admit, clock, events } = table();
  let answered = 0;
  for (let i = 0; i < 2_000; i++) if (admit("OPTIONS", `203.0.${i >> 8}.${i & 255}`) === true) answered++;
  assert.equal(answered, 500);
  assert.ok(events.length <= 10);
  assert.equal(admit("OPTIONS", CARRIER), true);
  clock.ms += 1_000;
  assert.equal(admit("OPTIONS", "203.0.113.1"), true);
});

test("a stranger's INVITE gets silence, a trunk's goes on", () => {
  const { admit } = table();
  assert.equal(admit("INVITE", "203.0.113.1"), false);
  assert.equal(admit("INVITE", CARRIER), true);
});
