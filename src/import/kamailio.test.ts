import assert from "node:assert/strict";
import { test } from "node:test";
import { loadText } from "#config/load.ts";
import { type KamailioSources, importKamailio } from "./kamailio.ts";
import type { Move } from "./move.ts";
import { writeYaml } from "./write-yaml.ts";

const file = (text: string, name = "f") => [{ name, text }];
const CFG = `#!KAMAILIO
include_file "kamailio-local.cfg"
#!substdef "!PRIVATE_IP!10.0.0.1!g"
#!substdef "!PUBLIC_IP!203.0.113.234!g"
#!substdef "!PUBLIC_PORT!5060!g"
#!substdef "!TELECOM_CARRIER_1!10.230.73.220!g"
listen=udp:PRIVATE_IP:5060
listen=udp:PUBLIC_IP:PUBLIC_PORT
listen=udp:PUBLIC_IP:5080 # a second one
#!ifdef WITH_TLS
listen=tls:PUBLIC_IP:5061
#!endif
/* listen=udp:192.0.2.77:5060
*/
alias=sip.example.com
modparam("dispatcher", "ds_ping_interval", 10)
modparam("dispatcher", "ds_probing_mode", 1)
modparam("dispatcher", "ds_probing_threshold", 3)
modparam("dispatcher", "ds_ping_reply_codes", "class=2;code=480;class=4")
route { ds_select_dst("1", "9"); if (!ds_select_dst("$var(group)", "8")) exit; }
`;
const LOCAL = `#!substdef "!PRIVATE_IP!10.230.73.225!g"`;
const RTPENGINE =
  "[rtpengine]\ninterface = internal/10.230.73.225;external/203.0.113.234!198.51.100.9\nlisten-ng = 127.0.0.1:2223\nport-min = 10001\nport-max = 20000\n";
const DUMP = `CREATE TABLE dispatcher (id int, setid int, destination varchar(192), flags int, priority int, attrs varchar(128), description varchar(64));
INSERT INTO dispatcher VALUES
(1,1,'sip:a.example.com',0,10,'weight=70','First'),
(2,1,'sip:b.example.com',0,10,'weight=30;maxload=20;class=4','Second'),
(3,1,'sip:c.example.com',0,10,'','Third'),
(4,2,'sip:one@192.0.2.1:5070;transport=tcp;px=1',0,5,'socket=udp:203.0.113.234:5080','Low'),
(5,2,'sip:192.0.2.2',4,20,'obproxy=sip:192.0.2.9;ping_from=sip:x@y','High'),
(6,2,'sips:192.0.2.3',0,20,'','Secure'),
(7,2,'sip:203.0.113.234:5060',0,20,'','Ourselves'),
(8,2,'http://x',0,20,'','Nonsense');
INSERT INTO address (grp, ip_addr, mask, port, tag) VALUES (1,'10.230.73.220',32,0,'vodafone'),(1,'10.230.74.0',24,0,'vodafone'),(1,'10.9.9.9',32,5080,NULL),
(2,'198.51.100.7',32,0,'first'),(2,'198.51.100.8',32,0,'dialler'),(2,'0.0.0.0',0,0,'all'),(2,'name.example.com',32,0,''),(3,'192.0.2.200',32,0,'');
INSERT INTO did_routing (did, gateway_group, gateway_uri, enabled) VALUES ('+15551230001',1,NULL,1),('+1 555 123-0002',2,'',1),('4930555%',2,'sip:direct.example.com:5070',1),
('+15551230001',2,NULL,1),('^\\\\+49',1,NULL,1),('+15551230004',9,NULL,1),('+15551230005',1,NULL,0),('Reception',1,NULL,1),('default',2,NULL,1),('+15551230006',NULL,'sip:a.example.com',1);
INSERT INTO uacreg (l_uuid, l_username, r_username, r_domain, auth_username, auth_password, auth_proxy, expires, flags, auth_ha1) VALUES
('rc1','101','15550001','sip.provider.example','8001','s3cr"et','sip:proxy.provider.example:5090',30,0,''),('hash','h','h','sip.other.example','h','','',0,1,'d41d8');
INSERT INTO subscriber (username) VALUES ('alice'),('bob');
`;
const WHOLE: KamailioSources = {
  dumps: file(DUMP, "dump.sql"),
  cfgs: [...file(CFG, "/etc/kamailio/kamailio.cfg"), ...file(LOCAL, "/etc/kamailio/kamailio-local.cfg")],
  rtpengine: file(RTPENGINE, "rtpengine.conf"),
};

const row = ({ rows }: Move, what: RegExp) => rows.find((one) => what.test(one.what)) ?? assert.fail(`no row like ${what}`);
const check = (move: Move) => loadText(writeYaml(move.draft), "t.yaml", { env: {}, readFile: () => "", uid: 0, hostname: "h", home: "/h" });

test("what is imported from all sources passes the check", () => {
  const move = importKamailio(WHOLE);
  assert.deepEqual(move.problems, []);
  const loaded = check(move);
  assert.ok(loaded.ok, JSON.stringify(loaded));
  const { trunks, gateways, dids } = loaded.config.snapshot;
  assert.deepEqual([...trunks.keys()], ["vodafone", "carrier-10.9.9.9", "rc1", "hash"]);
  assert.equal(trunks.get("rc1")!.account!.passwords[0]!.reveal(), 's3cr"et');
  assert.equal(trunks.get("rc1")!.register!.expiresS, 60);
  assert.equal(trunks.get("rc1")!.outboundProxy, "sip:proxy.provider.example:5090");
  assert.equal(trunks.get("hash")!.register, undefined);
  assert.deepEqual(trunks.get("vodafone")!.addresses, ["10.230.73.220", "10.230.74.0/24"]);
  assert.deepEqual(gateways.get("first")!.addresses, ["198.51.100.7"]);
  assert.deepEqual(gateways.get("second")!.callsMax, 20);
  // Numbers have no order of their own.
  const numbers = ["+15551230001", "+15551230002", "4930555*", "reception", "*", "+15551230006"];
  assert.deepEqual([...dids.keys()].sort(), numbers.sort());
});

test("listeners come from listen and substdef, the local file first, and share out rtpengine's ports", () => {
  assert.deepEqual(importKamailio(WHOLE).draft.listeners, [
    { name: "private", address: "10.230.73.225", port: 5060, transports: ["udp"], media: { ports: "10002-19999" } },
    {
      name: "public",
      address: "203.0.113.234",
      port: 5060,
      transports: ["udp"],
      domains: ["sip.example.com"],
      media: { ports: "10002-14999", advertise: "198.51.100.9" },
    },
    {
      name: "public-5080",
      address: "203.0.113.234",
      port: 5080,
      transports: ["udp", "tcp"],
      media: { ports: "15000-19997", advertise: "198.51.100.9" },
    },
  ]);
});

test("the higher priority of Kamailio is the lower here, and algorithms that know weights keep them", () => {
  const { draft } = importKamailio(WHOLE);
  assert.deepEqual(draft.groups, [
    {
      name: "group-1",
      gateways: [
        { gateway: "first", priority: 1, weight: 70 },
        { gateway: "second", priority: 1, weight: 30 },
        // Never drawn by weight: only after the others.
        { gateway: "third", priority: 2 },
      ],
    },
    {
      name: "group-2",
      algorithm: "strict_priority",
      gateways: [
        { gateway: "low", priority: 2 },
        { gateway: "high", priority: 1 },
      ],
    },
  ]);
});

test("an algorithm that ignores priorities goes on doing so, and says so", () => {
  const lists = {
    dispatcherLists: file("1 sip:192.0.2.1 0 10\n1 sip:192.0.2.2 0 5 # reserve\n", "dispatcher.list"),
    listens: ["public=203.0.113.1"],
  };
  const round = importKamailio({ ...lists, cfgs: file('route { ds_select_dst("1", "4"); }') });
  assert.deepEqual(round.draft.groups[0], {
    name: "group-1",
    algorithm: "round_robin",
    gateways: [
      { gateway: "192.0.2.1", priority: 1 },
      { gateway: "192.0.2.2", priority: 1 },
    ],
  });
  assert.match(row(round, /2 destinations/).note, /whatever their priority/);
  const unknown = importKamailio(lists);
  assert.deepEqual(
    unknown.draft.groups[0]!.gateways.map(({ priority }) => priority),
    [1, 2],
  );
  assert.deepEqual(unknown.draft.dids, [{ number: "*", to: "group group-1" }]);
});

test("probes follow the module's parameters and each row's flags", () => {
  const { draft } = importKamailio(WHOLE);
  assert.deepEqual(draft.gateways.find(({ name }) => name === "first")!.probe, {
    every_s: 10,
    down_after: 3,
    up_after: 1,
    accepted_codes: ["200", "2xx", "480", "4xx"],
  });
  const lists = (flags: number, cfg?: string) =>
    importKamailio({
      dispatcherLists: file(`1 sip:192.0.2.1 ${flags}`),
      listens: ["public=203.0.113.1"],
      ...(cfg === undefined ? {} : { cfgs: file(cfg) }),
    }).draft.gateways[0]!;
  assert.equal(lists(0).probe, undefined);
  assert.equal(lists(8).probe, "yes");
  assert.equal(lists(8 + 32).probe, undefined);
  assert.equal(lists(4).drain, "yes");
  assert.equal(lists(0, 'modparam("dispatcher", "ds_ping_interval", 30)').probe, undefined);
  assert.deepEqual(lists(8, 'modparam("dispatcher", "ds_ping_interval", 1)').probe, {
    every_s: 1,
    timeout_ms: 900,
    down_after: 1,
    up_after: 1,
  });
});

test("whatever is left behind has a row with its reason", () => {
  const move = importKamailio(WHOLE);
  const left = (what: RegExp, note: RegExp): void => {
    const one = row(move, what);
    assert.equal(one.became, "", one.what);
    assert.match(one.note, note);
  };
  left(/Secure/, /TLS wants certificates/);
  left(/Ourselves/, /our own listener/);
  left(/Nonsense/, /not a SIP URI/);
  left(/0\.0\.0\.0/, /everybody could call out/);
  left(/name\.example\.com/, /a name, not an address/);
  left(/address group 3/, /only the script knows/);
  left(/did \^/, /a pattern/);
  left(/\+15551230004/, /set 9/);
  left(/\+15551230005/, /switched off/);
  left(/did \+15551230001 → group 2/, /earlier row/);
  left(/table subscriber, 2 rows/, /only dispatcher/);
  assert.match(row(move, /Low/).note, /without user one.*without ;px=1/);
  assert.match(row(move, /Second/).note, /attributes class/);
  assert.match(row(move, /High/).note, /ping_from is not taken.*was disabled/);
  assert.match(row(move, /uacreg hash/).note, /only a hash.*switched off/);
  assert.equal(
    move.rows.some(({ what }) => /listen tls/.test(what)),
    false,
    "a branch of ifdef that doesn't apply is not read",
  );
});

test("a gateway whose calls leave by a second socket is known where its calls come in", () => {
  const { draft } = importKamailio(WHOLE);
  const { listener, egress_listener } = draft.gateways.find(({ name }) => name === "low")!;
  assert.deepEqual([listener, egress_listener], ["public", "public-5080"]);
});

test("a dump alone takes its listeners from sockets; without any it says what is missing", () => {
  const withSocket = importKamailio({
    dumps: file("INSERT INTO dispatcher (setid, destination, attrs) VALUES (1,'sip:192.0.2.1','socket=udp:203.0.113.5:5060');"),
  });
  assert.deepEqual(
    withSocket.draft.listeners.map(({ address }) => address),
    ["203.0.113.5"],
  );
  assert.ok(check(withSocket).ok);
  assert.match(importKamailio({ dispatcherLists: file("1 sip:192.0.2.1") }).problems[0]!, /no listener/);
  assert.match(
    importKamailio({ dispatcherLists: file("garbage"), listens: ["public"] }).problems.join(),
    /--listen public: write name=address.*nothing to take/,
  );
});

test("address files are read as the module reads them", () => {
  const { draft, rows } = importKamailio({
    addressFiles: file("# carriers\n1 10.0.0.1 32 0 telco\n1 10.0.1.0, 24, 5060 telco\n1 2001:db8::1\n2 192.0.2.5\nx y\n", "address.list"),
    listens: ["private=10.0.0.2", "public=203.0.113.1", "v6=[2001:db8::2]:5060"],
  });
  assert.deepEqual(
    draft.trunks.map(({ name, listener, addresses, uri }) => [name, listener, uri, addresses]),
    [
      ["telco", "private", "sip:10.0.0.1:5060", ["10.0.0.1", "10.0.1.0/24"]],
      ["carrier-2001-db8--1".replace("--", "-"), "v6", "sip:[2001:db8::1]:5060", undefined],
    ],
  );
  assert.deepEqual(
    draft.gateways.map(({ name, addresses }) => [name, addresses]),
    [["caller-192.0.2.5", ["192.0.2.5"]]],
  );
  assert.equal(rows.find(({ source }) => source === "address.list:6")!.became, "");
});

test("100,000 numbers are imported in seconds, and read back by the fast reader", () => {
  const dids = Array.from({ length: 100_000 }, (_, i) => `(${i},'+1555${String(i).padStart(7, "0")}',1,NULL)`).join(",\n");
  const move = importKamailio({
    ...WHOLE,
    dumps: file(
      `${DUMP.replace(/INSERT INTO did_routing[^;]*;/, "")}INSERT INTO did_routing (id,did,gateway_group,gateway_uri) VALUES ${dids};`,
    ),
  });
  assert.equal(move.draft.dids.length, 100_000);
  const startedAt = performance.now();
  const loaded = check(move);
  assert.ok(loaded.ok && loaded.config.snapshot.dids.size === 100_000);
  assert.ok(performance.now() - startedAt < 20_000);
});
