/**
 * Tandem on PostgreSQL by DATABASE_URL, with a real server and real calls: CDRs are in it, and those of calls that
 * ended while it was away are in it when it is back.
 */
import assert from "node:assert/strict";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { Cdr } from "#cdr/record.ts";
import { type Lab, loopbackLab, startTandem } from "../kit/lab.ts";
import { skipWithout } from "../kit/peers.ts";
import { startPostgres } from "../kit/postgres.ts";
import { runSipp, startSipp } from "../kit/sipp.ts";
import { ANSWERING, ack, bye, invite, pause, recv, uac } from "../kit/sipp-scenario.ts";

const CALLING = uac([
  invite(),
  recv(100, { optional: true }),
  recv(180, { optional: true }),
  recv(200),
  ack(),
  pause(50),
  bye(),
  recv(200),
]);
const DID = "+15551234567";
const PATIENCE_MS = 15_000;
const PASSWORD = "Gr8-secret-of-ours";

const yaml = (lab: Lab): string => `
listeners:
  - { name: private, address: ${lab.sbcPrivate.address}, media: { ports: 20000-20999 } }
  - { name: public, address: ${lab.sbcPublic.address}, media: { ports: 21000-21999 } }
trunks:
  - { name: carrier, listener: private, uri: "sip:${lab.carrier.address}:5060" }
gateways:
  - { name: ai, listener: public, uri: "sip:${lab.gateways[0].address}:5060" }
dids:
  - { number: "${DID}", to: gateway ai }
`;

describe("PostgreSQL", { skip: skipWithout("sipp", "initdb", "postgres") }, () => {
  test("a call's CDR is in it, also of calls that ended while it was away", async (t) => {
    const lab = loopbackLab(t);
    const server = await startPostgres();
    lab.atEnd(() => server.stop());
    const url = await server.newDatabase();
    const tandem = await startTandem(t, lab, yaml(lab), { DATABASE_URL: url });
    startSipp(lab, lab.gateways[0], ANSWERING, undefined);
    const call = async (): Promise<void> => {
      const result = await runSipp(lab, lab.carrier, CALLING, `${lab.sbcPrivate.address}:5060`, { service: DID });
      assert.equal(result.successful, 1, result.output);
    };
    const stored = async (count: number): Promise<void> => {
      for (const untilMs = Date.now() + PATIENCE_MS; ; await sleep(100)) {
        const [row] = await server.sql(url, "select count(*)::int as calls from call where outcome = 'answered'").catch(() => []);
        if (row?.["calls"] === count) return;
        assert.ok(Date.now() < untilMs, `${String(row?.["calls"])} CDRs of ${count}:\n${tandem.child.output().slice(-2_000)}`);
      }
    };
    await call();
    await stored(1);
    assert.equal(existsSync(join(tandem.home, "tandem.db")), false, "nothing is kept in a file beside it");
    const rows = await server.sql(url, "select count(*)::int as rows from leg union all select count(*)::int from call_peer");
    assert.deepEqual(
      rows.map(({ rows: count }) => count),
      [2, 2],
    );

    await server.crash();
    await call();
    await call();
    await tandem.child.says(/CDRs wait in the journal/, PATIENCE_MS);
    const { state } = await tandem.cli<{ readonly state?: string }>("status");
    assert.ok(state !== "", "the switch answers meanwhile");
    await server.start();
    await tandem.child.says(/CDRs are stored again/, PATIENCE_MS);
    await stored(3);
    assert.equal(tandem.child.output().match(/CDRs wait in the journal/g)?.length, 1, "it is told once");

    // What it says of calls comes from there, too.
    const listed = await tandem.cli<readonly Cdr[]>("cdr");
    assert.equal(listed.length, 3);
    assert.equal(await tandem.stop(), 0);
    await stored(3);
  });

  test("resources, users and records are in it over the API; signalling comes back while it is away with what it last read", async (t) => {
    const lab = loopbackLab(t);
    const server = await startPostgres();
    lab.atEnd(() => server.stop());
    const url = await server.newDatabase();
    const file = `node:\n  api: { address: ${lab.sbcPrivate.address}, port: 18080 }\n${yaml(lab).replace(/^trunks:[^]*/m, "")}`;
    const tandem = await startTandem(t, lab, file, { DATABASE_URL: url });
    startSipp(lab, lab.gateways[0], ANSWERING, undefined);
    const resources = yaml(lab)
      .replace(/^[^]*(?=trunks:)/, "")
      .replace(':5060" }', `:5060", username: us, password: "${PASSWORD}" }`);
    const path = join(lab.folder, "resources.yaml");
    writeFileSync(path, resources);
    const applied = await tandem.cli<{ readonly ok: boolean; readonly running: boolean }>(
      ...["apply", "-f", path, "--yes", "--config", join(lab.folder, "tandem.yaml")],
    );
    assert.deepEqual([applied.ok, applied.running], [true, true], JSON.stringify(applied));
    const [trunk] = await server.sql(url, "select body from resource where kind = 'trunk'");
    assert.match(String(trunk?.["body"]), /"password":"sealed:1:/);
    assert.equal(String(trunk?.["body"]).includes(PASSWORD), false);

    const call = async (): Promise<void> => {
      const result = await runSipp(lab, lab.carrier, CALLING, `${lab.sbcPrivate.address}:5060`, { service: DID });
      assert.equal(result.successful, 1, result.output);
    };
    await call();
    const { token } = await tandem.cli<{ readonly token: string }>("token");
    const ask = async (method: string, where: string, body?: object) => {
      const response = await fetch(`http://${lab.sbcPrivate.address}:18080${where}`, {
        method,
        headers: { authorization: `Bearer ${token}`, ...(body === undefined ? {} : { "content-type": "application/json" }) },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      return { status: response.status, text: await response.text() };
    };
    for (const untilMs = Date.now() + PATIENCE_MS; ; await sleep(100)) {
      const { text } = await ask("GET", "/api/calls/cdr?outcome=answered").catch(() => ({ text: "" }));
      if (text.includes(DID)) break;
      assert.ok(Date.now() < untilMs, text);
    }
    const user = { name: "anna", password: "a long password", role: "viewer" };
    assert.equal((await ask("POST", "/api/users", user)).status, 201);
    const login = await ask("POST", "/api/auth/login", { username: user.name, password: user.password });
    assert.equal(login.status, 200, login.text);
    const changed = await ask("PUT", "/api/trunks/carrier", { max_concurrent_calls: 7 });
    assert.equal(changed.status, 200, changed.text);
    assert.equal(changed.text.includes(PASSWORD), false);
    assert.match((await ask("GET", "/api/calls/statistics?by=trunk")).text, /"key":"carrier","calls":1/);
    assert.match((await ask("GET", "/api/calls/cdr.csv")).text, new RegExp(`answered,200`));

    // Kept beside it, and not open there either.
    for (const untilMs = Date.now() + PATIENCE_MS; ; await sleep(100)) {
      const kept = readFileSync(join(tandem.home, "resources-kept.json"), "utf8");
      assert.equal(kept.includes(PASSWORD), false);
      if (kept.includes(DID)) break;
      assert.ok(Date.now() < untilMs, kept);
    }
    await server.crash();
    const away = await ask("GET", "/api/calls/cdr");
    assert.deepEqual([away.status, /STORE_UNAVAILABLE/.test(away.text)], [503, true], away.text);
    const pid = tandem.pidOf("signalling");
    process.kill(pid, "SIGKILL");
    await tandem.child.says(/those that were last read are in force/, PATIENCE_MS);
    await call();
    assert.equal(tandem.child.output().includes(PASSWORD), false);
    await server.start();
    for (const untilMs = Date.now() + PATIENCE_MS; ; await sleep(100)) {
      const [row] = await server.sql(url, "select count(*)::int as calls from call where outcome = 'answered'");
      if (row?.["calls"] === 2) break;
      assert.ok(Date.now() < untilMs, tandem.child.output().slice(-2_000));
    }
  });
});
