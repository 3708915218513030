/** Groups, numbers and outbound routes. */
import { Button, FileButton, Text } from "@mantine/core";
import { useMemo, useState } from "react";
import { ask, askRaw } from "../api/client.ts";
import { useFeatures } from "../api/features.ts";
import { outOfDate } from "../api/queries.ts";
import { useI18n } from "../i18n/i18n.tsx";
import { Problem } from "../parts/basics.tsx";
import type { Column } from "../parts/data-table.tsx";
import { download } from "../parts/download.ts";
import { Icon } from "../parts/icons.tsx";
import type { ResourceKind } from "../parts/resource-form.tsx";
import { ResourcePage } from "../parts/resource-page.tsx";
import type { Values } from "../parts/schema-form.tsx";
import { MembersField, TargetField, targetText } from "../parts/targets.tsx";

const DIDS_CSV = "/api/dids.csv";
const GROUPS: ResourceKind = {
  path: "/api/groups",
  item: "/api/groups/{name}",
  id: "name",
  first: ["name", "algorithm", "gateways", "calls_max"],
  special: { gateways: (props) => <MembersField {...props} /> },
  initial: { gateways: [{ gateway: "", priority: 1, weight: 1 }] },
};
const NUMBERS: ResourceKind = {
  path: "/api/dids",
  item: "/api/dids/{number}",
  id: "number",
  first: ["number", "to"],
  special: { to: (props) => <TargetField {...props} /> },
};
const ROUTES: ResourceKind = {
  path: "/api/outbound",
  item: "/api/outbound/{name}",
  id: "name",
  first: ["name", "prefix", "from", "to"],
  special: { to: (props) => <TargetField {...props} /> },
};

const list = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : value === undefined ? [] : [value]);

export function Groups() {
  const { t, maybe, format } = useI18n();
  const columns = useMemo(
    (): readonly Column<Values>[] => [
      {
        id: "algorithm",
        title: t("field.algorithm"),
        cell: ({ algorithm }) => maybe(`choice.${String(algorithm ?? "weighted")}`, String(algorithm)),
      },
      {
        id: "gateways",
        title: t("field.gateways"),
        cell: ({ gateways }) =>
          list(gateways)
            .map((one) => (typeof one === "object" && one !== null && "gateway" in one ? String(one.gateway) : String(one)))
            .join(", "),
      },
      {
        id: "calls_max",
        title: t("field.calls_max"),
        end: true,
        wide: true,
        cell: ({ calls_max }) => format.number(typeof calls_max === "number" ? calls_max : null),
      },
    ],
    [t, maybe, format],
  );
  return (
    <ResourcePage
      kind={GROUPS}
      columns={columns}
      texts={{
        title: t("nav.groups"),
        lead: t("groups.lead"),
        add: t("groups.add"),
        none: t("groups.none"),
        noneHint: t("groups.noneHint"),
      }}
    />
  );
}

export function Routes() {
  const { t } = useI18n();
  const columns = useMemo(
    (): readonly Column<Values>[] => [
      {
        id: "prefix",
        title: t("field.prefix"),
        cell: ({ prefix }) => <span className="mono">{prefix === undefined || prefix === "" ? t("filter.all") : String(prefix)}</span>,
      },
      { id: "to", title: t("field.to"), cell: ({ to }) => targetText(to) },
      { id: "from", title: t("call.from"), wide: true, cell: ({ from }) => list(from).join(", ") || t("filter.all") },
    ],
    [t],
  );
  return (
    <ResourcePage
      kind={ROUTES}
      columns={columns}
      texts={{
        title: t("nav.routes"),
        lead: t("routes.lead"),
        add: t("routes.add"),
        none: t("routes.none"),
        noneHint: t("routes.noneHint"),
      }}
    />
  );
}

export function Numbers() {
  const { t } = useI18n();
  const columns = useMemo(
    (): readonly Column<Values>[] => [
      { id: "to", title: t("field.to"), cell: ({ to }) => targetText(to) },
      { id: "trunks", title: t("nav.trunks"), wide: true, cell: ({ trunks }) => list(trunks).join(", ") || t("filter.all") },
    ],
    [t],
  );
  return (
    <ResourcePage
      kind={NUMBERS}
      columns={columns}
      actions={<Csv />}
      texts={{
        title: t("nav.numbers"),
        lead: t("numbers.lead"),
        add: t("numbers.add"),
        none: t("numbers.none"),
        noneHint: t("numbers.noneHint"),
      }}
    />
  );
}

interface BulkResult {
  readonly added: number;
  readonly changed: number;
  readonly unchanged: number;
}

/** All numbers out, and in again. */
function Csv() {
  const { t } = useI18n();
  const { has, may } = useFeatures();
  const [result, setResult] = useState<BulkResult>();
  const [error, setError] = useState<unknown>();
  const [busy, setBusy] = useState(false);
  const take = async (file: File | null) => {
    if (file === null) return;
    setBusy(true);
    setError(undefined);
    setResult(undefined);
    try {
      setResult((await ask("post", DIDS_CSV, { body: await file.text(), headers: { "content-type": "text/csv" } })) as BulkResult);
      outOfDate("/api/dids");
    } catch (failure) {
      setError(failure);
    } finally {
      setBusy(false);
    }
  };
  return (
    <>
      {has(DIDS_CSV) && (
        <Button
          variant="default"
          leftSection={<Icon name="download" size={16} />}
          onClick={() => askRaw("get", DIDS_CSV).then((answer) => download(answer, "numbers.csv"), setError)}
        >
          CSV
        </Button>
      )}
      {has(DIDS_CSV, "post") && may("resources:write") && (
        <FileButton accept=".csv,text/csv" onChange={(file) => void take(file)}>
          {(props) => (
            <Button variant="default" loading={busy} {...props}>
              {t("numbers.import")}
            </Button>
          )}
        </FileButton>
      )}
      {result !== undefined && (
        <Text size="sm" role="status">
          {t("numbers.imported", { added: result.added, changed: result.changed, unchanged: result.unchanged })}
        </Text>
      )}
      <Problem error={error} />
    </>
  );
}
