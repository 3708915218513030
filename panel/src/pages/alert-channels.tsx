/** Who is told of an alert: by webhook, e-mail, Telegram, and whom silence alarms. */
import { Button, Modal, Select, Stack, Text, TextInput } from "@mantine/core";
import { useMemo, useState } from "react";
import { type Answer, api, ask } from "../api/client.ts";
import { type JsonSchema, bodySchema, useFeatures } from "../api/features.ts";
import { outOfDate, useApi } from "../api/queries.ts";
import { useI18n } from "../i18n/i18n.tsx";
import { Card, Empty, Loaded, Problem, State } from "../parts/basics.tsx";
import { type Column, DataTable } from "../parts/data-table.tsx";
import { Delete } from "../parts/delete.tsx";
import { SchemaForm, type Values } from "../parts/schema-form.tsx";
import { fieldErrors } from "../parts/field-errors.ts";

type Channel = Answer<"/api/alerts/channels">["items"][number];

export function Channels() {
  const { t, format, maybe } = useI18n();
  const { may } = useFeatures();
  const query = useApi("/api/alerts/channels");
  const [adding, setAdding] = useState(false);
  const [said, setSaid] = useState("");
  const [error, setError] = useState<unknown>();
  const writable = may("alerts:write");
  const columns = useMemo((): readonly Column<Channel>[] => {
    const test = ({ channel_id, name }: Channel) => {
      setError(undefined);
      setSaid("");
      api.post("/api/alerts/channels/{channel_id}/test", { path: { channel_id } }).then(() => {
        setSaid(t("channel.tested", { name }));
        outOfDate("/api/alerts/channels");
      }, setError);
    };
    return [
      { id: "name", title: t("field.name"), cell: ({ name }) => name },
      { id: "kind", title: t("channel.kind"), cell: ({ kind }) => maybe(`channel.${kind}`, kind) },
      {
        id: "state",
        title: t("trunk.state"),
        cell: ({ active, last_problem, last_sent_at }) => (
          <State tone={!active ? "idle" : last_problem !== "" ? "bad" : last_sent_at === null ? "idle" : "good"}>
            {!active
              ? t("trunk.inactive")
              : last_problem !== ""
                ? last_problem
                : last_sent_at === null
                  ? t("channel.notUsed")
                  : format.moment(last_sent_at)}
          </State>
        ),
      },
      {
        id: "do",
        title: "",
        end: true,
        cell: (channel) =>
          writable && (
            <span style={{ whiteSpace: "nowrap" }}>
              <Button size="compact-sm" variant="subtle" aria-label={`${t("channel.test")}: ${channel.name}`} onClick={() => test(channel)}>
                {t("channel.test")}
              </Button>
              <Delete
                name={channel.name}
                text={t("channel.delete")}
                run={() => api.delete("/api/alerts/channels/{channel_id}", { path: { channel_id: channel.channel_id } })}
                stale="/api/alerts/channels"
              />
            </span>
          ),
      },
    ];
  }, [t, format, maybe, writable]);
  return (
    <Card
      title={t("channel.list")}
      flush
      actions={
        writable && (
          <Button size="xs" onClick={() => setAdding(true)}>
            {t("channel.add")}
          </Button>
        )
      }
    >
      <Problem error={error} />
      <Text size="sm" role="status" px="md">
        {said}
      </Text>
      <Loaded query={query}>
        {({ items }) => (
          <DataTable
            label={t("channel.list")}
            columns={columns}
            rows={items}
            keyOf={({ channel_id }) => channel_id}
            empty={<Empty title={t("channel.none")}>{t("channel.noneHint")}</Empty>}
          />
        )}
      </Loaded>
      <Modal
        opened={adding}
        onClose={() => setAdding(false)}
        title={t("channel.add")}
        closeButtonProps={{ "aria-label": t("action.close") }}
      >
        {adding && <ChannelForm onDone={() => setAdding(false)} />}
      </Modal>
    </Card>
  );
}

/** Each kind of channel has settings of its own; the OpenAPI file says which. */
function ChannelForm({ onDone }: { readonly onDone: () => void }) {
  const { t, maybe } = useI18n();
  const { document } = useFeatures();
  const settings = bodySchema(document, "/api/alerts/channels", "post").properties?.["settings"];
  const kinds = (settings?.oneOf ?? settings?.anyOf ?? []).map((schema: JsonSchema) => ({
    kind: String(schema.properties?.["kind"]?.const ?? ""),
    schema,
  }));
  const [kind, setKind] = useState(kinds[0]?.kind ?? "");
  const [name, setName] = useState("");
  const [values, setValues] = useState<Values>({});
  const [error, setError] = useState<unknown>();
  const errors = fieldErrors(error, "settings.");
  const save = () =>
    ask("post", "/api/alerts/channels", {
      body: { name: name.trim() === "" ? maybe(`channel.${kind}`, kind) : name.trim(), settings: { ...values, kind } },
    }).then(() => {
      outOfDate("/api/alerts/channels");
      onDone();
    }, setError);
  return (
    <form
      noValidate
      onSubmit={(event) => {
        event.preventDefault();
        void save();
      }}
    >
      <Stack gap="sm">
        <Select
          label={t("channel.kind")}
          data={kinds.map((one) => ({ value: one.kind, label: maybe(`channel.${one.kind}`, one.kind) }))}
          value={kind}
          onChange={(value) => {
            setKind(value ?? "");
            setValues({});
          }}
        />
        <TextInput
          label={t("field.name")}
          placeholder={maybe(`channel.${kind}`, kind)}
          value={name}
          error={errors["name"]}
          onChange={({ currentTarget }) => setName(currentTarget.value)}
        />
        <SchemaForm
          key={kind}
          schema={kinds.find((one) => one.kind === kind)?.schema ?? {}}
          values={values}
          change={setValues}
          errors={errors}
          hidden={["kind"]}
        />
        <Problem error={error} shown={["name", "settings"]} />
        <Button type="submit">{t("channel.add")}</Button>
      </Stack>
    </form>
  );
}
