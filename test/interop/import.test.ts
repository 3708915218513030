/**
 * Moving in from Kamailio with the real thing: Kamailio 5.6 with its own MariaDB schema carries a load of calls,
 * its tables are dumped, imported, and Tandem carries the same load on the same addresses.
 */
import assert from "node:assert/strict";
import { readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { startKamailioWith, startRegistrar } from "../kit/kamailio.ts";
import { type Lab, loopbackLab, startTandem } from "../kit/lab.ts";
import { startMariaDb } from "../kit/mariadb.ts";
import { skipWithout, skipWithoutRoot } from "../kit/peers.ts";
import { type SippResult, runSipp, startSipp } from "../kit/sipp.ts";
import { ANSWERING, ack, bye, invite, pause, recv, uac } from "../kit/sipp-scenario.ts";
import { ROOT } from "../dev/root.ts";

const SCHEMA = "/usr/share/kamailio/mysql";
const trying = recv(100, { optional: true });
const ringing = recv(180, { optional: true });
const CALLING = uac([invite(), trying, ringing, recv(200), ack(), pause(100), bye(), recv(200)]);
const CALLS = 30;

/** As people write it: addresses in a file of their own, groups by the script. */
const localCfg = (lab: Lab): string => `
#!substdef "!PRIVATE_IP!${lab.sbcPrivate.address}!g"   # private interface
#!substdef "!PUBLIC_IP!${lab.sbcPublic.address}!g"     # public interface
#!substdef "!TELECOM_CARRIER_1!${lab.carrier.address}!g"
`;
const cfg = (db: string): string => `#!KAMAILIO
include_file "kamailio-local.cfg"
#!substdef "!PRIVATE_PORT!5060!g"
#!substdef "!PUBLIC_PORT!5060!g"
debug=2
log_stderror=yes
children=2
tcp_children=1
auto_aliases=no
dns=no
rev_dns=no
listen=udp:PRIVATE_IP:PRIVATE_PORT
listen=tcp:PRIVATE_IP:PRIVATE_PORT
listen=udp:PUBLIC_IP:PUBLIC_PORT
alias=PRIVATE_IP
alias=PUBLIC_IP
${["db_mysql", "tm", "sl", "rr", "pv", "maxfwd", "textops", "siputils", "xlog", "sqlops", "permissions", "dispatcher"].map((module) => `loadmodule "${module}.so"\n`).join("")}
modparam("tm", "fr_timer", 1500)
modparam("rr", "enable_double_rr", 1)
modparam("dispatcher|permissions", "db_url", "${db}")
modparam("sqlops", "sqlcon", "cb=>${db}")
modparam("dispatcher", "flags", 2)
modparam("dispatcher", "ds_ping_interval", 0)
modparam("dispatcher", "xavp_dst", "_dst_")

request_route {
  if (is_method("OPTIONS") && uri == myself) { sl_send_reply("200", "OK"); exit; }
  if (!mf_process_maxfwd_header("10")) { sl_send_reply("483", "Too Many Hops"); exit; }
  if (is_method("CANCEL")) { if (t_check_trans()) t_relay(); exit; }
  if (has_totag()) {
    if (loose_route()) { t_relay(); exit; }
    if (is_method("ACK")) { if (t_check_trans()) t_relay(); exit; }
    sl_send_reply("404", "Not here");
    exit;
  }
  t_check_trans();
  record_route();
  if (allow_source_address("1")) route(TO_PUBLIC_GATEWAY);
  if (allow_source_address("2")) route(TO_TELECOM);
  sl_send_reply("403", "Forbidden");
}
route[TO_PUBLIC_GATEWAY] {
  sql_query("cb", "select gateway_group, gateway_uri from did_routing where did='$rU'", "ra");
  if ($dbr(ra=>rows) == 0) { sl_send_reply("404", "No such number"); exit; }
  $var(group) = $dbr(ra=>[0,0]);
  $fs = "udp:PUBLIC_IP:5060";
  if ($dbr(ra=>[0,1]) != $null && $dbr(ra=>[0,1]) != "") { $du = $dbr(ra=>[0,1]); t_relay(); exit; }
  if ($var(group) == 1) { if (!ds_select_dst("1", "9")) { sl_send_reply("503", "No gateway"); exit; } }
  else if (!ds_select_dst("$var(group)", "8")) { sl_send_reply("503", "No gateway"); exit; }
  t_on_failure("NEXT");
  t_relay();
  exit;
}
route[TO_TELECOM] {
  $du = "sip:TELECOM_CARRIER_1:5060";
  $fs = "udp:PRIVATE_IP:5060";
  t_relay();
  exit;
}
failure_route[NEXT] {
  if (t_is_canceled()) exit;
  if (t_check_status("5[0-9][0-9]|408") && ds_next_dst()) { t_on_failure("NEXT"); t_relay(); exit; }
}
`;

const rowsFor = (lab: Lab): string => {
  const [one, two, three] = lab.gateways.map(({ address }) => address);
  const dead = `${one!.slice(0, one!.lastIndexOf("."))}.99`;
  return `
create table did_routing (id int auto_increment primary key, did varchar(64) not null, gateway_group int, gateway_uri varchar(192), description varchar(64), unique key (did));
insert into dispatcher (setid, destination, flags, priority, attrs, description) values
 (1, 'sip:${one}:5060', 0, 10, 'weight=70;socket=udp:${lab.sbcPublic.address}:5060', 'Agent "one"'),
 (1, 'sip:${two}:5060', 0, 10, 'weight=30;duid=two', 'Agent two; it''s the second'),
 (2, 'sip:${three}:5060', 0, 5, '', 'Backup'),
 (2, 'sip:${dead}:5060', 0, 20, 'maxload=50', 'Dead one');
insert into address (grp, ip_addr, mask, port, tag) values (1, '${lab.carrier.address}', 32, 0, 'vodafone'),
 (2, '${one}', 32, 0, 'agents'), (2, '${two}', 32, 0, 'agents'), (2, '${three}', 32, 0, 'agents');
insert into did_routing (did, gateway_group, gateway_uri) values ('+15551230001', 1, null), ('+15551230002', 2, null), ('+15551230003', 1, 'sip:${three}:5060');
insert into uacreg (l_uuid, l_username, l_domain, r_username, r_domain, auth_username, auth_password, auth_proxy, expires, flags) values ('spare', '100', 'x', '100', '${lab.carrier2.address}', '100', 'it''s \\\\ secret', 'sip:${lab.carrier2.address}', 300, 1);
`;
};

interface Carried {
  readonly perGateway: readonly number[];
  readonly outbound: number;
}

/** The load: three numbers in, one call out; who answered how many. */
async function carry(lab: Lab): Promise<Carried> {
  const gateways = lab.gateways.map((gateway) => startSipp(lab, gateway, ANSWERING, undefined, { trace: false }));
  const sbc = `${lab.sbcPrivate.address}:5060`;
  const succeeded = (result: SippResult, calls: number): void => assert.equal(result.successful, calls, result.output);
  succeeded(
    await runSipp(lab, lab.carrier, CALLING, sbc, { service: "+15551230001", calls: CALLS, ratePerSecond: 20, trace: false }),
    CALLS,
  );
  succeeded(await runSipp(lab, lab.carrier, CALLING, sbc, { service: "+15551230002", calls: 3, ratePerSecond: 5, trace: false }), 3);
  succeeded(await runSipp(lab, lab.carrier, CALLING, sbc, { service: "+15551230003", calls: 2, ratePerSecond: 5, trace: false }), 2);
  const answered = await Promise.all(gateways.map((gateway) => gateway.finish()));
  const carrier = startSipp(lab, lab.carrier, ANSWERING, undefined, { calls: 2, trace: false });
  succeeded(
    await runSipp(lab, lab.gateways[0], CALLING, `${lab.sbcPublic.address}:5060`, {
      service: "+4989987654",
      calls: 2,
      ratePerSecond: 5,
      trace: false,
    }),
    2,
  );
  return { perGateway: answered.map(({ successful }) => successful), outbound: (await carrier.finish()).successful };
}

function isRight({ perGateway: [one = 0, two = 0, three = 0], outbound }: Carried): void {
  assert.equal(one + two, CALLS);
  // 70 to 30 of so few calls: only that the first has more, and the second some.
  assert.ok(one > two && two > 0, `${one} to ${two}`);
  assert.equal(three, 5);
  assert.equal(outbound, 2);
}

interface ImportReport {
  readonly ok: boolean;
  readonly rows: readonly { readonly source: string; readonly what: string; readonly became: string; readonly note: string }[];
  readonly written: string;
  readonly yaml: string;
}

interface Preflight {
  readonly ok: boolean;
  readonly steps: readonly { readonly step: string; readonly verdict: string; readonly found: string }[];
}

async function cli(lab: Lab, ...args: readonly string[]): Promise<{ readonly code: number; readonly output: string }> {
  return lab.run(
    lab.sbcPrivate,
    process.execPath,
    ["--disable-warning=ExperimentalWarning", join(ROOT, "src/cli-main.ts"), ...args],
    30_000,
  );
}

const skip =
  skipWithout("kamailio", "sipp", "mariadbd", "mariadb-dump") ||
  (kamailioSchema() ? false : "kamailio-mysql-modules not installed (./dev peers)");
function kamailioSchema(): boolean {
  return statSync(`${SCHEMA}/dispatcher-create.sql`, { throwIfNoEntry: false }) !== undefined;
}

test("Kamailio's MariaDB is imported, and Tandem carries the load that Kamailio carried", { skip }, async (t: TestContext) => {
  const lab = loopbackLab(t);
  const db = await startMariaDb(lab, lab.sbcPrivate);
  await db.sql("create database kamailio; create user kamailio@'%' identified by 'kamailiorw'; grant all on kamailio.* to kamailio@'%'");
  for (const table of ["standard", "dispatcher", "permissions", "uac"])
    await db.sql(readFileSync(`${SCHEMA}/${table}-create.sql`, "utf8"), "kamailio");
  await db.sql(rowsFor(lab), "kamailio");
  const files = {
    "kamailio.cfg": cfg(`mysql://kamailio:kamailiorw@${lab.sbcPrivate.address}:${db.port}/kamailio`),
    "kamailio-local.cfg": localCfg(lab),
  };
  const kamailio = await startKamailioWith(lab, lab.sbcPrivate, files);
  isRight(await carry(lab));
  kamailio.kill("SIGTERM");
  await kamailio.ended;

  const file = (name: string, text: string): string => {
    writeFileSync(join(lab.folder, name), text);
    return join(lab.folder, name);
  };
  const dump = file("dump.sql", await db.dump("kamailio", ["dispatcher", "address", "did_routing", "uacreg"]));
  const cfgs = Object.entries(files).map(([name, text]) => file(name, text));
  const rtpengine = file(
    "rtpengine.conf",
    `[rtpengine]\ninterface = internal/${lab.sbcPrivate.address}\ninterface = external/${lab.sbcPublic.address}\nlisten-ng = 127.0.0.1:2223\nport-min = 20000\nport-max = 24000\n`,
  );
  const out = join(lab.folder, "imported.yaml");
  const imported = await cli(
    lab,
    "import",
    "kamailio",
    "--dump",
    dump,
    "--cfg",
    cfgs.join(","),
    "--rtpengine",
    rtpengine,
    "--out",
    out,
    "--json",
  );
  const report = JSON.parse(imported.output) as ImportReport;
  assert.equal(report.ok, true, imported.output);
  assert.equal(report.written, out);
  assert.equal(statSync(out).mode & 0o777, 0o600);
  assert.doesNotMatch(imported.output, /secret/);
  assert.match(readFileSync(out, "utf8"), /"it's \\\\ secret"/);
  const became = (what: RegExp): string | undefined => report.rows.find((row) => what.test(row.what))?.became;
  assert.equal(became(/Agent "one"/), "gateway agent-one in group-1");
  assert.equal(became(/TELECOM_CARRIER_1/), "uri of trunk vodafone");
  assert.equal(became(/15551230003/), "DID +15551230003 → gateway backup");
  const again = await cli(lab, "import", "kamailio", "--dump", dump, "--cfg", cfgs.join(","), "--out", out);
  assert.match(again.output, /is there already/);
  assert.equal((await cli(lab, "check", "-c", out)).code, 0);

  const tandem = await startTandem(t, lab, readFileSync(out, "utf8"));
  isRight(await carry(lab));

  await t.test("what Kamailio gets afterwards is applied beside it, and routed", async () => {
    await db.sql(
      `insert into dispatcher (setid, destination, description) values (7, 'sip:${lab.gateways[1].address}:5070', 'Late one'); insert into did_routing (did, gateway_group) values ('+15551230009', 7); delete from dispatcher where setid < 7; delete from address; delete from uacreg; delete from did_routing where gateway_group <> 7 or gateway_group is null`,
      "kamailio",
    );
    const late = file("late.sql", await db.dump("kamailio", ["dispatcher", "did_routing"]));
    const applied = await tandem.cli<{ readonly ok: boolean; readonly applied: { readonly added: number } }>(
      "import",
      "kamailio",
      "--dump",
      late,
      "--apply",
      "--yes",
      "-c",
      join(lab.folder, "tandem.yaml"),
    );
    assert.equal(applied.ok, true, JSON.stringify(applied));
    assert.equal(applied.applied.added, 3);
    const route = await tandem.cli<{ readonly outcome: string }>("route", "+15551230009", "--from", "vodafone");
    assert.equal(route.outcome, "dial");
  });

  await t.test("preflight walks to the imported carrier, and to a dead gateway", async () => {
    const carrier = startSipp(
      lab,
      lab.carrier,
      `<?xml version="1.0"?><scenario name="options"><recv request="OPTIONS"/><send><![CDATA[
SIP/2.0 200 OK
[last_Via:]
[last_From:]
[last_To:];tag=o
[last_Call-ID:]
[last_CSeq:]
Server: carrier
Content-Type: application/sdp
Content-Length: [len]

v=0
o=- 1 1 IN IP4 [local_ip]
s=-
c=IN IP4 [local_ip]
t=0 0
m=audio 0 RTP/AVP 8 0
]]></send></scenario>`,
      undefined,
      { calls: 1 },
    );
    const good = await tandem.cli<Preflight>("preflight", "vodafone", "-c", out);
    await carrier.finish();
    const verdict = (result: Preflight, step: string): string => result.steps.find((one) => one.step === step)!.verdict;
    assert.equal(good.ok, true, JSON.stringify(good));
    assert.equal(verdict(good, "options"), "pass");
    assert.equal(verdict(good, "source"), "pass");
    assert.match(good.steps.find(({ step }) => step === "codecs")!.found, /PCMA, PCMU/);
    const dead = await tandem.cli<Preflight>("preflight", "dead-one", "-c", out);
    assert.equal(dead.ok, false);
    assert.equal(verdict(dead, "options"), "fail");
  });

  await t.test("nft takes the firewall of the imported configuration", { skip: skipWithoutRoot("nft") }, async () => {
    const made = await cli(lab, "firewall", "-c", out, "--format", "nft");
    assert.equal(made.code, 0, made.output);
    assert.match(
      made.output,
      new RegExp(`ip saddr ${lab.carrier.address} ip daddr ${lab.sbcPrivate.address} udp dport 5060 accept comment "vodafone"`),
    );
    const { code, output } = await lab.run(lab.sbcPrivate, "nft", ["-c", "-f", file("firewall.nft", made.output)], 20_000);
    assert.equal(code, 0, output);
  });
});

test("preflight asks a registrar with the password, and changes nothing there", {
  skip: skipWithout("kamailio"),
}, async (t: TestContext) => {
  const lab = loopbackLab(t);
  await startRegistrar(lab, lab.carrier, { domain: "provider.test", password: "right", phone: `${lab.carrier2.address}:5060` });
  const yaml = (password: string): string => `
listeners: [{ name: private, address: ${lab.sbcPrivate.address}, port: 5060 }]
trunks:
  - name: provider
    uri: "sip:${lab.carrier.address}:5060"
    from_domain: provider.test
    username: "100"
    password: ${password}
    register: yes
`;
  for (const password of ["right", "wrong"]) {
    const path = join(lab.folder, `${password}.yaml`);
    writeFileSync(path, yaml(password));
    const { output } = await cli(lab, "preflight", "provider", "-c", path, "--home", lab.folder, "--json");
    const { steps } = JSON.parse(output) as Preflight;
    const verdict = (step: string): string | undefined => steps.find((one) => one.step === step)?.verdict;
    const expected = password === "right" ? "pass" : "fail";
    assert.deepEqual([verdict("register"), verdict("digest")], [expected, expected], output);
  }
});
