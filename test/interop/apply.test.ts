/**
 * `tandem apply` and `tandem export` as an operator uses them: beside calls that are up, with Tandem running and
 * without, and with everything killed at any moment.
 */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { StatusReport } from "#call/control.ts";
import type { Cdr } from "#cdr/record.ts";
import type { ApplyReport } from "#config/apply-apart.ts";
import { readSqliteResources } from "#store/sqlite/sqlite-resources.ts";
import { ROOT } from "../dev/root.ts";
import { type Lab, type RunningTandem, loopbackLab, startTandem } from "../kit/lab.ts";
import { WireAgent, type WireCall } from "../kit/wire-agent.ts";

const DID = "+15551234567";
const EXIT_USAGE = 2;
const LOADED_MACHINE_MS = 60_000;

const listeners = (lab: Lab): string => `listeners:
  - { name: private, address: ${lab.sbcPrivate.address}, media: { ports: 20000-20999 } }
  - { name: public, address: ${lab.sbcPublic.address}, media: { ports: 20000-20999 } }
`;
const resources = (lab: Lab, to = "gateway ai"): string => `trunks:
  - { name: vodafone, listener: private, uri: "sip:${lab.carrier.address}:5060", username: us, password: geheim }
gateways:
  - { name: ai, listener: public, uri: "sip:${lab.gateways[0].address}:5060" }
dids:
  - { number: "${DID}", to: ${to} }
`;

interface Setting {
  readonly lab: Lab;
  readonly tandem: RunningTandem;
  readonly carrier: WireAgent;
  call(): Promise<WireCall>;
  /** Writes the text to a file and applies that. */
  apply(
    text: string,
    ...more: readonly string[]
  ): Promise<
    ApplyReport & {
      readonly ok: boolean;
      readonly running?: boolean;
      readonly code?: string;
      readonly message?: string;
      readonly problems?: readonly { readonly file: string; readonly line: number; readonly message: string }[];
    }
  >;
}

async function setUp(t: TestContext): Promise<Setting> {
  const lab = loopbackLab(t);
  const tandem = await startTandem(t, lab, listeners(lab));
  const carrier = await WireAgent.open({ address: lab.carrier.address });
  const gateway = await WireAgent.open({ address: lab.gateways[0].address });
  lab.atEnd(async () => void (await Promise.all([carrier.close(), gateway.close()])));
  gateway.onCall = (call) => gateway.answer(call, 9_100);
  const file = join(lab.folder, "resources.yaml");
  return {
    lab,
    tandem,
    carrier,
    call: () => carrier.call(DID, lab.sbcPrivate.address, 9_200).until("answered or refused", (call) => call.status >= 200 || call.over),
    async apply(text, ...more) {
      writeFileSync(file, text);
      return tandem.cli("apply", "-f", file, "--config", join(lab.folder, "tandem.yaml"), ...more);
    },
  };
}

describe("resources of the store", () => {
  test("what is applied is in force at once, and a running call is not touched", async (t) => {
    const { lab, tandem, carrier, call, apply } = await setUp(t);
    const shown = await apply(resources(lab));
    assert.equal(shown.code, "NOT_CONFIRMED");
    assert.equal(shown.added, 3);
    const first = await apply(resources(lab), "--yes");
    assert.deepEqual([first.ok, first.running, first.added, first.generation], [true, true, 3, 1]);
    const up = await call();
    assert.equal(up.status, 200);

    const again = await apply(resources(lab), "--yes", "--prune");
    assert.deepEqual([again.added + again.changed + again.removed, again.unchanged, again.generation], [0, 3, 1]);

    // The call's gateway goes, and its number is refused from now on.
    const changed = await apply(resources(lab, "reject 486 Busy").replace(/gateways:\n.*\n/, ""), "--yes", "--prune");
    assert.deepEqual([changed.changed, changed.removed, changed.generation], [1, 1, 2]);
    assert.deepEqual(changed.changes.find(({ change }) => change === "change")?.fields, [
      { field: "to", before: '"gateway ai"', after: '"reject 486 Busy"' },
    ]);
    assert.equal((await call()).status, 486);
    assert.equal((await tandem.cli<StatusReport>("status")).calls, 1, "the running call goes on");

    const wrong = await apply(resources(lab, "group nobody"), "--yes");
    assert.equal(wrong.code, "CONFIGURATION");
    assert.match(
      `${wrong.problems?.[0]?.file}:${wrong.problems?.[0]?.line} ${wrong.problems?.[0]?.message}`,
      /resources\.yaml:6 there is no group nobody/,
    );
    assert.equal((await call()).status, 486, "nothing of it is in force");

    carrier.hangUp(up);
    assert.equal((await up.until("told that its BYE came", ({ byeStatus }) => byeStatus !== undefined)).byeStatus, 200);
    const answered = (await tandem.cli<readonly Cdr[]>("cdr")).filter(({ outcome }) => outcome === "answered");
    assert.equal(answered.length, 1);
    assert.deepEqual(
      readdirSync(tandem.home).filter((name) => name.startsWith("apply-")),
      [],
      "the text was left nowhere",
    );
  });

  test("export gives back what was applied, and a killed signalling comes back with it", async (t) => {
    const { lab, tandem, call, apply } = await setUp(t);
    await apply(resources(lab), "--yes");
    const exported = await tandem.cli<{ readonly yaml: string; readonly generation: number }>("export");
    assert.doesNotMatch(exported.yaml, /geheim/);
    const back = await apply(exported.yaml, "--yes", "--prune");
    assert.deepEqual([back.unchanged, back.generation, back.removed], [3, 1, 0]);
    assert.match((await tandem.cli<{ readonly yaml: string }>("export", "--with-secrets")).yaml, /password: geheim/);

    const before = tandem.pidOf("signalling");
    process.kill(before, "SIGKILL");
    await tandem.child.says(/^signalling: ended \(SIGKILL\)[^]*^tandem ready/m, LOADED_MACHINE_MS);
    assert.equal((await call()).status, 200);
  });

  test("signalling killed in the middle of an apply comes back with all of it or nothing", async (t) => {
    const { lab, tandem, apply } = await setUp(t);
    await apply(resources(lab), "--yes");
    const path = join(tandem.home, "tandem.db");
    for (const afterMs of [700, 1_100]) {
      const before = readSqliteResources(path);
      const many =
        resources(lab) + Array.from({ length: 5_000 }, (_, i) => `  - { number: "+49${afterMs}${i}", to: gateway ai }\n`).join("");
      const applying = apply(many, "--yes").catch((error: unknown) => ({ ok: false, message: String(error) }));
      await sleep(afterMs);
      const pid = tandem.pidOf("signalling");
      process.kill(pid, "SIGKILL");
      const said = await applying;
      for (let tries = 0; tandem.pidOf("signalling") === pid && tries < 100; tries++) await sleep(50);
      const { generation, records } = readSqliteResources(path);
      const whole = before.records.length + 5_000;
      assert.ok(records.length === before.records.length || records.length === whole, `${records.length} resources after the kill`);
      assert.equal(generation, before.generation + (records.length === whole ? 1 : 0));
      if (said.ok) assert.equal(records.length, whole, "who was told that it is in force finds it");
      for (let tries = 0; ; tries++) {
        const answer = await tandem
          .ask<{ readonly type?: string }>({ type: "route", number: `+49${afterMs}1`, from: "vodafone", caller: undefined })
          .catch(() => undefined);
        if (answer !== undefined) {
          assert.equal(JSON.stringify(answer).includes('"ai"'), records.length === whole, JSON.stringify(answer));
          break;
        }
        assert.ok(tries < 200, "signalling is back");
        await sleep(100);
      }
    }
  });

  test("with a broken database tandem.yaml alone is in force, and apply says what is wrong", async (t) => {
    const lab = loopbackLab(t);
    mkdirSync(join(lab.folder, "home"));
    writeFileSync(join(lab.folder, "home", "tandem.db"), "garbage".repeat(1_000));
    const tandem = await startTandem(t, lab, listeners(lab) + resources(lab));
    await tandem.child.says(/only those of tandem\.yaml are in force[^]*file is not a database/, LOADED_MACHINE_MS);
    const answer = await tandem.ask<object>({ type: "route", number: DID, from: "vodafone", caller: undefined });
    assert.match(JSON.stringify(answer), /"ai"/);
    const file = join(lab.folder, "more.yaml");
    writeFileSync(file, 'gateways: [{ name: more, listener: public, uri: "sip:127.0.0.9" }]');
    const said = await tandem.cli<{ readonly ok: boolean; readonly message: string }>("apply", "-f", file, "--yes");
    assert.equal(said.ok, false);
    assert.match(said.message, /can't be read: file is not a database/);
  });

  test("where nothing runs apply writes the store; killed at any moment it leaves the old or the new, never half", async (t) => {
    const folder = mkdtempSync(join(tmpdir(), "tandem-apply-"));
    t.after(() => rmSync(folder, { recursive: true, force: true }));
    const home = join(folder, "home");
    mkdirSync(home);
    const config = join(folder, "tandem.yaml");
    writeFileSync(config, 'listeners: [{ name: public, address: 127.0.0.1 }]\ngateways: [{ name: g, uri: "sip:127.0.0.9" }]\n');
    const COUNT = 20_000;
    const fileOf = (prefix: string): string => {
      const file = join(folder, `${prefix}.yaml`);
      writeFileSync(
        file,
        `dids:\n${Array.from({ length: COUNT }, (_, i) => `  - { number: "+${prefix}${String(i).padStart(6, "0")}", to: gateway g }\n`).join("")}`,
      );
      return file;
    };
    const start = (file: string) =>
      spawn(
        process.execPath,
        [
          "--disable-warning=ExperimentalWarning",
          join(ROOT, "src/cli-main.ts"),
          "--home",
          home,
          "--config",
          config,
          "apply",
          "-f",
          file,
          "--yes",
          "--prune",
        ],
        {
          stdio: "ignore",
          env: { ...process.env, XDG_RUNTIME_DIR: home },
        },
      );
    const gone = (child: ReturnType<typeof start>): Promise<number | null> =>
      new Promise((resolve) => child.on("exit", (code) => resolve(code)));
    const prefixesIn = (): ReadonlySet<string> => {
      const { records } = readSqliteResources(join(home, "tandem.db"));
      assert.equal(records.length, COUNT);
      return new Set(records.map(({ name }) => name.slice(1, 4)));
    };
    let begunMs = performance.now();
    assert.equal(await gone(start(fileOf("490"))), 0);
    const tookMs = performance.now() - begunMs;
    let finished = 0;
    for (const [i, share] of [0.55, 0.65, 0.75, 0.8, 0.85, 0.9, 0.95].entries()) {
      const child = start(fileOf(`49${i + 1}`));
      const ended = gone(child);
      begunMs = performance.now();
      await Promise.race([ended, sleep(tookMs * share)]);
      child.kill("SIGKILL");
      if ((await ended) === 0) finished++;
      assert.equal(prefixesIn().size, 1, `killed after ${Math.round(performance.now() - begunMs)} of ${Math.round(tookMs)} ms`);
    }
    t.diagnostic(`${finished} of 7 were finished before they were killed`);
    assert.equal(await gone(start(fileOf("499"))), 0, "the next one goes through");
    assert.deepEqual([...prefixesIn()], ["499"]);
    assert.equal(await gone(start(join(folder, "nothing.yaml"))), 1);
    writeFileSync(join(folder, "bad.yaml"), "listeners: []\n");
    assert.equal(await gone(start(join(folder, "bad.yaml"))), EXIT_USAGE);
  });
});
