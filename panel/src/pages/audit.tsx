/** Who changed what, and when; newest first. */
import { Anchor, Modal, TextInput } from "@mantine/core";
import { useEffect, useMemo, useState } from "react";
import type { Answer } from "../api/client.ts";
import { useApi } from "../api/queries.ts";
import { useI18n } from "../i18n/i18n.tsx";
import { Card, Empty, Loaded, Page, Pairs } from "../parts/basics.tsx";
import { type Column, DataTable } from "../parts/data-table.tsx";
import { Pager } from "../parts/pager.tsx";

type Entry = Answer<"/api/audit">["items"][number];
const LIMIT = 50;
const TYPED_MS = 300;
const NAMES = ["who", "kind", "name"] as const;
type Filters = Partial<Record<(typeof NAMES)[number], string>>;

/** "createTrunk" → create */
const verbOf = (action: string): string => /^[a-z]+/.exec(action)?.[0] ?? action;

export function Audit() {
  const { t, format, maybe } = useI18n();
  const [typed, setTyped] = useState<Filters>({});
  const [filters, setFilters] = useState<Filters>({});
  const [cursors, setCursors] = useState<readonly string[]>([]);
  const [open, setOpen] = useState<Entry>();
  useEffect(() => {
    const timer = setTimeout(() => {
      setFilters(Object.fromEntries(Object.entries(typed).filter(([, value]) => value.trim() !== "")));
      setCursors([]);
    }, TYPED_MS);
    return () => clearTimeout(timer);
  }, [typed]);
  const cursor = cursors.at(-1);
  const query = useApi("/api/audit", { query: { ...filters, limit: LIMIT, ...(cursor !== undefined && { cursor }) } }, { keep: true });
  const columns = useMemo(
    (): readonly Column<Entry>[] => [
      {
        id: "at",
        title: t("gateway.at"),
        cell: (entry) => (
          <Anchor
            component="button"
            type="button"
            size="sm"
            className="num"
            style={{ whiteSpace: "nowrap" }}
            onClick={() => setOpen(entry)}
          >
            {format.moment(entry.at)}
          </Anchor>
        ),
      },
      { id: "who", title: t("audit.who"), cell: ({ who }) => who },
      {
        id: "action",
        title: t("audit.action"),
        cell: ({ action }) => <span title={action}>{maybe(`audit.${verbOf(action)}`, action)}</span>,
      },
      { id: "name", title: t("audit.what"), cell: ({ kind, name }) => `${kind} ${name}` },
      { id: "address", title: t("call.address"), wide: true, cell: ({ address }) => <span className="mono">{address}</span> },
    ],
    [t, format, maybe],
  );
  return (
    <Page title={t("nav.audit")} lead={t("audit.lead")}>
      <div className="filters">
        {NAMES.map((name) => (
          <TextInput
            key={name}
            label={t(`audit.${name}`)}
            value={typed[name] ?? ""}
            onChange={({ currentTarget: { value } }) => setTyped({ ...typed, [name]: value })}
          />
        ))}
      </div>
      <Loaded query={query}>
        {({ items, next }) => (
          <>
            <Card flush>
              <DataTable
                label={t("nav.audit")}
                columns={columns}
                rows={items}
                keyOf={({ id }) => id}
                links
                empty={<Empty title={t("audit.none")} />}
              />
            </Card>
            <Pager
              onBack={cursors.length > 0 ? () => setCursors(cursors.slice(0, -1)) : undefined}
              onNext={next === null ? undefined : () => setCursors([...cursors, next])}
            />
          </>
        )}
      </Loaded>
      <Modal
        opened={open !== undefined}
        onClose={() => setOpen(undefined)}
        size="lg"
        title={open === undefined ? "" : `${open.kind} ${open.name}`}
        closeButtonProps={{ "aria-label": t("action.close") }}
      >
        {open !== undefined && <Difference entry={open} />}
      </Modal>
    </Page>
  );
}

const fieldsOf = (value: unknown): Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null ? (value as Readonly<Record<string, unknown>>) : {};

/** Only fields that are not the same. */
function Difference({ entry }: { readonly entry: Entry }) {
  const { t, maybe } = useI18n();
  const [before, after] = [fieldsOf(entry.before), fieldsOf(entry.after)];
  const text = (value: unknown): string => (value === undefined ? "–" : typeof value === "string" ? value : JSON.stringify(value));
  const changed = [...new Set([...Object.keys(before), ...Object.keys(after)])].filter(
    (field) => JSON.stringify(before[field]) !== JSON.stringify(after[field]),
  );
  return (
    <Pairs
      of={[
        [t("audit.who"), `${entry.who} (${entry.address})`],
        ...changed.map(
          (field) =>
            [
              maybe(`field.${field}`, field),
              <span key={field} className="mono">{`${text(before[field])} → ${text(after[field])}`}</span>,
            ] as const,
        ),
      ]}
    />
  );
}
