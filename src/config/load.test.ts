import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { planCall } from "#routing/plan-dial.ts";
import { type LoadInput, type LoadedConfig, loadConfig, loadText } from "./load.ts";
import { renderProblems } from "./render-problems.ts";

const INPUT: LoadInput = {
  env: { HOME: "/home/ann" },
  uid: 1000,
  hostname: "host",
  readFile: () => {
    throw Object.assign(new Error("no such file"), { code: "ENOENT" });
  },
};
const BASE = `listeners:
  - name: main
    address: 192.0.2.1
trunks:
  - name: carrier
    uri: sip:198.51.100.1
gateways:
  - {name: ai, uri: "sip:203.0.113.1;transport=tcp"}
`;
const load = (text: string, input: Partial<LoadInput> = {}): LoadedConfig => loadText(text, "t.yaml", { ...INPUT, ...input });

/** "line field: message" of each problem. */
function problems(text: string): string[] {
  const loaded = load(text);
  return loaded.ok ? [] : loaded.problems.map(({ line, field, message }) => `${line} ${field}: ${message}`);
}
function config(text: string, input: Partial<LoadInput> = {}) {
  const loaded = load(text, input);
  assert.ok(loaded.ok, loaded.ok ? "" : renderProblems(loaded.problems, false));
  return loaded.config;
}
const remedies = (text: string): string[] => {
  const loaded = load(text);
  return loaded.ok ? loaded.warnings.map(({ remedy }) => remedy) : loaded.problems.map(({ remedy }) => remedy);
};

test("a small file gets its defaults", () => {
  const { node, snapshot, file } = config(BASE);
  assert.equal(file, "t.yaml");
  assert.deepEqual(node, {
    id: "00",
    name: "host",
    home: "/home/ann/.local/state/tandem",
    runDir: "/home/ann/.local/state/tandem",
    logLevel: "info",
    logNumbers: undefined,
    callsMax: 5_000,
    invitesPerSecondPerSource: 2_000,
    traceBytesMax: 268_435_456,
    api: { address: "127.0.0.1", port: 8080, asked: false },
    otlp: undefined,
    webhooks: { allowPrivate: false },
    dnsServers: [],
    media: { workers: 1, coalesceUs: 1_000, sockets: undefined, engine: "embedded", rtpengines: [], interfaces: {} },
  });
  assert.deepEqual(snapshot.listeners.get("main"), {
    name: "main",
    address: "192.0.2.1",
    advertised: "192.0.2.1",
    port: 5060,
    transports: ["UDP", "TCP"],
    device: undefined,
    dscp: undefined,
    mediaPortMin: 10_000,
    mediaPortMax: 19_999,
    mediaDscp: undefined,
    mediaAddress: "192.0.2.1",
    mediaAdvertised: "192.0.2.1",
    domains: [],
  });
  const trunk = snapshot.trunks.get("carrier");
  assert.deepEqual(
    [trunk?.listener, trunk?.addresses, trunk?.callsMax, trunk?.tenant, trunk?.kind],
    ["main", ["198.51.100.1"], 5_000, "default", "trunk"],
  );
  assert.equal(snapshot.hash.length, 64);
  assert.equal(snapshot.generation, 1);
});

test("numbers keep their plus and zeros without quotes", () => {
  const { snapshot } = config(
    BASE.replace(
      "sip:198.51.100.1\n",
      "sip:198.51.100.1\n    numbers: {country_code: +49, national_prefix: 0, international_prefix: 00}\n",
    ) + "dids:\n  - {number: +15551234567, to: gateway ai}\n",
  );
  assert.deepEqual(snapshot.trunks.get("carrier")?.numbers, {
    countryCode: "49",
    nationalPrefix: "0",
    internationalPrefix: "00",
    write: "+e164",
  });
  assert.ok(snapshot.dids.has("+15551234567"));
});

test("every field of a peer arrives", () => {
  const { snapshot } = config(`${BASE}  - name: full
    tenant: default
    listener: main
    addresses: [203.0.113.0/28, "2001:db8::/64"]
    domains: [AI.example.com]
    trunk_group: tg1
    uri: ai.example.com:5070
    headers: {pass: [X-Account, x-lk-*], set: {X-Region: eu, X-Name: Zoë}}
    nat: yes
    codecs: [PCMA, opus]
    calls_max: 7
    call_duration_max_s: 60
    media_timeout_s: 5
    early_media: relay
    follow_redirects: on
    privacy: hide
    caller_number: +1-555-000-1111
    from_domain: sip.example.com
    next_on: [486, 603]
`);
  assert.deepEqual(snapshot.gateways.get("full"), {
    kind: "gateway",
    name: "full",
    tenant: "default",
    listener: "main",
    addresses: ["203.0.113.0/28", "2001:db8::/64"],
    domains: ["ai.example.com"],
    trunkGroup: "tg1",
    uri: "sip:ai.example.com:5070",
    numbers: { countryCode: "", nationalPrefix: "", internationalPrefix: "", write: "+e164" },
    headers: {
      pass: ["x-account", "x-lk-*"],
      set: [
        ["X-Region", "eu"],
        ["X-Name", "Zo\xc3\xab"],
      ],
    },
    nat: true,
    codecs: ["PCMA", "opus"],
    callsMax: 7,
    callDurationMaxMs: 60_000,
    mediaTimeoutMs: 5_000,
    earlyMedia: "relay",
    followRedirects: true,
    privacy: "hide",
    callerNumber: "+15550001111",
    fromDomain: "sip.example.com",
    nextOn: [486, 603],
  });
});

test("targets are written in words, in fields, or as a list of both", () => {
  const { snapshot } = config(`${BASE}groups: [{name: pool, gateways: [ai]}]
dids:
  - {number: a, to: group pool}
  - {number: b, to: {gateway: ai}}
  - {number: c, to: [trunk carrier, {group: pool}, reject 486 Busy Here]}
  - {number: d, to: {reject: 603, reason: Decline}}
`);
  assert.deepEqual(
    [..."abcd"].map((number) => snapshot.dids.get(number)?.targets),
    [
      [{ type: "group", group: "pool" }],
      [{ type: "gateway", gateway: "ai" }],
      [
        { type: "trunk", trunk: "carrier" },
        { type: "group", group: "pool" },
        { type: "reject", status: 486, reason: "Busy Here" },
      ],
      [{ type: "reject", status: 603, reason: "Decline" }],
    ],
  );
});

test("all problems come at once, in the order of lines, each with its place", () => {
  assert.deepEqual(
    problems(`node: {id: ABC}
listeners:
  - name: main
    adress: 192.0.2.1
  - name: second
    address: 192.0.2.300
trunks:
  - name: carrier
    listener: main
    calls_max: many
    uri: sip:example.com;transport=wss
dids:
  - number: "+15551234567"
    to: gruop ai
extra: 1
`),
    [
      '1 node.id: "ABC" is not a node id',
      "3 listeners[0]: address is missing",
      "4 listeners[0].adress: unknown field adress",
      '6 listeners[1].address: "192.0.2.300" is not an IP address',
      '10 trunks[0].calls_max: "many" is not a whole number',
      '11 trunks[0].uri: "sip:example.com;transport=wss": WebSocket is not built in this version',
      '14 dids[0].to: "gruop ai" is not a target',
      "15 extra: unknown section extra",
    ],
  );
});

test("names that dangle are found, with the nearest that exists", () => {
  const text = `${BASE}groups: [{name: pool, gateways: [ai, aj]}]
dids:
  - {number: "+15551234567", trunks: [carier], to: [group poll, gateway carrier]}
outbound:
  - {name: out, from: [pol], to: trunk carrierr}
`;
  assert.deepEqual(problems(text), [
    "9 groups[0].gateways[1]: there is no gateway aj",
    "11 dids[0].trunks[0]: there is no trunk carier",
    "11 dids[0].to[0]: there is no group poll",
    "11 dids[0].to[1]: carrier is a trunk, not a gateway",
    "13 outbound[0].from[0]: there is no gateway or group pol",
    "13 outbound[0].to[0]: there is no trunk carrierr",
  ]);
  assert.deepEqual(remedies(text).slice(0, 3), ["did you mean ai?", "did you mean carrier?", "did you mean pool?"]);
});

test("a name in a broken entry is not reported as dangling too", () => {
  assert.deepEqual(problems(`${BASE}  - {name: broken, uri: "sip:user@host"}\ndids: [{number: x, to: gateway broken}]\n`), [
    '9 gateways[1].uri: "sip:user@host" has a user part',
  ]);
});

test("rtpengine is named with address and weight, and its interfaces for listeners", () => {
  const { media } = config(
    `node: {media: {engine: rtpengine, rtpengine: [{address: 127.0.0.1:2224, weight: 3}, "[2001:db8::1]"], interfaces: {main: external}}}\n${BASE}`,
  ).node;
  assert.deepEqual(media.rtpengines, [
    { address: "127.0.0.1", port: 2224, weight: 3 },
    { address: "2001:db8::1", port: 2223, weight: 1 },
  ]);
  assert.deepEqual([media.engine, media.interfaces], ["rtpengine", { main: "external" }]);
  const wrong = (given: string): string[] => problems(`node: {media: ${given}}\n${BASE}`);
  assert.deepEqual(wrong("{engine: rtpengine}"), ["1 node.media: engine: rtpengine, and none is named"]);
  assert.deepEqual(wrong("{rtpengine: [127.0.0.1]}"), ["1 node.media: rtpengine is named, and the engine is the embedded one"]);
  assert.deepEqual(wrong("{engine: rtpengine, rtpengine: sbc-media}"), [
    '1 node.media.rtpengine.address: "sbc-media" is not an address of an rtpengine\'s ng port',
  ]);
  assert.deepEqual(wrong("{engine: rtpengine, rtpengine: 127.0.0.1, interfaces: {mian: external}}"), [
    "1 node.media.interfaces.mian: there is no listener mian",
  ]);
});

test("what stands twice is refused: names, DIDs, ports", () => {
  assert.deepEqual(
    problems(`listeners:
  - {name: main, address: 192.0.2.1}
  - {name: main, address: 192.0.2.2}
  - {name: third, address: 192.0.2.1, media: {ports: 12000-12999}}
trunks: [{name: a, listener: main, uri: "sip:198.51.100.1"}]
gateways: [{name: a, listener: main, uri: "sip:203.0.113.1"}]
dids:
  - {number: "+15551234567", to: gateway a}
  - {number: ["+15550000000", "+1 555 123 4567"], tenant: acme, to: reject 404}
`).slice(0, 6),
    [
      "3 listeners[1].name: main stands here a second time",
      "4 listeners[2].port: 192.0.2.1:5060 is taken by listener main (listeners[0])",
      "4 listeners[2].media.ports: media ports 12000-12999 on 192.0.2.1 overlap those of listener main, 10000-19999",
      "6 gateways[0].name: the name a is taken by a trunk",
      "8 dids[0].to[0]: a is a trunk, not a gateway",
      "9 dids[1].number: +15551234567 stands here a second time",
    ],
  );
});

test("port ranges must hold whole pairs, enough of them, and not the SIP port", () => {
  const withPorts = (ports: string): string[] => problems(BASE.replace("192.0.2.1\n", `192.0.2.1\n    media: {ports: ${ports}}\n`));
  assert.deepEqual(withPorts("10001-19999"), ["4 listeners[0].media.ports: ports 10001-19999 cut a pair in two"]);
  assert.deepEqual(withPorts("10000-10001"), ["4 listeners[0].media.ports: ports 10000-10001 are too few for one call"]);
  assert.deepEqual(withPorts("100-201"), ["4 listeners[0].media.ports: ports 100-201 are out of range"]);
  assert.deepEqual(withPorts("5000-5999"), ["4 listeners[0].media.ports: SIP port 5060 lies within the media ports 5000-5999"]);
  assert.deepEqual(withPorts("lots"), ['4 listeners[0].media.ports: "lots" is not a range of ports']);
});

test("an address that can't be told to others needs one that can", () => {
  assert.deepEqual(problems(BASE.replace("192.0.2.1", "0.0.0.0")), [
    "3 listeners[0].address: 0.0.0.0 can't be told to others as our address",
  ]);
  assert.deepEqual(problems(BASE.replace("192.0.2.1", "0.0.0.0\n    advertise: sbc.example.com")), [
    "4 listeners[0].advertise: sbc.example.com is a name, and SDP needs an address",
  ]);
  assert.equal(
    config(BASE.replace("192.0.2.1", "0.0.0.0\n    advertise: 203.0.113.9")).snapshot.listeners.get("main")?.mediaAdvertised,
    "203.0.113.9",
  );
});

test("a uri that its listener can't serve is refused", () => {
  const withUri = (uri: string): string[] =>
    problems(BASE.replace("sip:198.51.100.1", uri).replace("address: 192.0.2.1", "address: 192.0.2.1\n    transports: [tcp]"));
  assert.match(withUri("sip:198.51.100.1")[0] ?? "", /wants UDP, which listener main doesn't speak/);
  assert.match(withUri('"sip:[2001:db8::1];transport=tcp"')[0] ?? "", /can't reach 2001:db8::1/);
  assert.match(withUri("sip:192.0.2.1;transport=tcp")[0] ?? "", /our own listener main/);
});

test("with several listeners each peer names its own", () => {
  assert.deepEqual(problems(BASE.replace("trunks:", "  - {name: two, address: 192.0.2.2}\ntrunks:")), [
    "6 trunks[0]: carrier names no listener",
    "9 gateways[0]: ai names no listener",
  ]);
});

test("calls stay within a tenant", () => {
  assert.deepEqual(
    problems(`${BASE}groups: [{name: pool, tenant: acme, gateways: [ai]}]\ndids: [{number: "+15551234567", to: group pool}]\n`),
    ["9 groups[0].gateways[0]: ai is of tenant default, the group of acme", "10 dids[0].to[0]: pool is of tenant acme, not default"],
  );
});

test("headers that the switch writes itself can't be set or passed, nor lines broken", () => {
  const withHeaders = (headers: string): string[] => problems(BASE.replace("198.51.100.1\n", `198.51.100.1\n    headers: ${headers}\n`));
  assert.match(withHeaders("{pass: [Via]}")[0] ?? "", /header Via is always written by the switch itself/);
  assert.match(withHeaders("{set: {Contact: x}}")[0] ?? "", /header Contact/);
  assert.match(withHeaders('{set: {X-A: "a\\r\\nVia: b"}}')[0] ?? "", /is not a header value/);
  assert.match(withHeaders('{pass: ["X A"]}')[0] ?? "", /is not a header name/);
});

test("twins that nothing tells apart are a warning, and what tells them apart ends it", () => {
  const twins = (more: string, dids: string): string[] => {
    const loaded = load(
      `${BASE}trunks_placeholder`
        .replace("trunks_placeholder", dids)
        .replace("gateways:", `  - {name: twin, uri: "sip:198.51.100.1"${more}}\ngateways:`),
    );
    assert.ok(loaded.ok, loaded.ok ? "" : renderProblems(loaded.problems, false));
    return loaded.warnings.map(({ line, field, message }) => `${line} ${field}: ${message}`);
  };
  assert.deepEqual(twins("", ""), [
    "7 trunks[1].addresses: carrier and twin have the address 198.51.100.1 on listener main, and calls from there may fit both",
  ]);
  assert.deepEqual(
    twins("", 'dids:\n  - {number: "+1555*", trunks: [carrier], to: gateway ai}\n  - {number: "+1556*", trunks: [twin], to: gateway ai}\n'),
    [],
  );
});

test("warnings don't keep a configuration from being used", () => {
  const loaded = load(`${BASE}  - {name: lost}\ndids:\n  - {number: "15551234567", to: gateway lost}\n`);
  assert.ok(loaded.ok);
  assert.deepEqual(
    loaded.warnings.map(({ line, message }) => `${line} ${message}`),
    [
      "9 lost has neither uri nor addresses: it can be neither called nor recognised",
      "11 lost has no uri, so no call can go there",
      "11 15551234567 has no plus, so it only matches trunks that send and keep it so",
    ],
  );
});

test("broken YAML is named by line", () => {
  assert.deepEqual(
    problems("listeners:\n  - name: a\n   address: b\n").map((problem) => problem.replace(/:.*/, "")),
    ["3 "],
  );
  assert.match(problems("node:\n  id: a1\n  id: a2\n")[0] ?? "", /^3 : Map keys must be unique/);
  assert.match(problems("- a\n- b\n")[0] ?? "", /^1 : a list instead of sections/);
});

test("an empty file says what is missing", () => {
  assert.deepEqual(problems(""), ["1 listeners: no listener, so no call can come in"]);
});

test("anchors and merge keys work, and a bomb of aliases is refused", () => {
  const { snapshot } = config(
    `${BASE.replace("uri: sip:198.51.100.1", "uri: sip:198.51.100.1\n    numbers: &de {country_code: 49}")}  - {name: two, uri: "sip:203.0.113.2", numbers: {<<: *de, write: e164}}\n`,
  );
  assert.deepEqual(snapshot.gateways.get("two")?.numbers.countryCode, "49");
  const bomb = `a: &a [x,x,x,x,x,x,x,x,x,x]\n${[..."bcdefg"].map((name, i) => `${name}: &${name} [${Array(10).fill(`*${"abcdef"[i]}`).join(",")}]\n`).join("")}`;
  assert.match(problems(bomb)[0] ?? "", /alias/i);
});

test("JSON is read too, and problems in it have lines", () => {
  assert.ok(config('{"listeners":[{"name":"main","address":"192.0.2.1","port":5070}]}').snapshot.listeners.get("main")?.port === 5070);
  assert.deepEqual(problems('{\n"listeners":[\n{"name":"main","address":"192.0.2.1","port":true}]}'), [
    "3 listeners[0].port: true is not a whole number",
  ]);
});

test("the file is looked for where it was named, else in two places", () => {
  const read: string[] = [];
  const readFile = (path: string): string => {
    read.push(path);
    throw Object.assign(new Error(), { code: path === "denied" ? "EACCES" : "ENOENT" });
  };
  const message = (file: string | undefined, env: LoadInput["env"] = {}): string => {
    const loaded = loadConfig({ ...INPUT, file, env, readFile });
    return loaded.ok ? "" : loaded.problems.map(({ message: said }) => said).join();
  };
  assert.match(message(undefined), /^no configuration/);
  assert.match(message("gone.yaml", { TANDEM_CONFIG: "other" }), /^there is no file .*gone\.yaml$/);
  assert.match(message(undefined, { TANDEM_CONFIG: "denied" }), /denied can't be read: EACCES/);
  assert.deepEqual(read, ["./tandem.yaml", "/etc/tandem/tandem.yaml", "gone.yaml", "denied"]);
});

test("home and sockets are where flag, environment, file, user and XDG say, in that order", () => {
  const places = (input: Partial<LoadInput>, written = ""): string[] => {
    const { home, runDir } = config(written + BASE, input).node;
    return [home, runDir];
  };
  assert.deepEqual(places({ uid: 0, env: { XDG_RUNTIME_DIR: "/run" } }), ["/var/lib/tandem", "/run/tandem"]);
  assert.deepEqual(places({ env: { HOME: "/h", XDG_STATE_HOME: "/s" } }), ["/s/tandem", "/s/tandem"]);
  assert.deepEqual(places({ env: { HOME: "/h", XDG_STATE_HOME: "relative" } }), ["/h/.local/state/tandem", "/h/.local/state/tandem"]);
  assert.deepEqual(places({ env: { HOME: "/h" } }, "node: {home: ~/t}\n"), ["/h/t", "/h/t"]);
  assert.deepEqual(places({ env: { TANDEM_HOME: "/e", XDG_RUNTIME_DIR: "/run" } }, "node: {home: /f}\n"), ["/e", "/e"]);
  assert.deepEqual(places({ home: "/flag", env: { TANDEM_HOME: "/e" } }), ["/flag", "/flag"]);
});

test("a socket path that no kernel takes is refused with the reason", () => {
  const loaded = load(BASE, { home: `/${"h".repeat(100)}` });
  assert.ok(!loaded.ok);
  assert.match(loaded.problems[0]?.message ?? "", /control\.sock has 114 bytes, and a socket's path may have 100/);
});

test("the snapshot is frozen through and through", () => {
  const { snapshot } = config(`${BASE}dids: [{number: x, to: gateway ai}]\n`);
  for (const value of [
    snapshot,
    snapshot.trunks.get("carrier"),
    snapshot.trunks.get("carrier")?.numbers,
    snapshot.dids.get("x")?.targets,
    snapshot.dids.get("x")?.targets[0],
    snapshot.dids.get("x")?.hunt,
  ])
    assert.ok(Object.isFrozen(value));
});

for (const example of ["minimal", "vodafone-livekit"]) {
  test(`examples/${example}.yaml loads without a warning`, () => {
    const url = new URL(`../../examples/${example}.yaml`, import.meta.url);
    const loaded = loadConfig({ ...INPUT, file: "x", readFile: () => readFileSync(url, "utf8") });
    assert.ok(loaded.ok, loaded.ok ? "" : renderProblems(loaded.problems, false));
    assert.deepEqual(loaded.warnings, []);
  });
}

/** Of CPU, as the machine may be busy; both take about a quarter of it. */
const LOAD_MS_MAX = 2_000;
const PLAN_US_MAX = 20;

for (const layout of ["block", "flow"] as const) {
  test(`100,000 DIDs in ${layout} style load within ${LOAD_MS_MAX} ms and are planned within ${PLAN_US_MAX} µs each`, () => {
    const number = (i: number): string => `+1555${1_000_000 + i}`;
    const lines = Array.from({ length: 100_000 }, (_, i) =>
      layout === "block" ? `  - number: "${number(i)}"\n    to: gateway ai\n` : `  - {number: "${number(i)}", to: gateway ai}\n`,
    );
    const text = `${BASE}dids:\n${lines.join("")}`;
    const began = process.cpuUsage();
    const { snapshot } = config(text);
    const tookMs = process.cpuUsage(began).user / 1000;
    assert.equal(snapshot.dids.size, 100_000);
    assert.ok(tookMs < LOAD_MS_MAX, `${tookMs} ms of CPU`);

    const source = snapshot.trunks.get("carrier")!;
    const planned = process.cpuUsage();
    const CALLS = 20_000;
    for (let i = 0; i < CALLS; i++) {
      const plan = planCall({
        snapshot,
        source,
        calledUser: number(i * 5),
        callerUser: "+4930123456",
        healthOf: () => undefined,
        nowMs: 0,
        dice: () => 0.5,
      });
      assert.equal(plan.type, "dial");
    }
    const tookUs = process.cpuUsage(planned).user / CALLS;
    assert.ok(tookUs < PLAN_US_MAX, `${tookUs} µs`);
  });
}
