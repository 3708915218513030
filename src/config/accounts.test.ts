import assert from "node:assert/strict";
import { test } from "node:test";
import { withoutSecrets } from "./accounts.ts";
import { describeIdentification, renderIdentification } from "./describe-identification.ts";
import { LoadedParts, partsOf } from "./load-messages.ts";
import { type LoadInput, type LoadedConfig, loadText } from "./load.ts";
import { PRESETS, PRESET_NAMES } from "./presets.ts";
import { renderProblems } from "./render-problems.ts";

const FILES: Readonly<Record<string, string>> = { "/run/pw": "first\nsecond\n", "/run/empty": "" };
const INPUT: LoadInput = {
  env: { HOME: "/home/ann", PW: "from env" },
  uid: 1000,
  hostname: "host",
  readFile: (path) => FILES[path] ?? assert.fail(path),
};
const listeners = "listeners: [{ name: main, address: 192.0.2.1, domains: [pbx.test] }]\n";
const load = (text: string) => loadText(listeners + text, "t.yaml", INPUT);
function snapshotOf(text: string) {
  const loaded = load(text);
  assert.ok(loaded.ok, loaded.ok ? "" : renderProblems(loaded.problems, false));
  return loaded.config.snapshot;
}
const problems = (text: string): readonly string[] => {
  const loaded = load(text);
  return loaded.ok ? [] : loaded.problems.map(({ field, message }) => `${field}: ${message}`);
};
const revealed = (account: { readonly passwords: readonly { reveal(): string }[] } | undefined) =>
  account?.passwords.map((one) => one.reveal());

test("passwords come from the file, the environment and files of their own", () => {
  const { trunks } = snapshotOf(`trunks:
  - { name: a, uri: sip.a.test, username: u, password: "p:w,\\"" , realm: r }
  - { name: b, uri: sip.b.test, username: u, auth_username: auth, password_env: PW }
  - { name: c, uri: sip.c.test, username: u, passwords: [one], password_file: /run/pw }
  - { name: d, uri: sip.d.test }
`);
  assert.deepEqual(
    [trunks.get("a")?.account?.username, trunks.get("a")?.account?.realm, revealed(trunks.get("a")?.account)],
    ["u", "r", ['p:w,"']],
  );
  assert.deepEqual([trunks.get("b")?.account?.username, revealed(trunks.get("b")?.account)], ["auth", ["from env"]]);
  assert.deepEqual(revealed(trunks.get("c")?.account), ["one", "first", "second"]);
  assert.equal(trunks.get("d")?.account, undefined);
});

test("registering takes what it needs from the trunk, and what it says itself wins", () => {
  const { trunks } = snapshotOf(`trunks:
  - { name: short, uri: "sip:sip.a.test:5090", username: u, password: p, register: yes }
  - name: long
    username: u
    password: p
    register: { registrar: "reg.b.test", outbound_proxy: "proxy.b.test:5090", user: dev, auth_username: id9, from_domain: b.test, contact_params: ["+sip.instance=x", reg-id=1], expires_s: 120 }
  - { name: none, uri: sip.c.test, register: no }
`);
  assert.deepEqual(trunks.get("short")?.register, {
    registrar: "sip:sip.a.test:5090",
    user: "u",
    domain: "sip.a.test",
    contactParameters: [],
    expiresS: 600,
    listener: "main",
  });
  const long = trunks.get("long");
  assert.deepEqual(long?.register, {
    registrar: "sip:reg.b.test",
    user: "dev",
    domain: "b.test",
    contactParameters: ["+sip.instance=x", "reg-id=1"],
    expiresS: 120,
    listener: "main",
  });
  assert.deepEqual([long?.account?.username, long?.outboundProxy], ["id9", "sip:proxy.b.test:5090"]);
  assert.equal(trunks.get("none")?.register, undefined);
});

test("contradictions are refused with their place, and no message repeats a password", () => {
  assert.deepEqual(
    problems(`trunks:
  - { name: a, uri: sip.a.test, password: hunter2 }
  - { name: b, uri: sip.b.test, username: u }
  - { name: c, uri: sip.c.test, username: u, password_env: MISSING }
  - { name: d, uri: sip.d.test, username: u, password_file: /run/empty }
  - { name: e, register: yes }
  - { name: f, uri: sip.f.test, username: u, password: p, register: { listener: nowhere } }
gateways:
  - { name: g, digest: { username: same, password: x } }
  - { name: h, digest: { username: same, password: y } }
  - { name: i, digest: { username: other } }
`),
    [
      "trunks[0]: a password without a user name",
      "trunks[1]: user name u without a password",
      "trunks[2].password_env: the environment has no MISSING",
      "trunks[3].password_file: /run/empty is empty",
      "trunks[4].register: e names no registrar",
      "trunks[4].register: e has no user to register",
      "trunks[5].register.listener: there is no listener nowhere",
      "gateways[1].digest.username: digest user same is g's already",
      "gateways[2].digest: digest user other has no password",
    ],
  );
  const odd = problems(`trunks: [{ name: a, uri: sip.a.test, username: u, password: "hunter2\\nx" }]`);
  assert.equal(odd.length, 1);
  assert.doesNotMatch(odd.join(), /hunter2/);
});

test("a digest peer is not proved by its address unless that is said", () => {
  const { gateways } = snapshotOf(`gateways:
  - { name: a, uri: "sip:203.0.113.1", digest: { username: a, password: x } }
  - { name: b, uri: "sip:203.0.113.2", addresses: 203.0.113.2, digest: { username: b, password: x } }
`);
  assert.deepEqual([gateways.get("a")?.addresses, gateways.get("b")?.addresses], [[], ["203.0.113.2"]]);
});

test("check names digest users with their realm, and trunks known by their registration", () => {
  const snapshot = snapshotOf(`trunks: [{ name: provider, uri: sip.a.test, username: u, password: hunter2, register: yes }]
gateways: [{ name: bot, digest: { username: bot7, password: hunter2 } }]
`);
  const shown = renderIdentification(describeIdentification(snapshot)).join("\n");
  assert.match(shown, /digest user bot7 of pbx\.test {2}gateway bot {2}by digest/);
  assert.match(shown, /registered Contact {2}trunk provider {2}by flow/);
  assert.doesNotMatch(shown, /nothing proves|nobody/);
  assert.doesNotMatch(shown + JSON.stringify([...snapshot.trunks.values(), ...snapshot.gateways.values()]), /hunter2/);
});

test("the text that is kept hides passwords however they are written", () => {
  const text = `trunks:
  - name: a
    uri: sip.a.test
    username: u
    password: hunter2 # a comment
  - { name: b, uri: sip.b.test, username: u, passwords: ["s3c:ret", 'other one'], realm: r }
  - name: c
    uri: sip.c.test
    username: u
    passwords:
      - lastone
`;
  const shown = withoutSecrets(text, snapshotOf(text));
  assert.doesNotMatch(shown, /hunter2|s3c|other one|lastone/);
  assert.match(shown, /realm: r/);
});

test("every preset loads with what it says is needed, and the entry's own fields win", () => {
  for (const preset of PRESET_NAMES) {
    const { trunks } = snapshotOf(`trunks: [{ name: t, preset: ${preset}, uri: "sip:own.test", username: u, password: p }]`);
    assert.equal(trunks.get("t")?.uri, "sip:own.test");
    assert.notEqual(PRESETS[preset]!.sets, "");
  }
  const { trunks } = snapshotOf(`trunks:
  - { name: rc, preset: ringcentral, username: "18005551234", auth_username: "80111", password: p, outbound_proxy: "sip20.ringcentral.com:5090" }
  - { name: uz, preset: bell.uz, username: "998785553322", password: p, numbers: { national_prefix: "0" } }
  - { name: quiet, preset: bell.uz, username: x, password: p, register: no }
  - { name: again, preset: ringcentral, username: x, password: p, register: yes }
`);
  const rc = trunks.get("rc");
  assert.deepEqual(
    [rc?.register?.domain, rc?.register?.expiresS, rc?.outboundProxy, rc?.account?.username, rc?.codecs],
    ["sip.ringcentral.com", 300, "sip:sip20.ringcentral.com:5090", "80111", ["PCMU"]],
  );
  assert.deepEqual(trunks.get("uz")?.numbers, { countryCode: "998", nationalPrefix: "0", internationalPrefix: "", write: "e164" });
  assert.equal(trunks.get("quiet")?.register, undefined);
  assert.equal(trunks.get("again")?.register?.expiresS, 300);
  assert.match(problems(`trunks: [{ name: t, preset: ringcental }]`).join(), /ringcental/);
});

test("passwords reach the thread that needs them, through messages that can't carry a Secret", () => {
  const loaded = load(`trunks: [{ name: t, uri: sip.a.test, username: u, passwords: [one, two] }]
gateways: [{ name: g, digest: { username: d, password: three } }]
`);
  const receiver = new LoadedParts();
  let whole: LoadedConfig | undefined;
  for (const part of partsOf(loaded)) whole = receiver.take(structuredClone(part));
  assert.ok(whole?.ok);
  const { trunks, gateways } = whole.config.snapshot;
  assert.deepEqual([revealed(trunks.get("t")?.account), revealed(gateways.get("g")?.digest)], [["one", "two"], ["three"]]);
});
