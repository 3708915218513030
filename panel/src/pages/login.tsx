/** Logging in. */
import { Alert, Button, Group, PasswordInput, Stack, Text, TextInput, Title } from "@mantine/core";
import { useForm } from "@mantine/form";
import { useState } from "react";
import { ApiError, api } from "../api/client.ts";
import { takeTokens } from "../api/session.ts";
import { useI18n } from "../i18n/i18n.tsx";
import { Logo } from "../parts/icons.tsx";
import { LanguageSelect, ThemeSwitch } from "../parts/shell.tsx";

export function Login() {
  const { t } = useI18n();
  const [error, setError] = useState<ApiError>();
  const [busy, setBusy] = useState(false);
  const form = useForm({
    mode: "uncontrolled",
    initialValues: { username: "", password: "" },
    validate: {
      username: (value) => (value.trim() === "" ? t("field.needed") : null),
      password: (value) => (value === "" ? t("field.needed") : null),
    },
  });
  const submit = form.onSubmit(async ({ username, password }) => {
    setBusy(true);
    setError(undefined);
    try {
      takeTokens(await api.post("/api/auth/login", { body: { username: username.trim(), password } }));
    } catch (failure) {
      setError(failure instanceof ApiError ? failure : new ApiError(0, {}));
      setBusy(false);
    }
  });
  return (
    <main style={{ minHeight: "100dvh", display: "grid", placeItems: "center", padding: "1rem" }}>
      <div className="card" style={{ width: "min(24rem, 100%)", padding: "1.6rem 1.5rem" }}>
        <Group gap="sm" mb="md">
          <Logo size={30} />
          <Title order={1}>{t("login.title")}</Title>
        </Group>
        <form onSubmit={submit} noValidate>
          <Stack gap="sm">
            <TextInput
              label={t("login.user")}
              autoComplete="username"
              autoFocus
              data-autofocus
              key={form.key("username")}
              {...form.getInputProps("username")}
            />
            <PasswordInput
              label={t("login.password")}
              autoComplete="current-password"
              visibilityToggleButtonProps={{ "aria-label": t("login.showPassword") }}
              key={form.key("password")}
              {...form.getInputProps("password")}
            />
            {error !== undefined && (
              <Alert variant="light" color="red" role="alert">
                <Text size="sm">
                  {error.status === 0 ? t("problem.unreachable") : error.code === "LOGIN_FAILED" ? t("login.failed") : error.message}
                </Text>
              </Alert>
            )}
            <Button type="submit" loading={busy}>
              {t("login.submit")}
            </Button>
          </Stack>
        </form>
        <Text size="xs" c="dimmed" mt="md">
          {t("login.first")}
        </Text>
        <Group gap={6} mt="lg">
          <LanguageSelect />
          <ThemeSwitch />
        </Group>
      </div>
    </main>
  );
}
