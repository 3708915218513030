/**
 * Spans of calls to an OpenTelemetry collector, where node.otlp names one: from the records of calls that ended, in
 * batches, in the API's thread, so that no call knows of it. What the collector does not take after some tries is lost.
 */
import { createCallOut } from "#api/call-out.ts";
import type { LiveHub } from "#api/live-hub.ts";
import type { Cdr } from "#cdr/record.ts";
import { traceRequest } from "#observe/otlp-spans.ts";
import { type CdrStore, EVERY_TENANT } from "#store/cdr-store.ts";

export interface OtlpOptions {
  /** "http://127.0.0.1:4318": /v1/traces is added. */
  readonly endpoint: string;
  /** "Authorization: Bearer …" */
  readonly headers: readonly string[];
  readonly node: string;
  readonly version: string;
  readonly live: LiveHub;
  readonly cdrs: Pick<CdrStore, "list">;
  readonly onProblem: (text: string) => void;
}

const BATCH_MS = 2_000;
/** More a batch are left out: 250 calls a second are traced. */
const CALLS_MAX = 500;
const TRIES = 3;

export function exportSpans({ endpoint, headers, node, version, live, cdrs, onProblem }: OtlpOptions): { close(): void } {
  const callOut = createCallOut({ allowPrivate: true });
  const url = `${endpoint.replace(/\/+$/, "")}/v1/traces`;
  const named = Object.fromEntries(headers.map((line) => [line.slice(0, line.indexOf(":")), line.slice(line.indexOf(":") + 1).trim()]));
  let ended: string[] = [];
  let waiting: string[] = [];
  let failing = false;
  const stop = live.listen((events) => {
    for (const { type, callId } of events)
      if (type === "call.ended" && callId !== undefined && ended.length < CALLS_MAX) ended.push(callId);
  });

  async function send(): Promise<void> {
    // Those of the batch before: their records are stored by now.
    const ids = waiting;
    [waiting, ended] = [ended, []];
    const found: Cdr[] = [];
    for (const callId of ids) found.push(...(await cdrs.list({ limit: 1, callId, tenant: EVERY_TENANT })));
    if (found.length === 0) return;
    const body = JSON.stringify(traceRequest(found, node, version));
    let problem = "";
    for (let i = 0; i < TRIES; i++) {
      const answer = await callOut({ method: "POST", url, body, headers: { ...named, "content-type": "application/json" } });
      problem = answer.status >= 200 && answer.status < 300 ? "" : answer.problem || `answered ${answer.status}`;
      if (problem === "") break;
    }
    if (problem !== "" && !failing) onProblem(`spans of calls are lost: ${endpoint}: ${problem}`);
    failing = problem !== "";
  }
  let closed = false;
  let timer = setTimeout(tick, BATCH_MS);
  function tick(): void {
    void send()
      .catch((error: unknown) => onProblem(`spans of calls: ${String(error)}`))
      .finally(() => {
        if (!closed) timer = setTimeout(tick, BATCH_MS);
      });
  }
  return {
    close() {
      closed = true;
      clearTimeout(timer);
      stop();
      callOut.close();
    },
  };
}
