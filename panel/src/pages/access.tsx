/** Who may: users, and API keys beside them. */
import { Button, Modal, PasswordInput, Select, Stack, TextInput } from "@mantine/core";
import { useForm } from "@mantine/form";
import { useMemo, useState } from "react";
import { type Answer, type Body, api } from "../api/client.ts";
import { useFeatures } from "../api/features.ts";
import { outOfDate, useApi } from "../api/queries.ts";
import { useI18n } from "../i18n/i18n.tsx";
import { Card, Loaded, Page, Problem } from "../parts/basics.tsx";
import { type Column, DataTable } from "../parts/data-table.tsx";
import { ChangeForm } from "../parts/change-form.tsx";
import { Delete } from "../parts/delete.tsx";
import { fieldErrors } from "../parts/field-errors.ts";
import { Opens } from "../parts/opens.tsx";
import { Keys } from "./keys.tsx";

type User = Answer<"/api/users">["items"][number];

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
  const [editing, setEditing] = useState<User>();
  const columns = useMemo(
    (): readonly Column<User>[] => [
      {
        id: "name",
        title: t("access.user"),
        by: ({ name }) => name,
        cell: (user) => <Opens disabled={user.disabled} name={user.name} open={() => setEditing(user)} />,
      },
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
      <Modal
        opened={editing !== undefined}
        onClose={() => setEditing(undefined)}
        title={editing?.name}
        closeButtonProps={{ "aria-label": t("action.close") }}
      >
        {editing !== undefined && (
          <ChangeForm
            path="/api/users/{name}"
            of={{ name: editing.name }}
            values={editing}
            stale="/api/users"
            onDone={() => setEditing(undefined)}
          />
        )}
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
      form.setErrors(fieldErrors(failure));
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
