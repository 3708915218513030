import assert from "node:assert/strict";
import { test } from "node:test";
import { seededRandom } from "#base/random.ts";
import type { TandemEvent } from "#observe/event.ts";
import { Secret } from "#routing/accounts.ts";
import { makeTrunk } from "#routing/testing.ts";
import type { Trunk } from "#routing/snapshot.ts";
import { parseMessage } from "#sip/message/parse-message.ts";
import { VirtualClock } from "../../test/kit/virtual-clock.ts";
import { calledThroughRegistration } from "./called-user.ts";
import { Registrations, type RegistrationPorts } from "./registrations.ts";

const register = {
  registrar: "sip:carrier.test",
  user: "100",
  domain: "carrier.test",
  contactParameters: ["+sip.instance=x"],
  expiresS: 600,
  listener: "main",
};
const trunk = (name: string, fields: Partial<Trunk> = {}): Trunk =>
  makeTrunk(name, { register, account: { username: "100", passwords: [new Secret("pw")], realm: undefined }, ...fields });

function registrar(answer: (parameters: Parameters<RegistrationPorts["request"]>[0]) => number | "silence" = () => 200) {
  const clock = new VirtualClock();
  const requests: Parameters<RegistrationPorts["request"]>[0][] = [];
  const events: TandemEvent[] = [];
  const registrations = new Registrations({
    clock,
    random: seededRandom(1),
    publish: (event) => events.push(event),
    request(parameters, onFinal) {
      requests.push(parameters);
      const status = answer(parameters);
      clock.after(status === "silence" ? 32_000 : 10, () => {
        if (status === "silence") return onFinal({ type: "timeout" });
        const wire = [
          `SIP/2.0 ${status} X`,
          "Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKa",
          "From: <sip:a@x>;tag=1",
          "To: <sip:a@x>;tag=2",
          "Call-ID: c",
          "CSeq: 1 REGISTER",
          "Content-Length: 0",
          "",
          "",
        ].join("\r\n");
        const read = parseMessage(wire);
        if (read.ok && read.value.kind === "response") onFinal({ type: "response", response: read.value });
      });
    },
    locate: (uri, listener) => (uri.includes("nowhere") ? [] : [{ transport: "UDP", listener, address: "192.0.2.5", port: 5060 }]),
    face: () => ({ advertised: "198.51.100.1", portOf: () => 5060 }),
    contactUser: (name) => `r-${name}`,
  });
  return { clock, requests, events, registrations };
}
const contactOf = (parameters: { readonly headers: readonly (readonly [string, string])[] }) =>
  parameters.headers.find(([name]) => name === "Contact")?.[1];

test("a trunk registers with its own Contact user, and the user leads back to it", () => {
  const { clock, requests, events, registrations } = registrar();
  registrations.apply([trunk("one"), makeTrunk("plain")]);
  clock.advance(2_000);
  assert.equal(requests.length, 1);
  assert.equal(contactOf(requests[0]!), "<sip:r-one@198.51.100.1:5060>;+sip.instance=x;expires=600");
  assert.equal(requests[0]!.localUri, "<sip:100@carrier.test>");
  assert.equal(registrations.trunkOf("r-one"), "one");
  assert.equal(registrations.trunkOf("r-plain"), undefined);
  assert.deepEqual(
    registrations.list().map(({ standing, reason }) => [standing, reason]),
    [["registered", "registered for 600 s"]],
  );
  assert.deepEqual(
    events.map((event) => event.type === "registration" && event.standing),
    ["registered"],
  );
});

test("an outbound proxy gets the request with a Route, the registrar stays in the Request-URI", () => {
  const { clock, requests, registrations } = registrar();
  registrations.apply([trunk("one", { outboundProxy: "sip:proxy.test:5090" })]);
  clock.advance(2_000);
  assert.deepEqual([requests[0]!.requestUri, requests[0]!.routeSet], ["sip:carrier.test", ["<sip:proxy.test:5090;lr>"]]);
});

test("one silent registrar disturbs no other, and a name that doesn't resolve is a reason", () => {
  const { clock, requests, registrations } = registrar(({ requestUri }) => (requestUri.includes("silent") ? "silence" : 200));
  registrations.apply([
    trunk("good"),
    trunk("silent", { register: { ...register, registrar: "sip:silent.test" } }),
    trunk("lost", { register: { ...register, registrar: "sip:nowhere.test" } }),
  ]);
  clock.advance(40_000);
  const shown = Object.fromEntries(registrations.list().map(({ trunk: name, standing, reason }) => [name, `${standing}: ${reason}`]));
  assert.deepEqual(shown, {
    good: "registered: registered for 600 s",
    silent: "failed: no answer",
    lost: "failed: sip:nowhere.test can't be resolved",
  });
  assert.equal(requests.filter(({ requestUri }) => requestUri === "sip:carrier.test").length, 1);
});

test("a reload leaves what is the same alone, renews what changed, and takes away what is gone", () => {
  const { clock, requests, registrations } = registrar();
  registrations.apply([trunk("same"), trunk("changed"), trunk("gone")]);
  clock.advance(5_000);
  assert.equal(requests.length, 3);
  registrations.apply([
    trunk("same"),
    trunk("changed", { account: { username: "100", passwords: [new Secret("other")], realm: undefined } }),
  ]);
  clock.advance(5_000);
  const later = requests.slice(3).map((one) => contactOf(one)?.replace(/.*sip:(r-\w+)@.*(expires=\d+)/, "$1 $2"));
  assert.deepEqual(later.sort(), ["r-changed expires=600", "r-gone expires=0"]);
  assert.equal(registrations.trunkOf("r-gone"), undefined);
});

test("stop takes every binding away and ends, also where nobody answers", async () => {
  const { clock, requests, registrations } = registrar();
  registrations.apply([trunk("one"), trunk("two")]);
  clock.advance(5_000);
  const stopped = registrations.stop();
  clock.advance(100);
  await stopped;
  assert.deepEqual(
    requests.slice(2).map((one) => /expires=\d+/.exec(contactOf(one)!)?.[0]),
    ["expires=0", "expires=0"],
  );
  assert.equal(registrations.list().length, 0);
});

test("a secret shows itself nowhere", () => {
  const secret = new Secret("hunter2");
  assert.doesNotMatch(`${secret}${JSON.stringify({ secret })}`, /hunter2/);
  assert.equal(secret.reveal(), "hunter2");
});

test("whom a call through a registration is for: P-Called-Party-ID, To, the registered user", () => {
  const read = parseMessage(
    [
      "INVITE sip:r0@198.51.100.1 SIP/2.0",
      "Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKa",
      "From: <sip:a@x>;tag=1",
      'To: "x" <sip:+1555@x>',
      "P-Called-Party-ID: <sip:+1666@x>",
      "Call-ID: c",
      "CSeq: 1 INVITE",
      "Content-Length: 0",
      "",
      "",
    ].join("\r\n"),
  );
  assert.ok(read.ok && read.value.kind === "request");
  assert.deepEqual(calledThroughRegistration(read.value, "100"), ["+1666", "+1555", "100"]);
});
