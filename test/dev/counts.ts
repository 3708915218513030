/** A node:test reporter that only counts: writes {passed, failed, skipped, skips} when the run is over. */
import type { TestEvent } from "node:test/reporters";

interface Counted {
  passed: number;
  failed: number;
  skipped: number;
  skips: string[];
}

export default async function* counts(source: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  const counted: Counted = { passed: 0, failed: 0, skipped: 0, skips: [] };
  for await (const event of source) {
    if (event.type !== "test:pass" && event.type !== "test:fail") continue;
    const { data } = event;
    // A suite is not a test; a file that failed to load is one.
    if (data.details.type === "suite") continue;
    if (data.skip !== undefined && data.skip !== false) {
      counted.skipped++;
      counted.skips.push(`${data.name}: ${typeof data.skip === "string" ? data.skip : "no reason given"}`);
    } else if (event.type === "test:pass") counted.passed++;
    else counted.failed++;
  }
  yield JSON.stringify(counted);
}
