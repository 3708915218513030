/** All trunks. */
import { Anchor, Button } from "@mantine/core";
import { Link } from "@tanstack/react-router";
import { useMemo } from "react";
import type { Answer } from "../api/client.ts";
import { useFeatures } from "../api/features.ts";
import { useApi } from "../api/queries.ts";
import { useI18n } from "../i18n/i18n.tsx";
import { Card, Empty, Loaded, Page, State } from "../parts/basics.tsx";
import { type Column, DataTable } from "../parts/data-table.tsx";
import { TrunkState } from "./trunk-state.tsx";

type Trunk = Answer<"/api/trunks">["items"][number];
const EVERY_MS = 4_000;

export function Trunks() {
  const { t, format } = useI18n();
  const { may } = useFeatures();
  const trunks = useApi("/api/trunks", undefined, { everyMs: 2 * EVERY_MS });
  const statuses = useApi("/api/trunks/status", undefined, { everyMs: EVERY_MS });
  const byId = useMemo(() => new Map((statuses.data?.items ?? []).map((status) => [status.trunk_id, status])), [statuses.data]);
  const columns = useMemo(
    (): readonly Column<Trunk>[] => [
      {
        id: "name",
        title: t("trunk.one"),
        by: ({ name }) => name,
        cell: ({ trunk_id, name }) => (
          <Anchor component={Link} to={`/trunks/${trunk_id}`} size="sm">
            {name}
          </Anchor>
        ),
      },
      {
        id: "state",
        title: t("trunk.state"),
        by: ({ trunk_id }) => byId.get(trunk_id)?.state ?? "",
        cell: ({ trunk_id, is_active }) =>
          is_active ? <TrunkState status={byId.get(trunk_id)} /> : <State tone="idle">{t("trunk.inactive")}</State>,
      },
      {
        id: "address",
        title: t("trunk.address"),
        wide: true,
        by: ({ proxy_address }) => proxy_address ?? "",
        cell: ({ proxy_address, proxy_port, transport }) => (
          <span className="mono">
            {proxy_address === null ? "–" : `${proxy_address}${proxy_port === null ? "" : `:${proxy_port}`} ${transport}`}
          </span>
        ),
      },
      { id: "provider", title: t("trunk.provider"), wide: true, by: ({ provider }) => provider, cell: ({ provider }) => provider },
      {
        id: "calls",
        title: t("nav.now"),
        end: true,
        by: ({ trunk_id }) => byId.get(trunk_id)?.active_calls ?? 0,
        cell: ({ trunk_id, max_concurrent_calls }) =>
          `${format.number(byId.get(trunk_id)?.active_calls ?? 0)} / ${format.number(max_concurrent_calls)}`,
      },
      {
        id: "managed",
        title: t("resource.managedBy"),
        wide: true,
        by: ({ managed_by }) => managed_by,
        cell: ({ managed_by }) => t(`managed.${managed_by}`),
      },
    ],
    [t, format, byId],
  );
  const add = may("trunks:write") && (
    <Button component={Link} to="/trunks/new">
      {t("trunk.add")}
    </Button>
  );
  return (
    <Page title={t("nav.trunks")} lead={t("trunks.lead")} actions={add}>
      <Loaded query={trunks}>
        {({ items }) => (
          <Card flush>
            <DataTable
              label={t("nav.trunks")}
              columns={columns}
              rows={items}
              keyOf={({ trunk_id }) => trunk_id}
              links
              empty={
                <Empty title={t("trunks.none")} action={add}>
                  {t("trunks.noneHint")}
                </Empty>
              }
            />
          </Card>
        )}
      </Loaded>
    </Page>
  );
}
