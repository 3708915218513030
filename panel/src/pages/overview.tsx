/** How the switch is right now, at a glance. */
import { Anchor, Button, Stack } from "@mantine/core";
import { Link } from "@tanstack/react-router";
import { useEffect, useMemo, useState } from "react";
import type { Answer } from "../api/client.ts";
import { useFeatures } from "../api/features.ts";
import { useApi } from "../api/queries.ts";
import { useI18n } from "../i18n/i18n.tsx";
import { Card, Empty, Loaded, Page, State, Tile } from "../parts/basics.tsx";
import { Chart } from "../parts/chart.tsx";
import { type Column, DataTable } from "../parts/data-table.tsx";
import { TrunkState } from "./trunk-state.tsx";

type Status = Answer<"/api/trunks/status">["items"][number];
const EVERY_MS = 2_000;
const SAMPLES_MAX = 450;
const STATISTICS = "/api/calls/statistics";
const HOUR_MS = 3_600_000;

/** Calls at once, since this page was first opened: kept while the panel stands. */
const samples: { times: number[]; calls: number[] } = { times: [], calls: [] };

export function Overview() {
  const { t, format } = useI18n();
  const { has, may } = useFeatures();
  const summary = useApi("/api/trunks/stats/summary", undefined, { everyMs: EVERY_MS });
  const statuses = useApi("/api/trunks/status", undefined, { everyMs: 2 * EVERY_MS });
  const [, setDrawn] = useState(0);
  useEffect(() => {
    if (summary.data === undefined) return;
    samples.times.push(Math.round(summary.dataUpdatedAt / 1000));
    samples.calls.push(summary.data.active_calls);
    if (samples.times.length > SAMPLES_MAX) {
      samples.times.shift();
      samples.calls.shift();
    }
    setDrawn(summary.dataUpdatedAt);
  }, [summary.data, summary.dataUpdatedAt]);
  const columns = useMemo(
    (): readonly Column<Status>[] => [
      {
        id: "trunk",
        title: t("trunk.one"),
        by: ({ trunk_id }) => trunk_id,
        cell: ({ trunk_id }) => (
          <Anchor component={Link} to={`/trunks/${trunk_id}`} size="sm">
            {trunk_id}
          </Anchor>
        ),
      },
      { id: "state", title: t("trunk.state"), by: ({ state }) => state, cell: (status) => <TrunkState status={status} /> },
      {
        id: "registration",
        title: t("trunk.registration"),
        wide: true,
        cell: ({ registration }) => (registration === null ? t("registration.none") : t(`registration.${registration.status}`)),
      },
      {
        id: "now",
        title: t("nav.now"),
        end: true,
        by: ({ active_calls }) => active_calls,
        cell: ({ active_calls, max_concurrent_calls }) => `${format.number(active_calls)} / ${format.number(max_concurrent_calls)}`,
      },
      {
        id: "total",
        title: t("overview.calls"),
        end: true,
        wide: true,
        by: ({ calls }) => calls.total,
        cell: ({ calls }) => format.number(calls.total),
      },
      {
        id: "asr",
        title: t("overview.asr"),
        end: true,
        by: ({ calls }) => calls.success_rate ?? -1,
        cell: ({ calls }) => format.percent(calls.success_rate),
      },
    ],
    [t, format],
  );
  return (
    <Page title={t("nav.overview")}>
      <Loaded query={summary}>
        {({ active_calls, calls, trunks, since }) =>
          trunks.total === 0 ? (
            <Card>
              <Empty
                title={t("overview.empty")}
                action={
                  may("trunks:write") && (
                    <Button component={Link} to="/guide">
                      {t("overview.begin")}
                    </Button>
                  )
                }
              >
                {t("overview.emptyHint")}
              </Empty>
            </Card>
          ) : (
            <Stack gap="md">
              <div className="tiles">
                <Tile name={t("overview.now")} value={format.number(active_calls)} />
                <Tile
                  name={t("overview.calls")}
                  value={format.number(calls.total)}
                  note={t("overview.since", { at: format.moment(since) })}
                />
                <Tile
                  name={t("overview.asr")}
                  value={format.percent(calls.success_rate)}
                  note={t("overview.failed", { count: calls.failed })}
                />
                <Tile
                  name={t("overview.meanDuration")}
                  value={format.duration(calls.successful === 0 ? null : calls.duration_seconds / calls.successful)}
                />
                <Tile
                  name={t("nav.trunks")}
                  value={`${format.number(trunks.up)} / ${format.number(trunks.total)}`}
                  note={
                    trunks.registration_failed > 0 ? (
                      <State tone="bad">{t("overview.notRegistered", { count: trunks.registration_failed })}</State>
                    ) : (
                      t("overview.trunksUp")
                    )
                  }
                />
              </div>
              <div className="split">
                <Card title={t("overview.callsAtOnce")}>
                  <Chart
                    label={t("overview.callsAtOnce")}
                    times={[...samples.times]}
                    series={[{ label: t("overview.now"), color: "--panel-accent", values: [...samples.calls] }]}
                  />
                </Card>
                {has(STATISTICS) && <Hours />}
              </div>
              <Card title={t("nav.trunks")} flush>
                <Loaded query={statuses}>
                  {({ items }) => (
                    <DataTable
                      label={t("nav.trunks")}
                      columns={columns}
                      rows={items}
                      keyOf={({ trunk_id }) => trunk_id}
                      links
                      empty={null}
                    />
                  )}
                </Loaded>
              </Card>
            </Stack>
          )
        }
      </Loaded>
    </Page>
  );
}

/** The last 24 hours. */
function Hours() {
  const { t } = useI18n();
  const [from] = useState(() => new Date(Math.floor(Date.now() / HOUR_MS - 23) * HOUR_MS).toISOString());
  const query = useApi(STATISTICS, { query: { by: "hour", from } }, { everyMs: 60_000 });
  return (
    <Card title={t("overview.lastDay")}>
      <Loaded query={query}>
        {({ items }) => {
          const byHour = new Map(items.map((hour) => [new Date(hour.key).getTime(), hour]));
          const times = Array.from({ length: 24 }, (_, i) => new Date(from).getTime() + i * HOUR_MS);
          const totals = times.map((at) => byHour.get(at)?.calls || null);
          const good = times.map((at) => byHour.get(at)?.answered || null);
          return (
            <Chart
              bars
              label={t("overview.lastDay")}
              times={times.map((at) => at / 1000)}
              series={[
                { label: t("overview.calls"), color: "--panel-idle", values: totals },
                { label: t("outcome.answered"), color: "--panel-good", values: good },
              ]}
            />
          );
        }}
      </Loaded>
    </Card>
  );
}
