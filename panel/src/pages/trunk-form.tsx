/** A trunk's fields, for a new one or one that changes. Fields that the API refuses say so themselves. */
import { Button, Checkbox, Group, NumberInput, PasswordInput, Select, SimpleGrid, Stack, TagsInput, TextInput } from "@mantine/core";
import { useForm } from "@mantine/form";
import { useNavigate } from "@tanstack/react-router";
import { useState } from "react";
import { type Answer, ApiError, type Body, api } from "../api/client.ts";
import { outOfDate } from "../api/queries.ts";
import { useI18n } from "../i18n/i18n.tsx";
import { Card, Page, Problem } from "../parts/basics.tsx";
import { useListeners, usualListener } from "../parts/targets.tsx";

type Trunk = Answer<"/api/trunks/{trunk_id}">;
type NewTrunk = Body<"/api/trunks", "post">;
const CODECS = ["PCMU", "PCMA", "G722", "G729", "opus"];
const TRANSPORTS = ["UDP", "TCP", "TLS"] as const;

interface Fields {
  trunk_id: string;
  name: string;
  provider: string;
  proxy_address: string;
  proxy_port: number | string;
  transport: (typeof TRANSPORTS)[number];
  username: string;
  password: string;
  realm: string;
  register: boolean;
  supports_inbound: boolean;
  supports_outbound: boolean;
  allowed_ips: string[];
  preferred_codecs: string[];
  max_concurrent_calls: number | string;
  calls_per_second_limit: number | string;
  backup_trunks: string[];
  listener: string | null;
}

const fieldsOf = (trunk: Trunk | undefined): Fields => ({
  trunk_id: trunk?.trunk_id ?? "",
  name: trunk?.name ?? "",
  provider: trunk?.provider ?? "",
  proxy_address: trunk?.proxy_address ?? "",
  proxy_port: trunk?.proxy_port ?? "",
  transport: trunk?.transport ?? "UDP",
  username: trunk?.username ?? "",
  password: "",
  realm: trunk?.realm ?? "",
  register: trunk?.register ?? false,
  supports_inbound: trunk?.supports_inbound ?? true,
  supports_outbound: trunk?.supports_outbound ?? true,
  allowed_ips: [...(trunk?.allowed_ips ?? [])],
  preferred_codecs: [...(trunk?.preferred_codecs ?? [])],
  max_concurrent_calls: trunk?.max_concurrent_calls ?? 100,
  calls_per_second_limit: trunk?.calls_per_second_limit ?? "",
  backup_trunks: [...(trunk?.backup_trunks ?? [])],
  listener: trunk?.listener ?? null,
});

const maybe = (text: string): string | null => (text.trim() === "" ? null : text.trim());
const number = (value: number | string): number | null => (value === "" ? null : Number(value));

function bodyOf(fields: Fields, isNew: boolean): NewTrunk {
  const {
    trunk_id,
    name,
    provider,
    password,
    listener,
    proxy_port,
    calls_per_second_limit,
    max_concurrent_calls,
    username,
    realm,
    ...same
  } = fields;
  return {
    ...same,
    trunk_id: trunk_id.trim(),
    proxy_address: fields.proxy_address.trim(),
    ...(listener !== null && { listener }),
    ...(name.trim() !== "" && { name: name.trim() }),
    ...(provider.trim() !== "" && { provider: provider.trim() }),
    ...(password !== "" && { password }),
    ...(isNew && password === "" && { password: null }),
    proxy_port: number(proxy_port),
    username: maybe(username),
    realm: maybe(realm),
    calls_per_second_limit: number(calls_per_second_limit),
    max_concurrent_calls: number(max_concurrent_calls) ?? 100,
  } as NewTrunk;
}

export function TrunkForm({
  trunk,
  onDone,
  short = false,
  submit,
}: {
  readonly trunk?: Trunk | undefined;
  readonly onDone: (trunk: Trunk) => void;
  readonly short?: boolean;
  readonly submit: string;
}) {
  const { t } = useI18n();
  const [error, setError] = useState<unknown>();
  const [busy, setBusy] = useState(false);
  const listenerNames = useListeners();
  const form = useForm<Fields>({
    initialValues: fieldsOf(trunk),
    validate: {
      trunk_id: (value) => (value.trim() === "" ? t("field.needed") : null),
      proxy_address: (value) => (value.trim() === "" ? t("field.needed") : null),
    },
  });
  const save = form.onSubmit(async (fields) => {
    setBusy(true);
    setError(undefined);
    try {
      const body = bodyOf(fields, trunk === undefined);
      const saved =
        trunk === undefined
          ? await api.post("/api/trunks", { body })
          : await api.put("/api/trunks/{trunk_id}", { path: { trunk_id: trunk.trunk_id }, body });
      outOfDate("/api/trunks");
      onDone(saved);
    } catch (failure) {
      setError(failure);
      if (failure instanceof ApiError) {
        const { code, errors, message } = failure;
        form.setErrors(Object.fromEntries(errors.map(({ field, message: why }) => [field.split(/[.[]/)[0] ?? field, why])));
        if (code === "TRUNK_ID_TAKEN") form.setErrors({ trunk_id: message });
      }
    } finally {
      setBusy(false);
    }
  });
  const text = (name: "trunk_id" | "name" | "provider" | "proxy_address" | "username" | "realm") => ({
    label: t(`field.${name}`),
    ...form.getInputProps(name),
  });
  const yes = (name: "register" | "supports_inbound" | "supports_outbound") => ({
    label: t(`field.${name}`),
    ...form.getInputProps(name, { type: "checkbox" }),
  });
  return (
    <form onSubmit={save} noValidate>
      <Stack gap="md">
        <SimpleGrid cols={{ base: 1, xs: 2 }} spacing="sm">
          <TextInput
            {...text("trunk_id")}
            description={t("hint.trunk_id")}
            withAsterisk
            disabled={trunk !== undefined}
            autoComplete="off"
            spellCheck={false}
          />
          <TextInput {...text("proxy_address")} description={t("hint.proxy_address")} withAsterisk autoComplete="off" spellCheck={false} />
          {!short && <TextInput {...text("name")} />}
          {!short && <TextInput {...text("provider")} description={t("hint.provider")} />}
          <Group grow gap="sm" align="flex-end">
            <NumberInput label={t("field.proxy_port")} placeholder="5060" min={1} max={65535} {...form.getInputProps("proxy_port")} />
            <Select label={t("field.transport")} data={TRANSPORTS} {...form.getInputProps("transport")} />
          </Group>
          {listenerNames.length > 1 && (
            <Select
              label={t("field.listener")}
              description={t("hint.trunkListener")}
              data={listenerNames}
              placeholder={usualListener(listenerNames)}
              {...form.getInputProps("listener")}
            />
          )}
          <TagsInput
            size="sm"
            label={t("field.allowed_ips")}
            description={t("hint.allowed_ips")}
            splitChars={[",", " "]}
            {...form.getInputProps("allowed_ips")}
          />
          <TextInput {...text("username")} description={t("hint.username")} autoComplete="off" />
          <PasswordInput
            label={t("field.password")}
            description={trunk?.has_password === true ? t("hint.passwordKept") : t("hint.password")}
            autoComplete="new-password"
            visibilityToggleButtonProps={{ "aria-label": t("login.showPassword") }}
            {...form.getInputProps("password")}
          />
          {!short && <TextInput {...text("realm")} description={t("hint.realm")} />}
          {!short && (
            <TagsInput
              size="sm"
              label={t("field.preferred_codecs")}
              description={t("hint.preferred_codecs")}
              data={CODECS}
              {...form.getInputProps("preferred_codecs")}
            />
          )}
          {!short && <NumberInput label={t("field.max_concurrent_calls")} min={1} {...form.getInputProps("max_concurrent_calls")} />}
          {!short && (
            <NumberInput
              label={t("field.calls_per_second_limit")}
              min={1}
              placeholder={t("field.noLimit")}
              {...form.getInputProps("calls_per_second_limit")}
            />
          )}
          {!short && (
            <TagsInput
              size="sm"
              label={t("field.backup_trunks")}
              description={t("hint.backup_trunks")}
              {...form.getInputProps("backup_trunks")}
            />
          )}
        </SimpleGrid>
        <Group gap="lg">
          <Checkbox {...yes("register")} />
          {!short && <Checkbox {...yes("supports_inbound")} />}
          {!short && <Checkbox {...yes("supports_outbound")} />}
        </Group>
        <Problem error={error} shown={Object.keys(form.errors)} />
        <div>
          <Button type="submit" loading={busy}>
            {submit}
          </Button>
        </div>
      </Stack>
    </form>
  );
}

export function NewTrunk() {
  const { t } = useI18n();
  const navigate = useNavigate();
  return (
    <Page title={t("trunk.add")} lead={t("trunks.lead")}>
      <Card>
        <TrunkForm
          submit={t("trunk.create")}
          onDone={({ trunk_id }) => void navigate({ to: "/trunks/$trunkId", params: { trunkId: trunk_id } })}
        />
      </Card>
    </Page>
  );
}
