/** API keys: shown once, good until they are taken out. */
import { Button, Checkbox, Code, CopyButton, Group, Modal, Stack, Text, TextInput } from "@mantine/core";
import { useForm } from "@mantine/form";
import { useMemo, useState } from "react";
import { type Answer, type Body, api } from "../api/client.ts";
import { bodySchema, useFeatures } from "../api/features.ts";
import { outOfDate, useApi } from "../api/queries.ts";
import { useI18n } from "../i18n/i18n.tsx";
import { Card, Empty, Loaded, Problem } from "../parts/basics.tsx";
import { ChangeForm } from "../parts/change-form.tsx";
import { type Column, DataTable } from "../parts/data-table.tsx";
import { Delete } from "../parts/delete.tsx";
import { fieldErrors } from "../parts/field-errors.ts";
import { Opens } from "../parts/opens.tsx";

type ApiKey = Answer<"/api/keys">["items"][number];

export function Keys() {
  const { t, format } = useI18n();
  const query = useApi("/api/keys");
  const [adding, setAdding] = useState(false);
  const [editing, setEditing] = useState<ApiKey>();
  const columns = useMemo(
    (): readonly Column<ApiKey>[] => [
      {
        id: "name",
        title: t("access.keyName"),
        by: ({ name }) => name,
        cell: (key) => <Opens disabled={key.disabled} name={key.name} open={() => setEditing(key)} />,
      },
      { id: "scopes", title: t("access.scopes"), cell: ({ scopes }) => <span className="mono">{scopes.join(" ")}</span> },
      { id: "by", title: t("access.createdBy"), wide: true, cell: ({ created_by }) => created_by },
      {
        id: "created",
        title: t("access.created"),
        wide: true,
        by: ({ created_at }) => created_at,
        cell: ({ created_at }) => format.date(created_at),
      },
      {
        id: "delete",
        title: "",
        end: true,
        cell: ({ key_id, name }) => (
          <Delete
            name={name}
            text={t("access.deleteKey")}
            run={() => api.delete("/api/keys/{key_id}", { path: { key_id } })}
            stale="/api/keys"
          />
        ),
      },
    ],
    [t, format],
  );
  return (
    <Card
      title={t("access.keys")}
      flush
      actions={
        <Button size="xs" onClick={() => setAdding(true)}>
          {t("access.addKey")}
        </Button>
      }
    >
      <Loaded query={query}>
        {({ items }) => (
          <DataTable
            label={t("access.keys")}
            columns={columns}
            rows={items}
            keyOf={({ key_id }) => key_id}
            empty={<Empty title={t("access.noKeys")}>{t("access.noKeysHint")}</Empty>}
          />
        )}
      </Loaded>
      <Modal
        opened={adding}
        onClose={() => setAdding(false)}
        title={t("access.addKey")}
        closeButtonProps={{ "aria-label": t("action.close") }}
      >
        {adding && <NewKey onDone={() => setAdding(false)} />}
      </Modal>
      <Modal
        opened={editing !== undefined}
        onClose={() => setEditing(undefined)}
        title={editing?.name}
        closeButtonProps={{ "aria-label": t("action.close") }}
      >
        {editing !== undefined && (
          <ChangeForm
            path="/api/keys/{key_id}"
            of={{ key_id: editing.key_id }}
            values={editing}
            stale="/api/keys"
            onDone={() => setEditing(undefined)}
          />
        )}
      </Modal>
    </Card>
  );
}

function NewKey({ onDone }: { readonly onDone: () => void }) {
  const { t, maybe } = useI18n();
  const { document, me } = useFeatures();
  const scopes = (bodySchema(document, "/api/keys", "post").properties?.["scopes"]?.items?.enum ?? [])
    .map(String)
    .filter((scope) => me.scopes.includes(scope));
  const [error, setError] = useState<unknown>();
  const [made, setMade] = useState<string>();
  const form = useForm({ initialValues: { name: "", scopes: scopes.filter((scope) => scope.endsWith(":read")) } });
  const save = form.onSubmit(async (body) => {
    setError(undefined);
    try {
      const { key } = await api.post("/api/keys", { body: body as Body<"/api/keys", "post"> });
      outOfDate("/api/keys");
      setMade(key);
    } catch (failure) {
      setError(failure);
      form.setErrors(fieldErrors(failure));
    }
  });
  if (made !== undefined)
    return (
      <Stack gap="sm">
        <Text size="sm">{t("access.keyOnce")}</Text>
        <Code block>{made}</Code>
        <Group justify="flex-end">
          <CopyButton value={made}>
            {({ copied, copy }) => (
              <Button variant="default" onClick={copy}>
                {copied ? t("action.copied") : t("action.copy")}
              </Button>
            )}
          </CopyButton>
          <Button onClick={onDone}>{t("action.close")}</Button>
        </Group>
      </Stack>
    );
  return (
    <form onSubmit={save} noValidate>
      <Stack gap="sm">
        <TextInput label={t("access.keyName")} autoComplete="off" data-autofocus {...form.getInputProps("name")} />
        <Checkbox.Group label={t("access.scopes")} {...form.getInputProps("scopes")}>
          <Stack gap={8} mt={6}>
            {scopes.map((scope) => (
              <Checkbox key={scope} size="xs" value={scope} label={maybe(`scope.${scope}`, scope)} />
            ))}
          </Stack>
        </Checkbox.Group>
        <Problem error={error} shown={Object.keys(form.errors)} />
        <Button type="submit">{t("access.addKey")}</Button>
      </Stack>
    </form>
  );
}
