/** Calls that are over: filters, pages, CSV. Filters that this Tandem doesn't offer aren't shown. */
import { Anchor, Button, Select, TextInput } from "@mantine/core";
import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import { useEffect, useMemo, useState } from "react";
import { type Answer, askRaw } from "../api/client.ts";
import { useFeatures } from "../api/features.ts";
import { useAnything, useApi } from "../api/queries.ts";
import { useI18n } from "../i18n/i18n.tsx";
import { Card, Empty, Loaded, Page, Problem, State } from "../parts/basics.tsx";
import { type Column, DataTable } from "../parts/data-table.tsx";
import { download } from "../parts/download.ts";
import { Icon } from "../parts/icons.tsx";
import { Pager } from "../parts/pager.tsx";
import { OUTCOMES, toneOfOutcome } from "./outcomes.ts";

const LIST = "/api/calls/cdr";
const CSV = "/api/calls/cdr.csv";
const GATEWAYS = "/api/gateways/status";
const PAGE = 50;
/** Not filters of the list. */
const OTHERS = ["limit", "cursor", "provider", "tenant"];
type CallRecord = Answer<typeof LIST>["items"][number];

export function Records() {
  const { t, format, maybe } = useI18n();
  const { document, has } = useFeatures();
  const search = useSearch({ from: "/records" });
  const navigate = useNavigate({ from: "/records" });
  const [cursors, setCursors] = useState<readonly string[]>([]);
  const parameters = useMemo(
    () => (document.paths[LIST]?.get?.parameters ?? []).filter(({ name, in: where }) => where === "query" && !OTHERS.includes(name)),
    [document],
  );
  const filters = Object.fromEntries(
    Object.entries(search).filter(([name]) => name === "provider" || parameters.some((one) => one.name === name)),
  );
  const key = JSON.stringify(filters);
  useEffect(() => setCursors([]), [key]);
  const query = useAnything<Answer<typeof LIST>>(LIST, { ...filters, limit: PAGE, cursor: cursors.at(-1) }, { keep: true });
  const trunks = useApi("/api/trunks");
  const gateways = useAnything<{ readonly items: readonly { readonly name: string }[] }>(GATEWAYS, undefined, { enabled: has(GATEWAYS) });
  const peers = [
    ...new Set([...(trunks.data?.items ?? []).map(({ trunk_id }) => trunk_id), ...(gateways.data?.items ?? []).map(({ name }) => name)]),
  ];
  const [error, setError] = useState<unknown>();
  const set = (name: string, value: string | null | undefined) =>
    void navigate({ search: { ...search, [name]: value === null || value === "" ? undefined : value }, replace: true });
  const columns = useMemo(
    (): readonly Column<CallRecord>[] => [
      {
        id: "started",
        title: t("call.started"),
        cell: ({ call_id, started_at }) => (
          <Anchor component={Link} to={`/calls/${call_id}`} size="sm" className="num" style={{ whiteSpace: "nowrap" }}>
            {format.moment(started_at)}
          </Anchor>
        ),
      },
      {
        id: "outcome",
        title: t("call.outcome"),
        cell: ({ outcome, sip_status }) => (
          <State
            tone={toneOfOutcome(outcome)}
          >{`${maybe(`outcome.${outcome}`, outcome)}${outcome === "answered" ? "" : ` · ${sip_status}`}`}</State>
        ),
      },
      {
        id: "from",
        title: t("call.from"),
        cell: ({ from_number }) => <span className="mono">{from_number === "" ? t("call.anonymous") : from_number}</span>,
      },
      { id: "to", title: t("call.to"), cell: ({ to_number }) => <span className="mono">{to_number}</span> },
      { id: "provider", title: t("trunk.provider"), wide: true, cell: ({ provider }) => provider ?? "–" },
      { id: "duration", title: t("call.duration"), end: true, cell: ({ duration_seconds }) => format.duration(duration_seconds) },
      { id: "ended", title: t("call.endReason"), wide: true, cell: ({ end_reason }) => end_reason },
    ],
    [t, format, maybe],
  );
  const save = () => {
    setError(undefined);
    askRaw("get", CSV, { query: filters }).then((answer) => download(answer, "calls.csv"), setError);
  };
  return (
    <Page
      title={t("nav.records")}
      actions={
        has(CSV) && (
          <Button variant="default" leftSection={<Icon name="download" size={16} />} onClick={save}>
            CSV
          </Button>
        )
      }
    >
      <div className="filters">
        <Select
          label={t("trunk.provider")}
          data={[{ value: "", label: t("filter.all") }, ...new Set((trunks.data?.items ?? []).map(({ provider }) => provider))]}
          value={filters["provider"] ?? ""}
          onChange={(value) => set("provider", value)}
          searchable
        />
        {parameters.map(({ name, schema }) => {
          const label = maybe(`filter.${name}`, maybe(`field.${name}`, name));
          if (name === "outcome" || name === "trunk") {
            const data = name === "outcome" ? OUTCOMES.map((value) => ({ value, label: t(`outcome.${value}`) })) : peers;
            return (
              <Select
                key={name}
                label={label}
                searchable
                data={[{ value: "", label: t("filter.all") }, ...data]}
                value={filters[name] ?? ""}
                onChange={(value) => set(name, value)}
              />
            );
          }
          if (schema.enum !== undefined)
            return (
              <Select
                key={name}
                label={label}
                data={[
                  { value: "", label: t("filter.all") },
                  ...schema.enum.map((value) => ({ value: String(value), label: maybe(`outcome.${value}`, String(value)) })),
                ]}
                value={filters[name] ?? ""}
                onChange={(value) => set(name, value)}
              />
            );
          const dated = name === "from" || name === "to" || name === "day";
          return (
            <Filter key={name} label={label} type={dated ? "date" : "text"} value={filters[name] ?? ""} set={(value) => set(name, value)} />
          );
        })}
      </div>
      <Problem error={error} />
      <Loaded query={query}>
        {({ items, next }) => (
          <>
            <Card flush>
              <DataTable
                label={t("nav.records")}
                columns={columns}
                rows={items}
                keyOf={({ call_id }) => call_id}
                links
                empty={
                  <Empty title={key === "{}" ? t("records.none") : t("records.noneFound")}>
                    {key === "{}" ? t("records.noneHint") : t("records.noneFoundHint")}
                  </Empty>
                }
              />
            </Card>
            <Pager
              onBack={cursors.length > 0 ? () => setCursors(cursors.slice(0, -1)) : undefined}
              onNext={next === null ? undefined : () => setCursors([...cursors, next])}
            />
          </>
        )}
      </Loaded>
    </Page>
  );
}

/** Typed first, asked for when leaving it or by Enter. */
function Filter({
  label,
  type,
  value,
  set,
}: {
  readonly label: string;
  readonly type: string;
  readonly value: string;
  readonly set: (value: string) => void;
}) {
  const [text, setText] = useState(value);
  useEffect(() => setText(value), [value]);
  return (
    <TextInput
      label={label}
      type={type}
      value={text}
      onChange={({ currentTarget }) => (type === "date" ? set(currentTarget.value) : setText(currentTarget.value))}
      onBlur={() => text !== value && set(text.trim())}
      onKeyDown={({ key }) => key === "Enter" && set(text.trim())}
    />
  );
}
