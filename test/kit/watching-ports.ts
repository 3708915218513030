/** Webhooks and alerts as the API is given them, on a database of their own; nothing is ever sent. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import type { AlertPorts, AlertRuleWish } from "#api/alert-routes.ts";
import type { WebhookPorts } from "#api/webhook-routes.ts";
import { alertStore } from "#store/alert-store.ts";
import { openSqliteStore, openSqliteTables } from "#store/sqlite/open-sqlite.ts";
import { webhookStore } from "#store/webhook-store.ts";

const RULE = { rule: "disk_full", title: "", threshold_unit: "", enabled: true, severity: "critical", threshold: 90 } as const;
const TIMES = { window_s: 0, calls_min: 0, raise_after_s: 0, clear_after_s: 0 } as const;

export async function watchingPorts(t: Pick<TestContext, "after">) {
  const folder = mkdtempSync(join(tmpdir(), "tandem-watching-"));
  const path = join(folder, "tandem.db");
  await (await openSqliteStore(path)).close();
  const { db, close } = openSqliteTables(path);
  t.after(async () => {
    await close();
    rmSync(folder, { recursive: true });
  });
  let ids = 0;
  const random = (digits: number): string => String(++ids).padStart(digits, "0");
  const changes: AlertRuleWish[] = [];
  const webhooks: WebhookPorts = {
    store: webhookStore(db),
    callOut: Object.assign(async () => ({ status: 204, problem: "" }), { close: () => {} }),
    allowPrivate: false,
    changed: async () => {},
    random,
  };
  const alerts: AlertPorts = {
    store: alertStore(db),
    allowPrivate: false,
    rules: () => [{ ...RULE, ...TIMES }],
    changeRule: async (_, wish) => void changes.push(wish),
    changed: async () => {},
    standing: () => undefined,
    test: async () => "",
    secretOf: (id) => `secret of ${id}`,
    random,
  };
  return { webhooks, alerts, changes };
}
