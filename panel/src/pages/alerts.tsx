/** What is wrong now and was. */
import { SegmentedControl, Stack } from "@mantine/core";
import { useMemo, useState } from "react";
import type { Answer } from "../api/client.ts";
import { useFeatures } from "../api/features.ts";
import { useApi } from "../api/queries.ts";
import { useI18n } from "../i18n/i18n.tsx";
import { Card, Empty, Loaded, Page, State } from "../parts/basics.tsx";
import { type Column, DataTable } from "../parts/data-table.tsx";
import { Channels } from "./alert-channels.tsx";
import { Rules } from "./alert-rules.tsx";

type Alert = Answer<"/api/alerts">["items"][number];
const EVERY_MS = 5_000;
const toneOf = ({ severity, cleared_at }: Alert) => (cleared_at !== null ? "idle" : severity === "critical" ? "bad" : "warn");

export function Alerts() {
  const { t } = useI18n();
  const { has, may } = useFeatures();
  return (
    <Page title={t("nav.alerts")}>
      <Stack gap="md">
        <List />
        {has("/api/alerts/channels") && may("alerts:write") && <Channels />}
        {has("/api/alerts/rules") && <Rules />}
      </Stack>
    </Page>
  );
}

function List() {
  const { t, format, maybe } = useI18n();
  const [state, setState] = useState<"open" | "all">("open");
  const query = useApi("/api/alerts", { query: { state } }, { everyMs: EVERY_MS, keep: true });
  const columns = useMemo(
    (): readonly Column<Alert>[] => [
      {
        id: "rule",
        title: t("alert.what"),
        cell: (alert) => <State tone={toneOf(alert)}>{maybe(`rule.${alert.rule}`, alert.rule)}</State>,
      },
      { id: "subject", title: t("alert.subject"), cell: ({ subject }) => subject || "–" },
      { id: "detail", title: t("call.reason"), wide: true, cell: ({ detail }) => detail },
      {
        id: "raised",
        title: t("alert.since"),
        by: ({ raised_at }) => raised_at,
        cell: ({ raised_at }) => <span className="num">{format.moment(raised_at)}</span>,
      },
      {
        id: "cleared",
        title: t("alert.until"),
        wide: true,
        cell: ({ cleared_at }) => <span className="num">{format.moment(cleared_at)}</span>,
      },
    ],
    [t, format, maybe],
  );
  return (
    <Card
      title={t("alert.list")}
      flush
      actions={
        <SegmentedControl
          size="xs"
          aria-label={t("alert.list")}
          value={state}
          onChange={(value) => setState(value === "all" ? "all" : "open")}
          data={[
            { value: "open", label: t("alert.open") },
            { value: "all", label: t("filter.all") },
          ]}
        />
      }
    >
      <Loaded query={query}>
        {({ items }) => (
          <DataTable
            label={t("alert.list")}
            columns={columns}
            rows={items}
            keyOf={({ alert_id }) => alert_id}
            empty={<Empty title={<State tone="good">{t("alert.none")}</State>}>{t("alert.noneHint")}</Empty>}
          />
        )}
      </Loaded>
    </Card>
  );
}
