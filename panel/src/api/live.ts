/**
 * Live events by SSE over fetch, because EventSource can't send a token. Events say which answers are out of date; where
 * there is no stream, pages that show what is up ask every second instead.
 */
import { useEffect, useSyncExternalStore } from "react";
import { ApiError, askRaw } from "./client.ts";
import { useFeatures } from "./features.ts";
import { readFrames } from "./frames.ts";
import { callsOutOfDate, outOfDate } from "./queries.ts";

export const EVENTS = "/api/events";
const RETRY_MS = 2_000;
const RETRY_MS_MAX = 30_000;
/** At a high load a page is renewed this often at most. */
const RENEW_MS = 400;

export interface LiveEvent {
  readonly type: string;
  readonly at?: string;
  readonly data?: Readonly<Record<string, string | number | boolean | null>>;
}

const PATHS_BY_SUBJECT: Readonly<Record<string, readonly string[]>> = {
  call: ["/api/calls/active"],
  trunk: ["/api/trunks"],
  gateway: ["/api/gateways", "/api/trunks"],
  alert: ["/api/alerts"],
};

let connected = false;
const watchers = new Set<() => void>();
const setConnected = (now: boolean): void => {
  if (now === connected) return;
  connected = now;
  for (const watcher of watchers) watcher();
};
const watch = (watcher: () => void): (() => void) => {
  watchers.add(watcher);
  return () => watchers.delete(watcher);
};

/** Whether events come; where not, ask often. */
export const useIsLive = (): boolean => useSyncExternalStore(watch, () => connected);

const due = new Set<string>();
const dueCalls = new Set<string>();
let timer: ReturnType<typeof setTimeout> | undefined;
let renewedMs = 0;

function renew({ type, data }: LiveEvent): void {
  const subject = type.split(".")[0] ?? "";
  for (const path of PATHS_BY_SUBJECT[subject] ?? []) due.add(path);
  if (subject === "call" && typeof data?.["call_id"] === "string") dueCalls.add(data["call_id"]);
  schedule();
}

function schedule(): void {
  // Who doesn't look needs nothing new.
  if (due.size === 0 || timer !== undefined || document.hidden) return;
  // The first at once, a crowd of them together.
  timer = setTimeout(
    () => {
      timer = undefined;
      renewedMs = Date.now();
      outOfDate(...due);
      callsOutOfDate(dueCalls);
      due.clear();
      dueCalls.clear();
    },
    Math.max(0, renewedMs + RENEW_MS - Date.now()),
  );
}
document.addEventListener("visibilitychange", schedule);

async function follow(signal: AbortSignal): Promise<void> {
  let lastId: string | undefined;
  let waitMs = RETRY_MS;
  while (!signal.aborted) {
    try {
      const answer = await askRaw("get", EVENTS, {
        signal,
        headers: { accept: "text/event-stream", ...(lastId !== undefined && { "last-event-id": lastId }) },
      });
      setConnected(true);
      waitMs = RETRY_MS;
      // What happened while nobody listened.
      if (lastId === undefined) outOfDate("/api/calls/active");
      const decoder = new TextDecoder();
      let rest = "";
      for await (const chunk of answer.body ?? []) {
        const read = readFrames(rest + decoder.decode(chunk, { stream: true }));
        rest = read.rest;
        for (const { id, event, data } of read.frames) {
          if (id !== undefined) lastId = id;
          // More happened than is still told.
          if (event === "missed") outOfDate("/api/");
          renew({ ...(JSON.parse(data) as LiveEvent), type: event });
        }
      }
    } catch (error) {
      if (signal.aborted) break;
      // Not for this token: asking again changes nothing.
      if (error instanceof ApiError && (error.status === 403 || error.status === 404)) return;
    }
    setConnected(false);
    await new Promise((resolve) => setTimeout(resolve, waitMs));
    waitMs = Math.min(waitMs * 2, RETRY_MS_MAX);
  }
  setConnected(false);
}

/** Follows events for as long as the shell stands. */
export function useLiveEvents(): void {
  const { has } = useFeatures();
  const there = has(EVENTS);
  useEffect(() => {
    if (!there) return;
    const abort = new AbortController();
    void follow(abort.signal);
    return () => abort.abort();
  }, [there]);
}
