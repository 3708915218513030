/** Who may: users and API keys. */
import { Button, Checkbox, Code, CopyButton, Group, Modal, PasswordInput, Select, Stack, Text, TextInput } from "@mantine/core";
import { useForm } from "@mantine/form";
import { useMemo, useState } from "react";
import { type Answer, ApiError, type Body, api } from "../api/client.ts";
import { bodySchema, useFeatures } from "../api/features.ts";
import { outOfDate, useApi } from "../api/queries.ts";
import { useI18n } from "../i18n/i18n.tsx";
import { Card, Empty, Loaded, Page, Problem } from "../parts/basics.tsx";
import { type Column, DataTable } from "../parts/data-table.tsx";
import { Delete } from "../parts/delete.tsx";

type User = Answer<"/api/users">["items"][number];
type ApiKey = Answer<"/api/keys">["items"][number];

export function Access() {
  const { t } = useI18n();
  return (
    <Page title={t("nav.access")} lead={t("access.lead")}>
      <Stack gap="md">
        <Users />
        <Keys />
      </Stack>
    </Page>
  );
}

function Users() {
  const { t, format, maybe } = useI18n();
  const { me } = useFeatures();
  const query = useApi("/api/users");
  const [adding, setAdding] = useState(false);
  const columns = useMemo(
    (): readonly Column<User>[] => [
      { id: "name", title: t("access.user"), by: ({ name }) => name, cell: ({ name }) => name },
      { id: "role", title: t("access.role"), by: ({ role }) => role, cell: ({ role }) => maybe(`role.${role}`, role) },
      { id: "tenant", title: t("field.tenant"), wide: true, cell: ({ tenant }) => (tenant === "*" ? t("access.everyTenant") : tenant) },
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
        cell: ({ name }) =>
          `user ${name}` !== me.name && (
            <Delete
              name={name}
              text={t("access.deleteUser")}
              run={() => api.delete("/api/users/{name}", { path: { name } })}
              stale="/api/users"
            />
          ),
      },
    ],
    [t, format, maybe, me.name],
  );
  return (
    <Card
      title={t("access.users")}
      flush
      actions={
        <Button size="xs" onClick={() => setAdding(true)}>
          {t("access.addUser")}
        </Button>
      }
    >
      <Loaded query={query}>
        {({ items }) => <DataTable label={t("access.users")} columns={columns} rows={items} keyOf={({ name }) => name} empty={null} />}
      </Loaded>
      <Modal
        opened={adding}
        onClose={() => setAdding(false)}
        title={t("access.addUser")}
        closeButtonProps={{ "aria-label": t("action.close") }}
      >
        {adding && <NewUser onDone={() => setAdding(false)} />}
      </Modal>
    </Card>
  );
}

function NewUser({ onDone }: { readonly onDone: () => void }) {
  const { t } = useI18n();
  const [error, setError] = useState<unknown>();
  const form = useForm<Required<Pick<Body<"/api/users", "post">, "name" | "password" | "role">>>({
    initialValues: { name: "", password: "", role: "operator" },
  });
  const save = form.onSubmit(async (body) => {
    setError(undefined);
    try {
      await api.post("/api/users", { body });
      outOfDate("/api/users");
      onDone();
    } catch (failure) {
      setError(failure);
      if (failure instanceof ApiError) form.setErrors(Object.fromEntries(failure.errors.map(({ field, message }) => [field, message])));
    }
  });
  return (
    <form onSubmit={save} noValidate>
      <Stack gap="sm">
        <TextInput label={t("access.user")} autoComplete="off" data-autofocus {...form.getInputProps("name")} />
        <PasswordInput
          label={t("field.password")}
          description={t("access.passwordHint")}
          autoComplete="new-password"
          visibilityToggleButtonProps={{ "aria-label": t("login.showPassword") }}
          {...form.getInputProps("password")}
        />
        <Select
          label={t("access.role")}
          data={(["owner", "operator", "viewer"] as const).map((value) => ({ value, label: t(`role.${value}`) }))}
          {...form.getInputProps("role")}
        />
        <Problem error={error} shown={Object.keys(form.errors)} />
        <Button type="submit">{t("access.addUser")}</Button>
      </Stack>
    </form>
  );
}

function Keys() {
  const { t, format } = useI18n();
  const query = useApi("/api/keys");
  const [adding, setAdding] = useState(false);
  const columns = useMemo(
    (): readonly Column<ApiKey>[] => [
      { id: "name", title: t("access.keyName"), by: ({ name }) => name, cell: ({ name }) => name },
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
      if (failure instanceof ApiError) form.setErrors(Object.fromEntries(failure.errors.map(({ field, message }) => [field, message])));
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
