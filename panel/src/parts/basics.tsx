/** Small parts that every page has: its head, states, empty places, what went wrong. */
import { Alert, Button, Group, Loader, Text, Title } from "@mantine/core";
import type { ReactNode } from "react";
import { ApiError } from "../api/client.ts";
import { useI18n } from "../i18n/i18n.tsx";

export function Page({
  title,
  lead,
  actions,
  children,
}: {
  readonly title: ReactNode;
  readonly lead?: ReactNode;
  readonly actions?: ReactNode;
  readonly children: ReactNode;
}) {
  return (
    <>
      <Group justify="space-between" align="flex-start" mb="md" gap="sm">
        <div style={{ minWidth: 0 }}>
          <Title order={1} style={{ overflowWrap: "anywhere" }}>
            {title}
          </Title>
          {lead !== undefined && (
            <Text size="sm" c="dimmed" component="div">
              {lead}
            </Text>
          )}
        </div>
        {actions !== undefined && <Group gap="xs">{actions}</Group>}
      </Group>
      {children}
    </>
  );
}

export function Card({
  title,
  actions,
  children,
  flush = false,
}: {
  readonly title?: ReactNode;
  readonly actions?: ReactNode;
  readonly children: ReactNode;
  readonly flush?: boolean;
}) {
  return (
    <section className="card" style={{ minWidth: 0 }}>
      {title !== undefined && (
        <Group justify="space-between" px="md" pt="sm" pb={flush ? 6 : 0} gap="xs">
          <Title order={2}>{title}</Title>
          {actions}
        </Group>
      )}
      <div style={flush ? undefined : { padding: "0.7rem 1rem 1rem" }}>{children}</div>
    </section>
  );
}

export type Tone = "good" | "warn" | "bad" | "idle" | "accent";

/** A dot of the tone's colour and what it means in words. */
export function State({ tone, children }: { readonly tone: Tone; readonly children: ReactNode }) {
  return (
    <span className="state">
      <span className="dot" style={{ background: `var(--panel-${tone})` }} />
      {children}
    </span>
  );
}

export function Empty({
  title,
  children,
  action,
}: {
  readonly title: ReactNode;
  readonly children?: ReactNode;
  readonly action?: ReactNode;
}) {
  return (
    <div style={{ padding: "2.4rem 1.2rem", textAlign: "center", maxWidth: "34rem", margin: "0 auto" }}>
      <Text fw={600}>{title}</Text>
      {children !== undefined && (
        <Text size="sm" c="dimmed" mt={4} component="div">
          {children}
        </Text>
      )}
      {action !== undefined && <div style={{ marginTop: "1rem" }}>{action}</div>}
    </div>
  );
}

/** What the API said no to; @param shown fields whose errors stand beside them already */
export function Problem({
  error,
  shown = [],
  retry,
}: {
  readonly error: unknown;
  readonly shown?: readonly string[];
  readonly retry?: () => void;
}) {
  const { t, maybe } = useI18n();
  if (error === null || error === undefined) return null;
  const known = error instanceof ApiError ? error : undefined;
  const rest = known?.errors.filter(({ field }) => !shown.includes(field.split(/[.[]/)[0] ?? "")) ?? [];
  if (known !== undefined && known.errors.length > 0 && rest.length === 0) return null;
  return (
    <Alert
      variant="light"
      color="red"
      role="alert"
      title={maybe(`problem.${known?.code ?? ""}`, t("problem.title"))}
      my="sm"
      styles={{ title: { color: "var(--mantine-color-error)" } }}
    >
      <Text size="sm" style={{ overflowWrap: "anywhere" }}>
        {rest.length > 0
          ? rest.map(({ field, message }) => `${field}: ${message}`).join("; ")
          : known === undefined
            ? String(error)
            : known.status === 0
              ? t("problem.unreachable")
              : known.message}
      </Text>
      {known !== undefined && known.status >= 500 && known.requestId !== "" && (
        <Text size="xs" c="dimmed" mt={4}>
          {t("problem.requestId", { id: known.requestId })}
        </Text>
      )}
      {retry !== undefined && (
        <Button size="xs" variant="default" mt="xs" onClick={retry}>
          {t("action.retry")}
        </Button>
      )}
    </Alert>
  );
}

export function Loading() {
  const { t } = useI18n();
  return (
    <div style={{ padding: "2.5rem", textAlign: "center" }} role="status" aria-label={t("state.loading")}>
      <Loader size="sm" />
    </div>
  );
}

/** What a query has, or how it stands. */
export function Loaded<T>({
  query,
  children,
}: {
  readonly query: { readonly data: T | undefined; readonly error: unknown; refetch(): unknown };
  readonly children: (data: T) => ReactNode;
}) {
  if (query.data !== undefined) return <>{children(query.data)}</>;
  if (query.error !== null) return <Problem error={query.error} retry={() => void query.refetch()} />;
  return <Loading />;
}

export function Pairs({ of }: { readonly of: readonly (readonly [name: ReactNode, value: ReactNode] | undefined | false)[] }) {
  return (
    <dl className="pairs">
      {of
        .filter((pair) => pair !== undefined && pair !== false)
        .map(([name, value], i) => (
          <div key={i} style={{ display: "contents" }}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
    </dl>
  );
}

export function Tile({ name, value, note }: { readonly name: ReactNode; readonly value: ReactNode; readonly note?: ReactNode }) {
  return (
    <div className="card tile">
      <Text size="xs" c="dimmed">
        {name}
      </Text>
      <div className="tile-value">{value}</div>
      {note !== undefined && (
        <Text size="xs" c="dimmed">
          {note}
        </Text>
      )}
    </div>
  );
}
