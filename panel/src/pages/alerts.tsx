/** What is wrong now and was, what raises an alarm, and who is told. */
import { Anchor, Button, Checkbox, Modal, SegmentedControl, Select, Stack, Text, TextInput } from "@mantine/core";
import { useMemo, useState } from "react";
import { type Answer, ApiError, api, ask } from "../api/client.ts";
import { type JsonSchema, bodySchema, useFeatures } from "../api/features.ts";
import { outOfDate, useApi } from "../api/queries.ts";
import { useI18n } from "../i18n/i18n.tsx";
import { Card, Empty, Loaded, Page, Problem, State } from "../parts/basics.tsx";
import { type Column, DataTable } from "../parts/data-table.tsx";
import { Delete } from "../parts/delete.tsx";
import { SchemaForm, type Values } from "../parts/schema-form.tsx";

type Alert = Answer<"/api/alerts">["items"][number];
type Rule = Answer<"/api/alerts/rules">["items"][number];
type Channel = Answer<"/api/alerts/channels">["items"][number];
const EVERY_MS = 5_000;
const toneOf = ({ severity, cleared_at }: Alert) => (cleared_at !== null ? "idle" : severity === "critical" ? "bad" : "warn");

export function Alerts() {
  const { t } = useI18n();
  const { has } = useFeatures();
  return (
    <Page title={t("nav.alerts")}>
      <Stack gap="md">
        <List />
        {has("/api/alerts/channels") && <Channels />}
        {has("/api/alerts/rules") && <Rules />}
      </Stack>
    </Page>
  );
}

function List() {
  const { t, format, maybe } = useI18n();
  const [state, setState] = useState<"open" | "all">("open");
  const query = useApi("/api/alerts", { query: { state } }, { everyMs: EVERY_MS, keep: true });
  const columns = useMemo(
    (): readonly Column<Alert>[] => [
      {
        id: "rule",
        title: t("alert.what"),
        cell: (alert) => <State tone={toneOf(alert)}>{maybe(`rule.${alert.rule}`, alert.rule)}</State>,
      },
      { id: "subject", title: t("alert.subject"), cell: ({ subject }) => subject || "–" },
      { id: "detail", title: t("call.reason"), wide: true, cell: ({ detail }) => detail },
      {
        id: "raised",
        title: t("alert.since"),
        by: ({ raised_at }) => raised_at,
        cell: ({ raised_at }) => <span className="num">{format.moment(raised_at)}</span>,
      },
      {
        id: "cleared",
        title: t("alert.until"),
        wide: true,
        cell: ({ cleared_at }) => <span className="num">{format.moment(cleared_at)}</span>,
      },
    ],
    [t, format, maybe],
  );
  return (
    <Card
      title={t("alert.list")}
      flush
      actions={
        <SegmentedControl
          size="xs"
          aria-label={t("alert.list")}
          value={state}
          onChange={(value) => setState(value === "all" ? "all" : "open")}
          data={[
            { value: "open", label: t("alert.open") },
            { value: "all", label: t("filter.all") },
          ]}
        />
      }
    >
      <Loaded query={query}>
        {({ items }) => (
          <DataTable
            label={t("alert.list")}
            columns={columns}
            rows={items}
            keyOf={({ alert_id }) => alert_id}
            empty={<Empty title={<State tone="good">{t("alert.none")}</State>}>{t("alert.noneHint")}</Empty>}
          />
        )}
      </Loaded>
    </Card>
  );
}

function Rules() {
  const { t, format, maybe } = useI18n();
  const { may } = useFeatures();
  const query = useApi("/api/alerts/rules");
  const [editing, setEditing] = useState<Rule>();
  const [error, setError] = useState<unknown>();
  const writable = may("alerts:write");
  const columns = useMemo((): readonly Column<Rule>[] => {
    const toggle = ({ rule, enabled }: Rule) => {
      setError(undefined);
      api
        .put("/api/alerts/rules/{rule}", { path: { rule }, body: { enabled: !enabled } })
        .then(() => outOfDate("/api/alerts/rules"), setError);
    };
    return [
      {
        id: "on",
        title: t("field.enabled"),
        cell: (one) => (
          <Checkbox
            size="xs"
            aria-label={`${t("field.enabled")}: ${maybe(`rule.${one.rule}`, one.title)}`}
            checked={one.enabled}
            disabled={!writable}
            onChange={() => toggle(one)}
          />
        ),
      },
      {
        id: "rule",
        title: t("alert.rule"),
        cell: (one) =>
          writable ? (
            <Anchor component="button" type="button" size="sm" ta="left" onClick={() => setEditing(one)}>
              {maybe(`rule.${one.rule}`, one.title)}
            </Anchor>
          ) : (
            maybe(`rule.${one.rule}`, one.title)
          ),
      },
      {
        id: "threshold",
        title: t("field.threshold"),
        end: true,
        cell: ({ rule, threshold, threshold_unit }) =>
          threshold_unit === "" ? "" : `${format.number(threshold, 2)} ${maybe(`unit.${rule}`, threshold_unit)}`,
      },
      {
        id: "severity",
        title: t("field.severity"),
        wide: true,
        cell: ({ severity }) => <State tone={severity === "critical" ? "bad" : "warn"}>{t(`choice.${severity}`)}</State>,
      },
    ];
  }, [t, format, maybe, writable]);
  return (
    <Card title={t("alert.rules")} flush>
      <Problem error={error} />
      <Loaded query={query}>
        {({ items }) => <DataTable label={t("alert.rules")} columns={columns} rows={items} keyOf={({ rule }) => rule} empty={null} />}
      </Loaded>
      <Modal
        opened={editing !== undefined}
        onClose={() => setEditing(undefined)}
        title={editing === undefined ? "" : maybe(`rule.${editing.rule}`, editing.title)}
        closeButtonProps={{ "aria-label": t("action.close") }}
      >
        {editing !== undefined && <RuleForm rule={editing} onDone={() => setEditing(undefined)} />}
      </Modal>
    </Card>
  );
}

const errorsOf = (error: unknown, cut = ""): Readonly<Record<string, string>> =>
  Object.fromEntries(
    error instanceof ApiError ? error.errors.map(({ field, message }) => [field.replace(cut, "").split(/[.[]/)[0] ?? field, message]) : [],
  );

function RuleForm({ rule, onDone }: { readonly rule: Rule; readonly onDone: () => void }) {
  const { t } = useI18n();
  const { document } = useFeatures();
  const schema = bodySchema(document, "/api/alerts/rules/{rule}", "put");
  const [values, setValues] = useState<Values>(
    Object.fromEntries(Object.keys(schema.properties ?? {}).map((name) => [name, rule[name as keyof Rule]])),
  );
  const [error, setError] = useState<unknown>();
  const save = () =>
    ask("put", `/api/alerts/rules/${rule.rule}`, { body: values }).then(() => {
      outOfDate("/api/alerts/rules");
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
      <SchemaForm schema={schema} values={values} change={setValues} errors={errorsOf(error)} />
      <Problem error={error} shown={Object.keys(schema.properties ?? {})} />
      <Button type="submit" mt="md">
        {t("action.save")}
      </Button>
    </form>
  );
}

function Channels() {
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
  const errors = errorsOf(error, "settings.");
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
