/** What the panel says in other languages of things that the switch names: none is forgotten. */
import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { OUTCOMES } from "#cdr/outcome.ts";
import { ALERT_RULES } from "#observe/alert-rules.ts";
import { SCOPES } from "#api/access.ts";
import { en } from "../panel/src/i18n/en.ts";
import { FINDINGS } from "../panel/src/i18n/findings.ts";
import { ROOT } from "./dev/root.ts";

test("each finding of a diagnosis has its words in every language", () => {
  const codes = new Set(
    globSync("src/observe/diagnose-*.ts", { cwd: ROOT }).flatMap((file) =>
      [...readFileSync(join(ROOT, file), "utf8").matchAll(/\bcode: ([^,\n]*)/g)].flatMap(([, said]) =>
        [...said!.matchAll(/"([A-Z_]+)"/g)].map(([, code]) => code!),
      ),
    ),
  );
  assert.ok(codes.size > 20, "the codes are found");
  for (const [language, texts] of Object.entries(FINDINGS))
    for (const code of codes) assert.ok(texts[code] !== undefined, `${language}: ${code}`);
});

test("each outcome, alert rule and scope has a name", () => {
  const wanted = [
    ...OUTCOMES.map((one) => `outcome.${one}`),
    ...Object.keys(ALERT_RULES).map((one) => `rule.${one}`),
    ...SCOPES.map((one) => `scope.${one}`),
  ];
  assert.deepEqual(
    wanted.filter((key) => !(key in en)),
    [],
  );
});
