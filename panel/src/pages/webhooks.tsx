/** Webhooks: who is told of what, and how deliveries went. */
import { Anchor, Button, Checkbox, Code, CopyButton, Group, Modal, MultiSelect, Select, Stack, Text, TextInput } from "@mantine/core";
import { useMemo, useState } from "react";
import { type Answer, ApiError, type Body, api } from "../api/client.ts";
import { bodySchema, useFeatures } from "../api/features.ts";
import { outOfDate, useApi } from "../api/queries.ts";
import { useI18n } from "../i18n/i18n.tsx";
import { Card, Empty, Loaded, Page, Problem, State } from "../parts/basics.tsx";
import { type Column, DataTable } from "../parts/data-table.tsx";
import { Delete } from "../parts/delete.tsx";

type Webhook = Answer<"/api/webhooks">["items"][number];
type Delivery = Answer<"/api/webhooks/{webhook_id}/deliveries">["items"][number];
const EVERY_MS = 5_000;
const TONE = { pending: "warn", delivered: "good", dead: "bad" } as const;

export function Webhooks() {
  const { t, format } = useI18n();
  const { may } = useFeatures();
  const query = useApi("/api/webhooks", undefined, { everyMs: EVERY_MS });
  const [adding, setAdding] = useState(false);
  const [open, setOpen] = useState<string>();
  const writable = may("webhooks:write");
  const columns = useMemo(
    (): readonly Column<Webhook>[] => [
      {
        id: "url",
        title: t("field.url"),
        by: ({ url }) => url,
        cell: ({ webhook_id, url }) => (
          <Anchor
            component="button"
            type="button"
            size="sm"
            ta="left"
            style={{ overflowWrap: "anywhere" }}
            onClick={() => setOpen(webhook_id)}
          >
            {url}
          </Anchor>
        ),
      },
      {
        id: "events",
        title: t("field.events"),
        wide: true,
        cell: ({ events }) => (events.length === 0 ? t("filter.all") : events.join(", ")),
      },
      {
        id: "state",
        title: t("trunk.state"),
        cell: ({ active, dead }) => (
          <State tone={!active ? "idle" : dead > 0 ? "bad" : "good"}>
            {!active ? t("trunk.inactive") : dead > 0 ? t("webhook.dead", { count: dead }) : t("state.up")}
          </State>
        ),
      },
      { id: "pending", title: t("webhook.pending"), end: true, wide: true, cell: ({ pending }) => format.number(pending) },
      {
        id: "delete",
        title: "",
        end: true,
        wide: true,
        cell: ({ webhook_id, url }) =>
          writable && (
            <Delete
              name={url}
              text={t("webhook.delete")}
              run={() => api.delete("/api/webhooks/{webhook_id}", { path: { webhook_id } })}
              stale="/api/webhooks"
            />
          ),
      },
    ],
    [t, format, writable],
  );
  const add = writable && <Button onClick={() => setAdding(true)}>{t("webhook.add")}</Button>;
  return (
    <Page title={t("nav.webhooks")} lead={t("webhook.lead")} actions={add}>
      <Stack gap="md">
        <Loaded query={query}>
          {({ items }) => (
            <Card flush>
              <DataTable
                label={t("nav.webhooks")}
                columns={columns}
                rows={items}
                keyOf={({ webhook_id }) => webhook_id}
                links
                empty={
                  <Empty title={t("webhook.none")} action={add}>
                    {t("webhook.noneHint")}
                  </Empty>
                }
              />
            </Card>
          )}
        </Loaded>
        {open !== undefined && (
          <Deliveries key={open} webhookId={open} url={query.data?.items.find(({ webhook_id }) => webhook_id === open)?.url ?? ""} />
        )}
      </Stack>
      <Modal
        opened={adding}
        onClose={() => setAdding(false)}
        title={t("webhook.add")}
        closeButtonProps={{ "aria-label": t("action.close") }}
      >
        {adding && <NewWebhook onDone={() => setAdding(false)} />}
      </Modal>
    </Page>
  );
}

function NewWebhook({ onDone }: { readonly onDone: () => void }) {
  const { t } = useI18n();
  const { document } = useFeatures();
  const names = (bodySchema(document, "/api/webhooks", "post").properties?.["events"]?.items?.enum ?? []).map(String);
  const [url, setUrl] = useState("");
  const [events, setEvents] = useState<string[]>([]);
  const [error, setError] = useState<unknown>();
  const [secret, setSecret] = useState<string>();
  const why = error instanceof ApiError ? error.errors.find(({ field }) => field === "url")?.message : undefined;
  const save = () =>
    api.post("/api/webhooks", { body: { url: url.trim(), events } as Body<"/api/webhooks", "post"> }).then((made) => {
      outOfDate("/api/webhooks");
      setSecret(made.secret);
    }, setError);
  if (secret !== undefined)
    return (
      <Stack gap="sm">
        <Text size="sm">{t("webhook.secretOnce")}</Text>
        <Code block>{secret}</Code>
        <Group justify="flex-end">
          <CopyButton value={secret}>
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
    <form
      noValidate
      onSubmit={(event) => {
        event.preventDefault();
        void save();
      }}
    >
      <Stack gap="sm">
        <TextInput
          label={t("field.url")}
          placeholder="https://example.com/calls"
          type="url"
          withAsterisk
          data-autofocus
          value={url}
          error={why}
          onChange={({ currentTarget }) => setUrl(currentTarget.value)}
        />
        <MultiSelect
          size="sm"
          label={t("field.events")}
          description={t("webhook.eventsHint")}
          data={names}
          value={events}
          onChange={setEvents}
          searchable
        />
        <Problem error={error} shown={["url"]} />
        <Button type="submit">{t("webhook.add")}</Button>
      </Stack>
    </form>
  );
}

function Deliveries({ webhookId, url }: { readonly webhookId: string; readonly url: string }) {
  const { t, format } = useI18n();
  const { may } = useFeatures();
  const path = { webhook_id: webhookId };
  const [state, setState] = useState<Delivery["state"] | "">("");
  const [error, setError] = useState<unknown>();
  const query = useApi(
    "/api/webhooks/{webhook_id}/deliveries",
    { path, query: state === "" ? {} : { state } },
    { everyMs: EVERY_MS, keep: true },
  );
  const writable = may("webhooks:write");
  const columns = useMemo((): readonly Column<Delivery>[] => {
    const replay = (deliveryId: string) => {
      setError(undefined);
      api
        .post("/api/webhooks/{webhook_id}/deliveries/{delivery_id}/replay", { path: { webhook_id: webhookId, delivery_id: deliveryId } })
        .then(() => outOfDate("/api/webhooks"), setError);
    };
    return [
      { id: "at", title: t("gateway.at"), cell: ({ created_at }) => <span className="num">{format.moment(created_at)}</span> },
      { id: "event", title: t("webhook.event"), cell: ({ event }) => <span className="mono">{event}</span> },
      {
        id: "state",
        title: t("trunk.state"),
        cell: ({ state: how, status }) => (
          <State tone={TONE[how]}>{`${t(`webhook.state.${how}`)}${status === null ? "" : ` · ${status}`}`}</State>
        ),
      },
      { id: "problem", title: t("call.reason"), wide: true, cell: ({ problem }) => problem },
      { id: "tries", title: t("call.attempts"), end: true, wide: true, cell: ({ attempts }) => attempts },
      {
        id: "do",
        title: "",
        end: true,
        cell: ({ delivery_id, event, state: how }) =>
          writable &&
          how !== "pending" && (
            <Button size="compact-sm" variant="subtle" aria-label={`${t("webhook.replay")}: ${event}`} onClick={() => replay(delivery_id)}>
              {t("webhook.replay")}
            </Button>
          ),
      },
    ];
  }, [t, format, writable, webhookId]);
  const act = (run: Promise<unknown>) => {
    setError(undefined);
    run.then(() => outOfDate("/api/webhooks"), setError);
  };
  return (
    <Card
      title={t("webhook.deliveries")}
      flush
      actions={
        <Group gap="xs">
          {writable && (
            <Button size="xs" variant="default" onClick={() => act(api.post("/api/webhooks/{webhook_id}/test", { path }))}>
              {t("channel.test")}
            </Button>
          )}
          <Select
            size="xs"
            w={140}
            aria-label={t("trunk.state")}
            data={[
              { value: "", label: t("filter.all") },
              ...(["pending", "delivered", "dead"] as const).map((value) => ({ value, label: t(`webhook.state.${value}`) })),
            ]}
            value={state}
            onChange={(value) => setState((value ?? "") as Delivery["state"] | "")}
          />
        </Group>
      }
    >
      <Text size="sm" c="dimmed" px="md" style={{ overflowWrap: "anywhere" }}>
        {url}
      </Text>
      {writable && <Active webhookId={webhookId} />}
      <Problem error={error} />
      <Loaded query={query}>
        {({ items }) => (
          <DataTable
            label={t("webhook.deliveries")}
            columns={columns}
            rows={items}
            keyOf={({ delivery_id }) => delivery_id}
            empty={<Empty title={t("webhook.noDeliveries")} />}
          />
        )}
      </Loaded>
    </Card>
  );
}

function Active({ webhookId }: { readonly webhookId: string }) {
  const { t } = useI18n();
  const path = { webhook_id: webhookId };
  const query = useApi("/api/webhooks/{webhook_id}", { path });
  if (query.data === undefined) return null;
  const { active } = query.data;
  return (
    <div style={{ padding: "0.4rem 1rem" }}>
      <Checkbox
        size="xs"
        label={t("field.enabled")}
        checked={active}
        onChange={() =>
          void api.put("/api/webhooks/{webhook_id}", { path, body: { active: !active } }).then(() => outOfDate("/api/webhooks"))
        }
      />
    </div>
  );
}
