/** A list of resources: search, pages, a new one, one that changes, one that goes. What each kind is stands in pages/. */
import { Anchor, Button, Group, Modal, Text, TextInput } from "@mantine/core";
import { type ReactNode, useEffect, useMemo, useState } from "react";
import { ask } from "../api/client.ts";
import { useFeatures } from "../api/features.ts";
import { useAnything } from "../api/queries.ts";
import { useI18n } from "../i18n/i18n.tsx";
import { Card, Empty, Loaded, Page, Problem } from "./basics.tsx";
import { type Column, DataTable } from "./data-table.tsx";
import { Delete } from "./delete.tsx";
import { Pager } from "./pager.tsx";
import { ResourceForm, type ResourceKind, type Stored, itemPath, readStored } from "./resource-form.tsx";
import type { Values } from "./schema-form.tsx";

interface Listed {
  readonly items: readonly Values[];
  readonly next?: string | null;
}
export interface Texts {
  readonly title: string;
  readonly lead: string;
  readonly add: string;
  readonly none: string;
  readonly noneHint: string;
}
interface Props {
  readonly kind: ResourceKind;
  readonly texts: Texts;
  readonly columns: readonly Column<Values>[];
  readonly actions?: ReactNode;
  /** Where a name leads; without it, to its form. */
  readonly link?: (name: string) => ReactNode;
}
const LIMIT = 50;
const TYPED_MS = 250;

export function ResourcePage({ kind, texts, columns, actions, link }: Props) {
  const { t, maybe } = useI18n();
  const { document, has, may } = useFeatures();
  const [typed, setTyped] = useState("");
  const [q, setQ] = useState("");
  const [cursors, setCursors] = useState<readonly string[]>([]);
  const [adding, setAdding] = useState(false);
  const [editing, setEditing] = useState<Stored>();
  const [error, setError] = useState<unknown>();
  useEffect(() => {
    const timer = setTimeout(() => {
      setQ(typed.trim());
      setCursors([]);
    }, TYPED_MS);
    return () => clearTimeout(timer);
  }, [typed]);
  const searched = document.paths[kind.path]?.get?.parameters?.some(({ name }) => name === "q") === true;
  const query = useAnything<Listed>(
    kind.path,
    { limit: LIMIT, q: q === "" ? undefined : q, cursor: cursors.at(-1) },
    { keep: true, everyMs: 15_000 },
  );
  const writable = may("resources:write") && has(kind.path, "post");
  const all = useMemo((): readonly Column<Values>[] => {
    const nameOf = (row: Values): string => String(row[kind.id]);
    const open = (name: string) => {
      setError(undefined);
      readStored(kind, name).then(setEditing, setError);
    };
    return [
      {
        id: kind.id,
        title: t(`field.${kind.id}`),
        by: nameOf,
        cell: (row) =>
          link?.(nameOf(row)) ??
          (writable && row["managed_by"] !== "file" ? (
            <Anchor
              component="button"
              type="button"
              size="sm"
              className={kind.id === "number" ? "mono" : ""}
              onClick={() => open(nameOf(row))}
            >
              {nameOf(row)}
            </Anchor>
          ) : (
            <span className={kind.id === "number" ? "mono" : ""}>{nameOf(row)}</span>
          )),
      },
      ...columns,
      {
        id: "managed",
        title: t("resource.managedBy"),
        wide: true,
        cell: (row) => maybe(`managed.${String(row["managed_by"])}`, String(row["managed_by"])),
      },
      {
        id: "delete",
        title: "",
        end: true,
        wide: true,
        cell: (row) =>
          writable &&
          row["managed_by"] !== "file" && (
            <Delete name={nameOf(row)} text={t("delete.text")} run={() => ask("delete", itemPath(kind, nameOf(row)))} stale={kind.path} />
          ),
      },
    ];
  }, [kind, columns, t, maybe, writable, link]);
  const add = writable && <Button onClick={() => setAdding(true)}>{texts.add}</Button>;
  const close = () => {
    setAdding(false);
    setEditing(undefined);
  };
  return (
    <Page
      title={texts.title}
      lead={texts.lead}
      actions={
        <>
          {actions}
          {add}
        </>
      }
    >
      {searched && (
        <Group mb="sm">
          <TextInput
            type="search"
            aria-label={t("action.search")}
            placeholder={t("action.search")}
            w={260}
            value={typed}
            onChange={({ currentTarget }) => setTyped(currentTarget.value)}
          />
        </Group>
      )}
      <Problem error={error} />
      <Loaded query={query}>
        {({ items, next }) => (
          <>
            <Card flush>
              <DataTable
                label={texts.title}
                columns={all}
                rows={items}
                keyOf={(row) => String(row[kind.id])}
                links
                empty={
                  q === "" ? (
                    <Empty title={texts.none} action={add}>
                      {texts.noneHint}
                    </Empty>
                  ) : (
                    <Empty title={t("records.noneFound")} />
                  )
                }
              />
            </Card>
            <Pager
              onBack={cursors.length > 0 ? () => setCursors(cursors.slice(0, -1)) : undefined}
              onNext={typeof next === "string" ? () => setCursors([...cursors, next]) : undefined}
            />
          </>
        )}
      </Loaded>
      <Modal
        opened={adding || editing !== undefined}
        onClose={close}
        size="lg"
        title={<Text fw={600}>{editing === undefined ? texts.add : String(editing.entry[kind.id])}</Text>}
        closeButtonProps={{ "aria-label": t("action.close") }}
      >
        {editing !== undefined && (
          <Group justify="flex-end" hiddenFrom="sm">
            <Delete
              name={String(editing.entry[kind.id])}
              text={t("delete.text")}
              run={() => ask("delete", itemPath(kind, String(editing.entry[kind.id])))}
              stale={kind.path}
              onDone={close}
            />
          </Group>
        )}
        {(adding || editing !== undefined) && <ResourceForm kind={kind} stored={editing} onDone={close} onCancel={close} />}
      </Modal>
    </Page>
  );
}
