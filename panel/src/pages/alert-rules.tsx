/** What raises an alarm, and from when on. */
import { Anchor, Checkbox, Modal } from "@mantine/core";
import { useMemo, useState } from "react";
import { type Answer, api } from "../api/client.ts";
import { useFeatures } from "../api/features.ts";
import { outOfDate, useApi } from "../api/queries.ts";
import { useI18n } from "../i18n/i18n.tsx";
import { Card, Loaded, Problem, State } from "../parts/basics.tsx";
import { type Column, DataTable } from "../parts/data-table.tsx";
import { ChangeForm } from "../parts/change-form.tsx";

type Rule = Answer<"/api/alerts/rules">["items"][number];

export function Rules() {
  const { t, format, maybe } = useI18n();
  const { may } = useFeatures();
  const query = useApi("/api/alerts/rules");
  const [editing, setEditing] = useState<Rule>();
  const [error, setError] = useState<unknown>();
  const writable = may("alerts:write");
  const columns = useMemo((): readonly Column<Rule>[] => {
    const toggle = ({ rule, enabled }: Rule) => {
      setError(undefined);
      api
        .put("/api/alerts/rules/{rule}", { path: { rule }, body: { enabled: !enabled } })
        .then(() => outOfDate("/api/alerts/rules"), setError);
    };
    return [
      {
        id: "on",
        title: t("field.enabled"),
        cell: (one) => (
          <Checkbox
            size="xs"
            aria-label={`${t("field.enabled")}: ${maybe(`rule.${one.rule}`, one.title)}`}
            checked={one.enabled}
            disabled={!writable}
            onChange={() => toggle(one)}
          />
        ),
      },
      {
        id: "rule",
        title: t("alert.rule"),
        cell: (one) =>
          writable ? (
            <Anchor component="button" type="button" size="sm" ta="left" onClick={() => setEditing(one)}>
              {maybe(`rule.${one.rule}`, one.title)}
            </Anchor>
          ) : (
            maybe(`rule.${one.rule}`, one.title)
          ),
      },
      {
        id: "threshold",
        title: t("field.threshold"),
        end: true,
        cell: ({ rule, threshold, threshold_unit }) =>
          threshold_unit === "" ? "" : `${format.number(threshold, 2)} ${maybe(`unit.${rule}`, threshold_unit)}`,
      },
      {
        id: "severity",
        title: t("field.severity"),
        wide: true,
        cell: ({ severity }) => <State tone={severity === "critical" ? "bad" : "warn"}>{t(`choice.${severity}`)}</State>,
      },
    ];
  }, [t, format, maybe, writable]);
  return (
    <Card title={t("alert.rules")} flush>
      <Problem error={error} />
      <Loaded query={query}>
        {({ items }) => <DataTable label={t("alert.rules")} columns={columns} rows={items} keyOf={({ rule }) => rule} empty={null} />}
      </Loaded>
      <Modal
        opened={editing !== undefined}
        onClose={() => setEditing(undefined)}
        title={editing === undefined ? "" : maybe(`rule.${editing.rule}`, editing.title)}
        closeButtonProps={{ "aria-label": t("action.close") }}
      >
        {editing !== undefined && (
          <ChangeForm
            path="/api/alerts/rules/{rule}"
            of={{ rule: editing.rule }}
            values={editing}
            stale="/api/alerts/rules"
            onDone={() => setEditing(undefined)}
          />
        )}
      </Modal>
    </Card>
  );
}
