/** What the API's resources stand on, without a switch: a real database, and changes checked as applying checks them. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import type { StatusReport } from "#call/control.ts";
import type { ApiPorts } from "#api/ports.ts";
import type { ApplyOutcome } from "#config/apply-apart.ts";
import { exportYaml } from "#config/export-yaml.ts";
import { loadText } from "#config/load.ts";
import { type ApplyRequest, fieldsOf, logText, planApply } from "#config/plan-apply.ts";
import { hashOf } from "#store/resource-store.ts";
import { openSqliteStore } from "#store/sqlite/open-sqlite.ts";
import { openSqliteApiRecords } from "#store/sqlite/sqlite-api-records.ts";
import { openSqliteIdentities } from "#store/sqlite/sqlite-identities.ts";
import { openSqliteResourcePages } from "#store/sqlite/sqlite-resource-pages.ts";
import { openSqliteResources } from "#store/sqlite/sqlite-resources.ts";

/** @param yaml what tandem.yaml says */
export async function storedHouse(t: Pick<TestContext, "after">, yaml: string) {
  const folder = mkdtempSync(join(tmpdir(), "tandem-house-"));
  const database = join(folder, "tandem.db");
  const cdrs = await openSqliteStore(database);
  await cdrs.saveConfig({ number: 1, hash: "", text: yaml, appliedAtMs: 1 });
  const resources = await openSqliteResources(database);
  const pages = openSqliteResourcePages(database);
  const records = openSqliteApiRecords(database);
  const identities = openSqliteIdentities(database);
  t.after(async () => {
    await identities.close();
    for (const one of [resources, pages, records, cdrs]) await one.close();
    rmSync(folder, { recursive: true });
  });

  async function apply(request: ApplyRequest, commit: boolean, expectedGeneration: number | undefined): Promise<ApplyOutcome> {
    const state = await resources.state();
    const plan = planApply(request, state);
    if (!plan.ok) return { ok: false, code: "CONFIGURATION", message: "refused", problems: plan.problems };
    const input = { env: {}, readFile: () => "", uid: 1000, hostname: "test", home: folder };
    const loaded = loadText(yaml, "tandem.yaml", { ...input, stored: () => plan.entries("h") });
    if (!loaded.ok) return { ok: false, code: "CONFIGURATION", message: "refused", problems: loaded.problems };
    if (expectedGeneration !== undefined && expectedGeneration !== state.generation)
      return { ok: false, code: "CONFLICT", message: "quicker", problems: [] };
    const counted = (kind: string): number => plan.changes.filter(({ change }) => change === kind).length;
    const report = {
      generation: state.generation,
      committed: false,
      added: counted("add"),
      changed: counted("change"),
      removed: counted("remove"),
      unchanged: plan.unchanged,
      changes: plan.changes.map((one) => ({
        change: one.change,
        kind: one.kind,
        name: one.name,
        tenant: one.tenant,
        fields: fieldsOf(one),
      })),
      warnings: [],
    };
    if (!commit || plan.changes.length === 0) return { ok: true, report };
    const done = await resources.commit({
      base: state.generation,
      upserts: plan.changes.filter(({ change }) => change !== "remove").map(({ record }) => record),
      removals: plan.changes.filter(({ change }) => change === "remove"),
      hash: hashOf(plan.after),
      texts: new Map([["default", logText(plan.changes)]]),
      atMs: 1,
    });
    return done.ok
      ? { ok: true, report: { ...report, committed: true, generation: done.generation } }
      : { ok: false, code: "CONFLICT", message: "quicker", problems: [] };
  }

  const status: Partial<StatusReport> = { startedAtMs: 1, listeners: [{ name: "public", address: "192.0.2.1:5060", transports: ["UDP"] }] };
  const ports: Partial<ApiPorts> = {
    ask: async ({ type }) => (type === "status" ? status : type === "gateways" ? { groups: [], gateways: [] } : []) as never,
    change: ({ sections, tenant, remove, expectedGeneration }) =>
      apply({ text: JSON.stringify(sections), file: "request", tenant, prune: false, origin: "api", remove }, true, expectedGeneration),
    applyFile: ({ text, file, tenant, prune, commit, expectedGeneration }) =>
      apply({ text, file, tenant, prune }, commit, expectedGeneration),
    exportYaml: async (tenant) => exportYaml((await resources.state()).records, { tenant, secrets: false }),
    pages,
    records,
    identities,
    cdrs,
  };
  return { ports, resources, records, identities, folder };
}
