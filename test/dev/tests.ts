/**
 * The one test runner. Unit tests beside the source share one process; the folders of test/ are
 * isolated, because they start peers and processes. A bare `node --test` would run kit and benches.
 */
import { globSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ROOT, run } from "./root.ts";

interface Counted {
  passed: number;
  failed: number;
  skipped: number;
  skips: string[];
}

const SUITES: readonly { readonly name: string; readonly globs: readonly string[]; readonly args: readonly string[] }[] = [
  { name: "units", globs: ["src/**/*.test.ts"], args: ["--test-isolation=none", "--test-force-exit"] },
  // Apart: they stand in for what a browser has, as globals.
  { name: "panel", globs: ["panel/src/**/*.test.ts"], args: [] },
  {
    name: "across layers",
    globs: ["test/*.test.ts", "test/{scenario,golden,contract,fuzz,kit}/**/*.test.ts"],
    args: ["--test-concurrency=2"],
  },
  // One at a time: they start whole systems and measure gaps.
  { name: "real peers", globs: ["test/interop/**/*.test.ts"], args: ["--test-concurrency=1"] },
];

export async function runTests(pattern: string | undefined): Promise<boolean> {
  const total: Counted = { passed: 0, failed: 0, skipped: 0, skips: [] };
  const folder = mkdtempSync(join(tmpdir(), "tandem-tests-"));
  let ok = true;
  try {
    for (const [index, suite] of SUITES.entries()) {
      const files = globSync([...suite.globs], { cwd: ROOT })
        .filter((file) => pattern === undefined || file.includes(pattern))
        .sort();
      if (files.length === 0) continue;
      const report = join(folder, `${index}.json`);
      console.log(`\n— ${suite.name}: ${files.length} files`);
      const code = await run(process.execPath, [
        "--disable-warning=ExperimentalWarning",
        "--test",
        ...suite.args,
        "--test-timeout=180000",
        "--test-reporter=spec",
        "--test-reporter-destination=stdout",
        `--test-reporter=./test/dev/counts.ts`,
        `--test-reporter-destination=${report}`,
        ...files,
      ]);
      ok &&= code === 0;
      add(total, report);
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  for (const skip of total.skips) console.log(`skipped: ${skip}`);
  if (pattern !== undefined && total.passed + total.failed === 0) {
    console.error(`no test ran: no test file matches "${pattern}"`);
    ok = false;
  }
  console.log(`${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped`);
  return ok && total.failed === 0;
}

function add(total: Counted, report: string): void {
  let counted: Counted;
  try {
    counted = JSON.parse(readFileSync(report, "utf8")) as Counted;
  } catch {
    // The runner died before it could report: that is a failure, not zero tests.
    counted = { passed: 0, failed: 1, skipped: 0, skips: [] };
  }
  total.passed += counted.passed;
  total.failed += counted.failed;
  total.skipped += counted.skipped;
  total.skips.push(...counted.skips);
}
