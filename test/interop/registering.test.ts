/**
 * Passwords in both directions: registering at Kamailio and at registrars that misbehave, calls through the
 * registration, calls that are challenged, and callers that we challenge.
 */
import assert from "node:assert/strict";
import { type TestContext, describe, test } from "node:test";
import type { TrunkReport } from "#call/control.ts";
import { type Account, NO_MEMORY, answerChallenges, authorize } from "#sip/auth/digest-client.ts";
import { parseMessage } from "#sip/message/parse-message.ts";
import { startBaresip } from "../kit/baresip.ts";
import { type Asked, type FakeRegistrar, type Reply, fakeRegistrar } from "../kit/fake-registrar.ts";
import { startRegistrar } from "../kit/kamailio.ts";
import { type Lab, type RunningTandem, loopbackLab, startTandem } from "../kit/lab.ts";
import { skipWithout } from "../kit/peers.ts";
import { inviteRequest, rawUdp } from "../kit/raw-sip.ts";
import { runSipp, startSipp } from "../kit/sipp.ts";
import { ANSWERING, ack, ackFailure, bye, invite, pause, recv, uac } from "../kit/sipp-scenario.ts";
import { silence } from "../kit/words.ts";

const trying = recv(100, { optional: true });
const ringing = recv(180, { optional: true });
const CALLING = uac([invite(), trying, ringing, recv(200), ack(), pause(300), bye(), recv(200)]);

const listeners = (lab: Lab): string => `listeners:
  - { name: private, address: ${lab.sbcPrivate.address}, media: { ports: 20000-23999 } }
  - { name: public, address: ${lab.sbcPublic.address}, domains: [pbx.test], media: { ports: 24000-27999 } }
`;
async function standing(
  tandem: RunningTandem,
  trunk: string,
  wanted: string,
  timeoutMs = 20_000,
): Promise<NonNullable<TrunkReport["registration"]>> {
  const untilMs = performance.now() + timeoutMs;
  for (;;) {
    const found = (await tandem.ask<readonly TrunkReport[]>({ type: "trunks" })).find(({ name }) => name === trunk)?.registration;
    if (found?.standing === wanted) return found;
    if (performance.now() > untilMs)
      throw new Error(
        `${trunk} is ${found?.standing}: ${found?.reason}, not ${wanted}. Tandem said:\n${tandem.child.output().slice(-2000)}`,
      );
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

describe("Kamailio as a provider that asks for passwords", { skip: skipWithout("kamailio", "sipp") }, () => {
  test("Tandem registers, is called through the registration, calls out by 407, and takes its binding away", async (t) => {
    const lab = loopbackLab(t);
    await startRegistrar(lab, lab.carrier, { domain: "carrier.test", password: "secret", phone: `${lab.carrier2.address}:5060` });
    const tandem = await startTandem(
      t,
      lab,
      `${listeners(lab)}
trunks:
  - name: provider
    listener: private
    addresses: []
    uri: "sip:${lab.carrier.address}:5060"
    from_domain: carrier.test
    username: "100"
    passwords: [outdated, secret]
    register: { expires_s: 120 }
gateways:
  - { name: ai, listener: public, uri: "sip:${lab.gateways[0].address}:5060" }
dids: [{ number: "100", to: gateway ai }]
outbound: [{ name: world, to: trunk provider }]
`,
    );
    const { reason } = await standing(tandem, "provider", "registered");
    assert.match(reason, /registered for 120 s/);
    assert.equal((await tandem.cli<readonly TrunkReport[]>("trunks"))[0]?.registration?.addressOfRecord, "sip:100@carrier.test");

    const gateway = startSipp(lab, lab.gateways[0], ANSWERING, undefined, { calls: 1 });
    const incoming = await runSipp(lab, lab.carrier2, CALLING, `${lab.carrier.address}:5060`, { service: "100" });
    assert.equal(incoming.successful, 1, incoming.output);
    assert.equal((await gateway.finish()).successful, 1);

    const phone = startSipp(lab, lab.carrier2, ANSWERING, undefined, { calls: 1 });
    const outgoing = await runSipp(lab, lab.gateways[0], CALLING, `${lab.sbcPublic.address}:5060`, { service: "+15550001111" });
    assert.equal(outgoing.successful, 1, outgoing.output);
    assert.equal((await phone.finish()).successful, 1);
    assert.doesNotMatch(tandem.child.output(), /secret/);

    await tandem.stop();
    const gone = await runSipp(lab, lab.carrier2, uac([invite(), trying, recv(404), ackFailure()]), `${lab.carrier.address}:5060`, {
      service: "100",
    });
    assert.equal(gone.successful, 1, gone.output);
  });
});

/** The script of a registrar for the 401 that everybody begins with. */
const challenge = (nonce: string, more = ""): string => `WWW-Authenticate: Digest realm="fake.test", nonce="${nonce}", qop="auth"${more}`;
const granted = ({ request }: Asked, seconds: number): Reply => [
  200,
  `Contact: ${request.header("Contact")?.replace(/expires=\d+/, `expires=${seconds}`)}`,
];

describe("registrars that misbehave", () => {
  test("each is registered at in the end, or says why not; none disturbs another", async (t) => {
    const lab = loopbackLab(t);
    const net = lab.carrier.address.replace(/\.\d+$/, "");
    const scripts: Readonly<Record<string, (asked: Asked, index: number) => Reply>> = {
      both: (asked) =>
        asked.provedWith("pw") === undefined ? [401, challenge("md5"), challenge("sha", ", algorithm=SHA-256")] : granted(asked, 300),
      several: (asked) =>
        asked.provedWith("pw") === undefined
          ? [401, "WWW-Authenticate: Basic realm=x", challenge("odd", ", algorithm=ROT13"), challenge("good", ", algorithm=SHA-512-256")]
          : granted(asked, 300),
      brief: (asked, index) => (index === 0 ? [423, "Min-Expires: 1800"] : granted(asked, 1800)),
      busy: (asked, index) => (index === 0 ? [503, "Retry-After: 1"] : granted(asked, 300)),
      stale: (asked, index) =>
        index === 0 ? [401, challenge("n1")] : index === 1 ? [401, challenge("n2", ", stale=true")] : granted(asked, 300),
      moved: (asked, index) => (index === 0 ? [302, `Contact: <sip:${net}.60:5070>`] : granted(asked, 300)),
      silent: (asked, index) => (index === 0 ? undefined : granted(asked, 300)),
      nonsense: () => "SIP/2.0 200 OK\r\nVia: what\r\n\r\n",
      wrong: () => [401, challenge(String(Math.random()))],
    };
    const names = Object.keys(scripts);
    const fakes = new Map<string, FakeRegistrar>();
    const addressOf = (name: string): string => `${net}.${50 + names.indexOf(name)}`;
    const open = async (name: string, address: string, port: number, script: (asked: Asked, index: number) => Reply): Promise<void> => {
      const fake = await fakeRegistrar(address, port, script);
      fakes.set(name, fake);
      t.after(() => fake.close());
    };
    for (const [name, script] of Object.entries(scripts)) await open(name, addressOf(name), 5060, script);
    await open("new home", `${net}.60`, 5070, (asked) => granted(asked, 300));
    // As RingCentral wants it: the domain in the Request-URI, an outbound proxy on the way, a digest user of its own.
    await open("proxy", `${net}.61`, 5090, (asked) => (asked.provedWith("pw") === undefined ? [401, challenge("p")] : granted(asked, 300)));
    const trunk = (name: string): string =>
      `  - { name: ${name}, listener: private, uri: "sip:${addressOf(name)}", username: u-${name}, password: pw, register: { expires_s: 600 } }\n`;
    const tandem = await startTandem(
      t,
      lab,
      `${listeners(lab)}
trunks:
${names.map(trunk).join("")}
  - name: device
    listener: private
    preset: ringcentral
    username: "18005551234"
    auth_username: "80111"
    password: pw
    outbound_proxy: "sip:${net}.61:5090"
`,
    );
    for (const name of ["both", "several", "brief", "busy", "stale", "moved", "device"]) await standing(tandem, name, "registered");
    assert.equal(fakes.get("both")!.asked.at(-1)!.provedWith("pw"), "SHA-256");
    assert.equal(fakes.get("several")!.asked.at(-1)!.provedWith("pw"), "SHA-512-256");
    assert.match(fakes.get("brief")!.asked.at(-1)!.request.header("Contact")!, /expires=1800/);
    assert.deepEqual(
      fakes.get("stale")!.asked.map(({ request }) => request.header("CSeq")),
      ["1 REGISTER", "2 REGISTER", "3 REGISTER"],
    );
    assert.equal(fakes.get("new home")!.asked.length, 1);
    const device = fakes.get("proxy")!.asked.at(-1)!.request;
    assert.equal(device.requestUri, "sip:sip.ringcentral.com");
    assert.equal(device.header("Route"), `<sip:${net}.61:5090;lr>`);
    assert.equal(device.header("To"), "<sip:18005551234@sip.ringcentral.com>");
    assert.match(device.header("Authorization")!, /username="80111".*uri="sip:sip\.ringcentral\.com"/);

    const wrong = await standing(tandem, "wrong", "failed");
    assert.match(wrong.reason, /password was refused/);
    assert.equal(fakes.get("wrong")!.asked.length, 2, "a wrong password is not said again and again");
    // Silence and nonsense are waited for as long as a transaction lasts (timer F, 32 s).
    await standing(tandem, "silent", "registered", 60_000);
    await standing(tandem, "nonsense", "failed", 60_000);
    const identities = new Set(
      [...fakes.values()].flatMap(({ asked }) => asked.map(({ request }) => /sip:([^@]+)@/.exec(request.header("Contact")!)?.[1])),
    );
    assert.equal(identities.size, names.length + 1, "each trunk has a Contact user of its own");

    const before = fakes.get("busy")!.asked.length;
    await tandem.stop();
    assert.match(fakes.get("busy")!.asked[before]?.request.header("Contact") ?? "", /expires=0/);
  });
});

/** @param more fields of the digest user */
const incomingYaml = (lab: Lab, more = ""): string => `${listeners(lab)}
trunks:
  - { name: carrier, listener: private, uri: "sip:${lab.carrier.address}:5060" }
gateways:
  - { name: bot, listener: public, digest: { username: bot7, password: "p:w"${more} } }
outbound: [{ name: world, to: trunk carrier }]
`;

describe("callers that prove themselves by digest", () => {
  test("baresip calls in by name and password, from an address that nobody listed", {
    skip: skipWithout("baresip", "sox", "sipp"),
  }, async (t) => {
    const lab = loopbackLab(t);
    // Its SIP library gives up where it sees another algorithm than MD5, in whatever place.
    const tandem = await startTandem(t, lab, incomingYaml(lab, ", algorithms: MD5"));
    const carrier = startSipp(lab, lab.carrier, ANSWERING, undefined, { calls: 1 });
    const baresip = await startBaresip(lab, lab.gateways[1], {
      user: "bot7",
      speaks: await silence(lab),
      auth: { user: "bot7", password: "p:w" },
    });
    baresip.dial(`sip:+15550001111@${lab.sbcPublic.address}`);
    await baresip.happens("CALL_ESTABLISHED");
    const [call] = await tandem.ask<readonly { readonly from: string }[]>({ type: "calls" });
    assert.equal(call?.from, "bot");
    baresip.tell("hangup");
    assert.equal((await carrier.finish()).successful, 1);
  });

  test("a stranger is asked, a replay, a wrong password and another's call are refused, elsewhere is silence", async (t) => {
    const lab = loopbackLab(t);
    const tandem = await startTandem(t, lab, incomingYaml(lab));
    const from = { ...lab.gateways[2], port: 5060 };
    const to = { address: lab.sbcPublic.address, port: 5060 };
    const asker = await rawUdp(t, from, to);
    const account = (password: string): Account => ({ username: "bot7", passwords: [{ reveal: () => password }], realm: undefined });
    let calls = 0;
    const call = async (user: string, headers: readonly string[], host = "pbx.test", timeoutMs = 10_000) => {
      const sipCallId = `auth-${calls++}`;
      asker.send(inviteRequest({ transport: "UDP", from: `${from.address}:5060`, to: host, user, sipCallId, headers }));
      const heard = await asker.until((one) => one.sipCallId === sipCallId && one.status >= 200, timeoutMs);
      if (heard !== undefined) asker.acknowledge(heard, `sip:${user}@${host}`);
      return heard;
    };
    const credentialsFor = (text: string, who: Account, uri: string): readonly string[] => {
      const read = parseMessage(text);
      assert.ok(read.ok && read.value.kind === "response");
      const answered = answerChallenges(NO_MEMORY, read.value, who, () => "cnonce");
      return authorize(answered.memory, who, { method: "INVITE", uri, body: "" }).headers.map(([name, value]) => `${name}: ${value}`);
    };
    const asked = await call("+1555", []);
    assert.equal(asked?.status, 401);
    assert.deepEqual(
      Array.from(asked.text.matchAll(/algorithm=([\w-]+)/g), ([, name]) => name),
      ["SHA-256", "MD5"],
    );
    assert.match(asked.text, /realm="pbx\.test"/);

    const right = credentialsFor(asked.text, account("p:w"), "sip:+1555@pbx.test");
    // Nobody listens at the carrier: the call is let in and fails there.
    assert.equal((await call("+1555", right))?.status, 502);
    const replay = await call("+1555", right);
    assert.match(replay?.text ?? "", /^SIP\/2\.0 401 [^]*stale=true/);
    const wrong = await call("+1555", credentialsFor(replay!.text, account("no"), "sip:+1555@pbx.test"));
    assert.equal(wrong?.status, 401);
    assert.doesNotMatch(wrong.text, /stale/);
    const stolen = await call("+1900", credentialsFor(wrong.text, account("p:w"), "sip:+1555@pbx.test"));
    assert.equal(stolen?.status, 401);

    assert.equal(await call("+1555", [], "elsewhere.test", 1_500), undefined);
    const privately = await rawUdp(t, { ...lab.carrier2, port: 5060 }, { address: lab.sbcPrivate.address, port: 5060 });
    privately.send(
      inviteRequest({ transport: "UDP", from: `${lab.carrier2.address}:5060`, to: "pbx.test", user: "+1555", sipCallId: "private" }),
    );
    assert.equal(await privately.until((one) => one.sipCallId === "private", 1_500), undefined);
    assert.doesNotMatch(tandem.child.output(), /p:w/);
  });
});

test("tandem check shows who is known by registration and by digest", async (t: TestContext) => {
  const lab = loopbackLab(t);
  const tandem = await startTandem(t, lab, incomingYaml(lab));
  const { identification } = await tandem.cli<{
    readonly identification: {
      readonly listeners: readonly { readonly digestUsers: readonly { readonly username: string; readonly realms: readonly string[] }[] }[];
    };
  }>("check", "--config", `${lab.folder}/tandem.yaml`);
  assert.deepEqual(
    identification.listeners[1]?.digestUsers.map(({ username, realms }) => [username, realms]),
    [["bot7", ["pbx.test"]]],
  );
});
