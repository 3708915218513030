/** What each tenant, trunk, gateway and source may do at most, how much of it is used, and who is locked. */
import { Anchor, Button, Group, Modal, Text } from "@mantine/core";
import { useMemo, useState } from "react";
import { type Answer, type Body, api } from "../api/client.ts";
import { bodySchema, useFeatures } from "../api/features.ts";
import { outOfDate, useApi } from "../api/queries.ts";
import { useI18n } from "../i18n/i18n.tsx";
import { Card, Empty, Loaded, Page, Problem, State } from "../parts/basics.tsx";
import { type Column, DataTable } from "../parts/data-table.tsx";
import { SchemaForm, type Values } from "../parts/schema-form.tsx";
import { fieldErrors } from "../parts/field-errors.ts";

const LIMITS = "/api/limits";
const ONE = "/api/limits/{subject}/{name}";
type Limit = Answer<typeof LIMITS>["items"][number];
const EVERY_MS = 5_000;
const of = ({ subject, name }: Limit) => ({ path: { subject, name } });

export function Limits() {
  const { t, format } = useI18n();
  const { may, me } = useFeatures();
  const query = useApi(LIMITS, undefined, { everyMs: EVERY_MS });
  const [editing, setEditing] = useState<Limit>();
  const [error, setError] = useState<unknown>();
  // Limits bind a tenant: he does not lift his own.
  const writable = may("resources:write") && me.tenant === "*";
  const columns = useMemo((): readonly Column<Limit>[] => {
    const unlock = (limit: Limit) => {
      setError(undefined);
      api.post("/api/limits/{subject}/{name}/unlock", of(limit)).then(() => outOfDate(LIMITS), setError);
    };
    const used = (now: number, most: number | null): string => `${format.number(now)} / ${most === null ? "∞" : format.number(most)}`;
    return [
      {
        id: "name",
        title: t("limit.of"),
        by: ({ subject, name }) => `${subject} ${name}`,
        cell: (limit) => {
          const text = `${t(`subject.${limit.subject}`)} ${limit.name}`;
          return writable ? (
            <Anchor component="button" type="button" size="sm" ta="left" onClick={() => setEditing(limit)}>
              {text}
            </Anchor>
          ) : (
            text
          );
        },
      },
      {
        id: "state",
        title: t("trunk.state"),
        by: ({ locked_until }) => locked_until ?? "",
        cell: (limit) =>
          limit.locked_until === null ? (
            <State tone="good">{t("limit.open")}</State>
          ) : (
            <Group gap="xs" wrap="nowrap">
              <span title={limit.lock_reason}>
                <State tone="bad">{t("limit.locked", { at: format.moment(limit.locked_until) })}</State>
              </span>
              {writable && (
                <Button
                  size="compact-xs"
                  variant="default"
                  onClick={() => unlock(limit)}
                  aria-label={`${t("limit.unlock")}: ${limit.name}`}
                >
                  {t("limit.unlock")}
                </Button>
              )}
            </Group>
          ),
      },
      {
        id: "calls",
        title: t("nav.now"),
        end: true,
        by: ({ active_calls }) => active_calls,
        cell: ({ active_calls, limits }) => used(active_calls, limits.calls_max),
      },
      {
        id: "rate",
        title: t("field.calls_per_second"),
        end: true,
        wide: true,
        cell: ({ limits }) => (limits.calls_per_second === null ? "∞" : format.number(limits.calls_per_second)),
      },
      {
        id: "minutes",
        title: t("limit.minutesToday"),
        end: true,
        by: ({ minutes_today }) => minutes_today,
        cell: ({ minutes_today, limits }) => used(minutes_today, limits.minutes_per_day),
      },
      { id: "premium", title: t("field.premium"), wide: true, cell: ({ limits }) => t(`choice.${limits.premium}`) },
    ];
  }, [t, format, writable]);
  return (
    <Page title={t("nav.limits")} lead={t("limit.lead")}>
      <Problem error={error} />
      <Loaded query={query}>
        {({ items }) => (
          <Card flush>
            <DataTable
              label={t("nav.limits")}
              columns={columns}
              rows={items}
              keyOf={({ subject, name }) => `${subject} ${name}`}
              empty={<Empty title={t("limit.none")} />}
            />
          </Card>
        )}
      </Loaded>
      <Modal
        opened={editing !== undefined}
        onClose={() => setEditing(undefined)}
        size="lg"
        title={editing === undefined ? "" : `${t(`subject.${editing.subject}`)} ${editing.name}`}
        closeButtonProps={{ "aria-label": t("action.close") }}
      >
        {editing !== undefined && <LimitForm limit={editing} onDone={() => setEditing(undefined)} />}
      </Modal>
    </Page>
  );
}

/** Null and empty lists are what wasn't said. */
const said = (limits: Limit["limits"]): Values =>
  Object.fromEntries(
    Object.entries(limits).filter(([, value]) => value !== null && value !== true && !(Array.isArray(value) && value.length === 0)),
  );

function LimitForm({ limit, onDone }: { readonly limit: Limit; readonly onDone: () => void }) {
  const { t } = useI18n();
  const { document } = useFeatures();
  const schema = bodySchema(document, ONE, "put");
  const [values, setValues] = useState<Values>(said(limit.limits));
  const [error, setError] = useState<unknown>();
  const errors = fieldErrors(error);
  const finish = () => {
    outOfDate(LIMITS);
    onDone();
  };
  // A list that was emptied is said to be empty; what else isn't there isn't said.
  const body = Object.fromEntries(
    Object.entries(values).flatMap(([field, value]) =>
      value !== undefined ? [[field, value]] : Array.isArray(limit.limits[field as keyof Limit["limits"]]) ? [[field, []]] : [],
    ),
  ) as Body<typeof ONE, "put">;
  return (
    <form
      noValidate
      onSubmit={(event) => {
        event.preventDefault();
        void api.put(ONE, { ...of(limit), body }).then(finish, setError);
      }}
    >
      <SchemaForm
        schema={schema}
        values={values}
        change={setValues}
        errors={errors}
        first={[
          "calls_max",
          "calls_per_second",
          "minutes_per_day",
          "premium",
          "allowed_prefixes",
          "denied_prefixes",
          "allowed_countries",
          "denied_countries",
        ]}
      />
      <Problem error={error} shown={Object.keys(schema.properties ?? {})} />
      {limit.is_set && (
        <Text size="sm" c="dimmed" mt="sm">
          {t("limit.isSet")}
        </Text>
      )}
      <Group justify="flex-end" mt="md">
        {limit.is_set && (
          <Button variant="default" onClick={() => void api.delete(ONE, of(limit)).then(finish, setError)}>
            {t("limit.reset")}
          </Button>
        )}
        <Button type="submit">{t("action.save")}</Button>
      </Group>
    </form>
  );
}
