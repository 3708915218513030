/** One's own password: the old one proves who asks, and every other session ends. */
import { Button, Modal, PasswordInput, Stack, Text } from "@mantine/core";
import { useForm } from "@mantine/form";
import { useState } from "react";
import { ApiError, api } from "../api/client.ts";
import { takeTokens } from "../api/session.ts";
import { useI18n } from "../i18n/i18n.tsx";
import { Problem } from "./basics.tsx";
import { fieldErrors } from "./field-errors.ts";

export function OwnPassword({ opened, close }: { readonly opened: boolean; readonly close: () => void }) {
  const { t } = useI18n();
  return (
    <Modal opened={opened} onClose={close} title={t("password.title")} closeButtonProps={{ "aria-label": t("action.close") }}>
      {opened && <PasswordForm onDone={close} />}
    </Modal>
  );
}

function PasswordForm({ onDone }: { readonly onDone: () => void }) {
  const { t } = useI18n();
  const [error, setError] = useState<unknown>();
  const form = useForm({ initialValues: { password: "", new_password: "" } });
  const save = form.onSubmit(async (body) => {
    setError(undefined);
    try {
      takeTokens(await api.post("/api/auth/password", { body }));
      onDone();
    } catch (failure) {
      const isWrong = failure instanceof ApiError && failure.code === "LOGIN_FAILED";
      form.setErrors(isWrong ? { password: t("password.wrong") } : fieldErrors(failure));
      setError(isWrong ? undefined : failure);
    }
  });
  const toggle = { visibilityToggleButtonProps: { "aria-label": t("login.showPassword") } };
  return (
    <form onSubmit={save} noValidate>
      <Stack gap="sm">
        <PasswordInput
          label={t("password.old")}
          autoComplete="current-password"
          data-autofocus
          {...toggle}
          {...form.getInputProps("password")}
        />
        <PasswordInput
          label={t("password.new")}
          description={t("access.passwordHint")}
          autoComplete="new-password"
          {...toggle}
          {...form.getInputProps("new_password")}
        />
        <Text size="sm" c="dimmed">
          {t("password.others")}
        </Text>
        <Problem error={error} shown={["password", "new_password"]} />
        <Button type="submit">{t("action.save")}</Button>
      </Stack>
    </form>
  );
}
