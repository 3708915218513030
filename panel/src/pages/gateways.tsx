/** Gateways: how each is, and what it is. */
import { Anchor, Checkbox, Stack, Text } from "@mantine/core";
import { Link, useNavigate, useParams } from "@tanstack/react-router";
import { useQuery } from "@tanstack/react-query";
import { useMemo, useState } from "react";
import { type Answer, ask } from "../api/client.ts";
import { useFeatures } from "../api/features.ts";
import { useApi } from "../api/queries.ts";
import { useI18n } from "../i18n/i18n.tsx";
import { Card, Loaded, Page, Pairs, Problem, State, Tile } from "../parts/basics.tsx";
import { type Column, DataTable } from "../parts/data-table.tsx";
import { Delete } from "../parts/delete.tsx";
import { ResourceForm, type ResourceKind, itemPath, readStored } from "../parts/resource-form.tsx";
import { ResourcePage } from "../parts/resource-page.tsx";
import { type FieldProps, JsonField, type Values } from "../parts/schema-form.tsx";
import { ListenerField } from "../parts/targets.tsx";
import { TrunkState } from "./trunk-state.tsx";

type Status = Answer<"/api/gateways/{name}/status">;
const EVERY_MS = 3_000;
const KIND: ResourceKind = {
  path: "/api/gateways",
  item: "/api/gateways/{name}",
  id: "name",
  special: { listener: (props) => <ListenerField {...props} />, probe: (props) => <ProbeField {...props} /> },
  first: ["name", "uri", "listener", "addresses", "username", "password", "calls_max", "codecs", "probe", "maintenance"],
};

export function Gateways() {
  const { t, format } = useI18n();
  const statuses = useApi("/api/gateways/status", undefined, { everyMs: EVERY_MS });
  const byName = useMemo(() => new Map((statuses.data?.items ?? []).map((status) => [status.name, status])), [statuses.data]);
  const columns = useMemo(
    (): readonly Column<Values>[] => [
      {
        id: "state",
        title: t("trunk.state"),
        by: ({ name }) => byName.get(String(name))?.state ?? "",
        cell: ({ name }) => <TrunkState status={byName.get(String(name))} />,
      },
      { id: "uri", title: t("field.uri"), wide: true, cell: ({ uri }) => <span className="mono">{String(uri ?? "–")}</span> },
      {
        id: "calls",
        title: t("nav.now"),
        end: true,
        cell: ({ name }) =>
          `${format.number(byName.get(String(name))?.active_calls ?? 0)} / ${format.number(byName.get(String(name))?.max_concurrent_calls)}`,
      },
    ],
    [t, format, byName],
  );
  return (
    <ResourcePage
      kind={KIND}
      columns={columns}
      link={linkTo}
      texts={{
        title: t("nav.gateways"),
        lead: t("gateways.lead"),
        add: t("gateways.add"),
        none: t("gateways.none"),
        noneHint: t("gateways.noneHint"),
      }}
    />
  );
}

const linkTo = (name: string) => (
  <Anchor component={Link} to={`/gateways/${name}`} size="sm">
    {name}
  </Anchor>
);

export function GatewayPage() {
  const { name } = useParams({ from: "/gateways/$name" });
  const { t } = useI18n();
  const { may } = useFeatures();
  const navigate = useNavigate();
  const status = useApi("/api/gateways/{name}/status", { path: { name } }, { everyMs: EVERY_MS });
  const stored = useQuery({ queryKey: [`/api/gateways/${name}`], queryFn: () => readStored(KIND, name) });
  const [saved, setSaved] = useState(0);
  const editable = may("resources:write") && stored.data !== undefined && stored.data.entry["managed_by"] !== "file";
  return (
    <Page
      title={name}
      lead={<TrunkState status={status.data} />}
      actions={
        editable && (
          <Delete
            name={name}
            text={t("delete.text")}
            run={() => ask("delete", itemPath(KIND, name))}
            stale="/api/gateways"
            onDone={() => void navigate({ to: "/gateways" })}
          />
        )
      }
    >
      <Stack gap="md">
        {/* One that was made a moment ago is not known to everybody yet. */}
        {status.data === undefined ? <Problem error={status.error} /> : <Health status={status.data} />}
        <Card title={t("trunk.settings")}>
          <Loaded query={stored}>
            {(one) =>
              editable ? (
                <>
                  <ResourceForm
                    key={`${one.etag}`}
                    kind={KIND}
                    stored={one}
                    onDone={() => {
                      setSaved(saved + 1);
                      void stored.refetch();
                    }}
                  />
                  <Text size="sm" role="status" mt="xs">
                    {saved > 0 ? t("state.saved") : ""}
                  </Text>
                </>
              ) : (
                <>
                  {one.entry["managed_by"] === "file" && (
                    <Text size="sm" c="dimmed" mb="sm">
                      {t("resource.inFile")}
                    </Text>
                  )}
                  <Said entry={one.entry} />
                </>
              )
            }
          </Loaded>
        </Card>
      </Stack>
    </Page>
  );
}

/** On or off; how often and what counts as an answer is JSON. */
function ProbeField(props: FieldProps) {
  const { label, value, set, error } = props;
  if (typeof value === "object" && value !== null) return <JsonField {...props} />;
  return <Checkbox label={label} error={error} checked={value === true} onChange={({ currentTarget }) => set(currentTarget.checked)} />;
}

/** What was said of it, and nothing of what wasn't. */
function Said({ entry }: { readonly entry: Values }) {
  const { maybe } = useI18n();
  const text = (value: unknown): string =>
    Array.isArray(value) ? value.map(text).join(", ") : typeof value === "object" && value !== null ? JSON.stringify(value) : String(value);
  return (
    <Pairs
      of={Object.entries(entry)
        .filter(([field]) => field !== "managed_by")
        .map(([field, value]) => [
          maybe(`field.${field}`, field),
          <span key={field} className="mono">
            {text(value)}
          </span>,
        ])}
    />
  );
}

function Health({ status }: { readonly status: Status }) {
  const { t, format } = useI18n();
  const columns = useMemo(
    (): readonly Column<Status["targets"][number]>[] => [
      { id: "target", title: t("call.address"), cell: ({ target }) => <span className="mono">{target}</span> },
      {
        id: "state",
        title: t("trunk.state"),
        cell: ({ is_up, cause }) => <State tone={is_up ? "good" : "bad"}>{is_up ? t("state.up") : cause || t("state.down")}</State>,
      },
      {
        id: "probe",
        title: t("gateway.probe"),
        cell: ({ probe }) =>
          probe === null
            ? "–"
            : `${probe.status === 0 ? probe.detail : probe.status} · ${format.number(probe.rtt_ms, 1)} ms · ${format.time(probe.at)}`,
      },
      {
        id: "samples",
        title: t("gateway.lately"),
        end: true,
        wide: true,
        cell: ({ succeeded, samples }) => (samples === 0 ? "–" : `${format.number(succeeded)} / ${format.number(samples)}`),
      },
    ],
    [t, format],
  );
  const history = useMemo(
    (): readonly Column<Status["history"][number]>[] => [
      { id: "at", title: t("gateway.at"), cell: ({ at }) => <span className="num">{format.moment(at)}</span> },
      {
        id: "what",
        title: t("trunk.state"),
        cell: ({ is_up }) => <State tone={is_up ? "good" : "bad"}>{is_up ? t("state.up") : t("state.down")}</State>,
      },
      { id: "why", title: t("call.reason"), cell: ({ reason, target }) => `${reason} (${target})` },
    ],
    [t, format],
  );
  return (
    <>
      <div className="tiles">
        <Tile name={t("overview.now")} value={`${format.number(status.active_calls)} / ${format.number(status.max_concurrent_calls)}`} />
        <Tile
          name={t("gateway.probes")}
          value={
            <Text component="span" fw={600}>
              {status.is_probed ? t("gateway.probed") : t("gateway.notProbed")}
            </Text>
          }
          note={status.reason || undefined}
        />
      </div>
      <Card title={t("trunk.targets")} flush>
        <DataTable
          label={t("trunk.targets")}
          columns={columns}
          rows={status.targets}
          keyOf={({ target }) => target}
          empty={
            <Text size="sm" c="dimmed" p="md" pt={0}>
              {t("trunk.noTargets")}
            </Text>
          }
        />
      </Card>
      <Card title={t("gateway.history")} flush>
        <DataTable
          label={t("gateway.history")}
          columns={history}
          rows={status.history}
          keyOf={({ at, target }) => `${at} ${target}`}
          empty={
            <Text size="sm" c="dimmed" p="md" pt={0}>
              {t("gateway.noHistory")}
            </Text>
          }
        />
      </Card>
    </>
  );
}
