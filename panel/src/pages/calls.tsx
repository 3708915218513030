/** What is up now. */
import { Anchor, Group, Text, TextInput } from "@mantine/core";
import { Link } from "@tanstack/react-router";
import { useEffect, useMemo, useState } from "react";
import type { Answer } from "../api/client.ts";
import { useIsLive } from "../api/live.ts";
import { useApi } from "../api/queries.ts";
import { useI18n } from "../i18n/i18n.tsx";
import { Card, Empty, Loaded, Page, State, type Tone } from "../parts/basics.tsx";
import { type Column, DataTable } from "../parts/data-table.tsx";

type ActiveCall = Answer<"/api/calls/active">["items"][number];
/** More rows at once than anybody reads. */
const ROWS_MAX = 200;
const POLL_MS = 800;
/** Events tell most; what they can't is seen so late at most. */
const CHECK_MS = 10_000;

export const TONE_OF_STATUS: Readonly<Record<ActiveCall["status"], Tone>> = {
  routing: "warn",
  hunting: "warn",
  ringing: "accent",
  answered: "good",
  ending: "idle",
};

/** The time, every second. */
export function useNow(): number {
  const [now, setNow] = useState(Date.now);
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 1_000);
    return () => clearInterval(timer);
  }, []);
  return now;
}

export function useActiveCalls() {
  const live = useIsLive();
  return useApi("/api/calls/active", undefined, { everyMs: live ? CHECK_MS : POLL_MS });
}

export function Calls() {
  const { t, format } = useI18n();
  const query = useActiveCalls();
  const live = useIsLive();
  const now = useNow();
  const [wanted, setWanted] = useState("");
  const columns = useMemo(
    (): readonly Column<ActiveCall>[] => [
      {
        id: "from",
        title: t("call.from"),
        by: ({ from_number }) => from_number,
        cell: (call) => (
          <Anchor component={Link} to={`/calls/${call.call_id}`} size="sm" className="mono">
            {call.from_number === "" ? t("call.anonymous") : call.from_number}
          </Anchor>
        ),
      },
      {
        id: "to",
        title: t("call.to"),
        by: ({ to_number }) => to_number,
        cell: ({ to_number }) => <span className="mono">{to_number}</span>,
      },
      {
        id: "status",
        title: t("call.state"),
        by: ({ status }) => status,
        cell: ({ status, on_hold }) => (
          <State tone={TONE_OF_STATUS[status]}>{on_hold ? t("call.onHold") : t(`call.state.${status}`)}</State>
        ),
      },
      {
        id: "path",
        title: t("call.path"),
        wide: true,
        by: ({ from_peer }) => from_peer,
        cell: ({ from_peer, to_peer }) => `${from_peer} → ${to_peer === "" ? "…" : to_peer}`,
      },
      {
        id: "started",
        title: t("call.started"),
        wide: true,
        by: ({ started_at }) => started_at,
        cell: ({ started_at }) => <span className="num">{format.time(started_at)}</span>,
      },
      {
        id: "for",
        title: t("call.duration"),
        end: true,
        by: ({ started_at }) => -new Date(started_at).getTime(),
        cell: ({ answered_at, started_at }) => format.duration((now - new Date(answered_at ?? started_at).getTime()) / 1000),
      },
    ],
    [t, format, now],
  );
  return (
    <Page
      title={t("nav.calls")}
      lead={
        <span className="state">
          <State tone={live ? "good" : "idle"}>{live ? t("live.events") : t("live.polling")}</State>
        </span>
      }
    >
      <Loaded query={query}>
        {({ total, items }) => {
          const found = items.filter((call) =>
            [call.from_number, call.to_number, call.from_peer, call.to_peer].some((text) => text.includes(wanted.trim())),
          );
          return (
            <>
              <Group mb="xs" justify="space-between">
                <Text size="sm" aria-live="polite">
                  {t("calls.count", { count: total })}
                  {found.length > ROWS_MAX && ` · ${t("calls.newest", { count: ROWS_MAX })}`}
                </Text>
                {(total > 0 || wanted !== "") && (
                  <TextInput
                    type="search"
                    size="xs"
                    w={220}
                    aria-label={t("action.search")}
                    placeholder={t("calls.search")}
                    value={wanted}
                    onChange={({ currentTarget }) => setWanted(currentTarget.value)}
                  />
                )}
              </Group>
              <Card flush>
                <DataTable
                  label={t("nav.calls")}
                  columns={columns}
                  rows={found.slice(-ROWS_MAX)}
                  keyOf={({ call_id }) => call_id}
                  links
                  empty={
                    total === 0 ? <Empty title={t("calls.none")}>{t("calls.noneHint")}</Empty> : <Empty title={t("records.noneFound")} />
                  }
                />
              </Card>
            </>
          );
        }}
      </Loaded>
    </Page>
  );
}
