/** The first call, step by step: the carrier, the number, where its calls go, and a call that proves it. */
import { Anchor, Button, Group, Radio, Select, Stack, Text, TextInput } from "@mantine/core";
import { Link } from "@tanstack/react-router";
import { type ReactNode, useState } from "react";
import { ApiError, ask } from "../api/client.ts";
import { useFeatures } from "../api/features.ts";
import { outOfDate, useAnything, useApi } from "../api/queries.ts";
import { useI18n } from "../i18n/i18n.tsx";
import { Page, Problem, State } from "../parts/basics.tsx";
import { useListeners, usualListener } from "../parts/targets.tsx";
import { TONE_OF_STATUS, useActiveCalls } from "./calls.tsx";
import { TrunkForm } from "./trunk-form.tsx";

const NUMBER = /^\+[1-9][0-9]{6,14}$/;
const DIDS = "/api/dids";
const GATEWAYS = "/api/gateways";
type Named = { readonly items: readonly { readonly name: string }[] };

export function Guide() {
  const { t } = useI18n();
  const { has } = useFeatures();
  const trunks = useApi("/api/trunks");
  const [another, setAnother] = useState(false);
  const [trunk, setTrunk] = useState<string>();
  const [number, setNumber] = useState<string>();
  const [ready, setReady] = useState(false);
  const complete = has(DIDS, "post") && has(GATEWAYS, "post");
  const chosen = trunk ?? (another ? undefined : trunks.data?.items[0]?.trunk_id);
  const step = chosen === undefined ? 1 : !complete ? 4 : number === undefined ? 2 : ready ? 4 : 3;
  return (
    <Page title={t("nav.guide")} lead={t("guide.lead")}>
      <Stack gap="md" maw={720}>
        <Step
          n={1}
          at={step}
          title={t("guide.carrier")}
          done={
            chosen !== undefined && (
              <Group gap="sm">
                <Anchor component={Link} to={`/trunks/${chosen}`} size="sm">
                  {chosen}
                </Anchor>
                <Button
                  size="compact-xs"
                  variant="default"
                  onClick={() => {
                    setTrunk(undefined);
                    setAnother(true);
                  }}
                >
                  {t("guide.anotherCarrier")}
                </Button>
              </Group>
            )
          }
        >
          <Text size="sm" c="dimmed" mb="sm">
            {t("guide.carrierHint")}
          </Text>
          <TrunkForm short submit={t("guide.next")} onDone={({ trunk_id }) => setTrunk(trunk_id)} />
        </Step>
        {complete && (
          <Step n={2} at={step} title={t("guide.number")} done={number !== undefined && <span className="mono">{number}</span>}>
            <NumberStep onDone={setNumber} />
          </Step>
        )}
        {complete && (
          <Step n={3} at={step} title={t("guide.where")} done={ready && <State tone="good">{t("guide.routed")}</State>}>
            <WhereStep number={number ?? ""} onDone={() => setReady(true)} />
          </Step>
        )}
        <Step n={complete ? 4 : 2} at={step === 4 && !complete ? 2 : step} title={t("guide.test")} done={false}>
          <TestStep number={number} />
        </Step>
      </Stack>
    </Page>
  );
}

function Step({
  n,
  at,
  title,
  done,
  children,
}: {
  readonly n: number;
  readonly at: number;
  readonly title: string;
  readonly done: ReactNode;
  readonly children: ReactNode;
}) {
  const open = n === at;
  return (
    <section className="card" aria-current={open ? "step" : undefined} style={{ padding: "0.8rem 1rem" }}>
      <Group gap="sm">
        <span
          aria-hidden="true"
          style={{
            width: 26,
            height: 26,
            borderRadius: "50%",
            display: "grid",
            placeItems: "center",
            fontSize: 13,
            fontWeight: 600,
            flex: "none",
            background: n <= at ? "#0f766e" : "transparent",
            color: n <= at ? "#fff" : "var(--mantine-color-dimmed)",
            border: "1px solid",
            borderColor: n <= at ? "#0f766e" : "var(--panel-line)",
          }}
        >
          {n < at ? "✓" : n}
        </span>
        <Text component="h2" fw={600} c={n > at ? "dimmed" : undefined} style={{ margin: 0 }}>
          {title}
        </Text>
        {n < at && done}
      </Group>
      {open && <div style={{ paddingTop: "0.8rem" }}>{children}</div>}
    </section>
  );
}

function NumberStep({ onDone }: { readonly onDone: (number: string) => void }) {
  const { t } = useI18n();
  const [text, setText] = useState("");
  const [error, setError] = useState("");
  return (
    <form
      noValidate
      onSubmit={(event) => {
        event.preventDefault();
        const plain = text.replace(/[\s().-]/g, "");
        if (NUMBER.test(plain)) onDone(plain);
        else setError(t("guide.numberWrong"));
      }}
    >
      <Stack gap="sm" align="flex-start">
        <TextInput
          label={t("field.number")}
          description={t("guide.numberHint")}
          placeholder="+15551234567"
          type="tel"
          value={text}
          onChange={({ currentTarget }) => setText(currentTarget.value)}
          error={error}
          w="min(22rem, 100%)"
        />
        <Button type="submit">{t("guide.next")}</Button>
      </Stack>
    </form>
  );
}

function WhereStep({ number, onDone }: { readonly number: string; readonly onDone: () => void }) {
  const { t } = useI18n();
  const gateways = useAnything<Named>(GATEWAYS, { limit: 200 });
  const names = gateways.data?.items.map(({ name }) => name) ?? [];
  const [kind, setKind] = useState<"old" | "new">();
  const isNew = (kind ?? (names.length > 0 ? "old" : "new")) === "new";
  const [gateway, setGateway] = useState<string>();
  const [name, setName] = useState("");
  const [uri, setUri] = useState("");
  const [listener, setListener] = useState<string>();
  const [error, setError] = useState<unknown>();
  const [busy, setBusy] = useState(false);
  const listenerNames = useListeners();
  const usual = usualListener(listenerNames);
  const refused = (field: string): string | undefined =>
    error instanceof ApiError ? error.errors.find((one) => one.field === field || one.field.startsWith(`${field}.`))?.message : undefined;
  const save = async () => {
    setBusy(true);
    setError(undefined);
    const target = isNew ? name.trim() : (gateway ?? names[0] ?? "");
    try {
      if (isNew && !names.includes(target)) {
        const where = uri.trim();
        const said = listener ?? usual;
        await ask("post", GATEWAYS, {
          body: { name: target, uri: /^sips?:/.test(where) ? where : `sip:${where}`, ...(said !== undefined && { listener: said }) },
        });
        outOfDate(GATEWAYS);
      }
      await ask("post", DIDS, { body: { number, to: { gateway: target } } });
      outOfDate(DIDS);
      onDone();
    } catch (failure) {
      setError(failure);
    } finally {
      setBusy(false);
    }
  };
  return (
    <form
      noValidate
      onSubmit={(event) => {
        event.preventDefault();
        void save();
      }}
    >
      <Stack gap="sm">
        {names.length > 0 && (
          <Radio.Group value={isNew ? "new" : "old"} onChange={(value) => setKind(value as "old" | "new")} label={t("guide.gateway")}>
            <Group mt={6}>
              <Radio value="old" label={t("guide.gatewayOld")} />
              <Radio value="new" label={t("guide.gatewayNew")} />
            </Group>
          </Radio.Group>
        )}
        {isNew ? (
          <Group gap="sm" align="flex-start" grow preventGrowOverflow={false}>
            <TextInput
              label={t("field.name")}
              description={t("hint.trunk_id")}
              value={name}
              onChange={({ currentTarget }) => setName(currentTarget.value)}
              error={refused("name")}
              miw={180}
              spellCheck={false}
            />
            <TextInput
              label={t("guide.gatewayUri")}
              description={t("guide.gatewayUriHint")}
              placeholder="my.sip.livekit.cloud;transport=tcp"
              value={uri}
              onChange={({ currentTarget }) => setUri(currentTarget.value)}
              error={refused("uri")}
              miw={220}
              spellCheck={false}
            />
            {listenerNames.length > 1 && (
              <Select
                label={t("field.listener")}
                description={t("hint.listener")}
                data={listenerNames}
                value={listener ?? usual ?? null}
                onChange={(value) => setListener(value ?? undefined)}
                miw={140}
              />
            )}
          </Group>
        ) : (
          <Select
            label={t("guide.gateway")}
            data={names}
            value={gateway ?? names[0] ?? null}
            onChange={(value) => setGateway(value ?? undefined)}
            maw={320}
          />
        )}
        <Problem error={error} shown={["name", "uri"]} />
        <div>
          <Button type="submit" loading={busy}>
            {t("guide.next")}
          </Button>
        </div>
      </Stack>
    </form>
  );
}

function TestStep({ number }: { readonly number: string | undefined }) {
  const { t } = useI18n();
  const calls = useActiveCalls();
  const [seen, setSeen] = useState<string>();
  const call = calls.data?.items.find(({ to_number }) => number === undefined || to_number === number);
  if (call !== undefined && call.call_id !== seen) setSeen(call.call_id);
  return (
    <>
      <Text size="sm">{number === undefined ? t("guide.testAny") : t("guide.testNumber", { number })}</Text>
      <Text size="sm" c="dimmed" mt={4}>
        {t("guide.testElse", { command: `./tandem call ${number ?? "+15551234567"}` })}
      </Text>
      <Group mt="sm" gap="sm" role="status">
        {call !== undefined ? (
          <State tone={TONE_OF_STATUS[call.status]}>{`${call.from_number} → ${call.to_number}: ${t(`call.state.${call.status}`)}`}</State>
        ) : (
          <State tone={seen === undefined ? "idle" : "good"}>{seen === undefined ? t("guide.waiting") : t("guide.ended")}</State>
        )}
        {seen !== undefined && (
          <Anchor component={Link} to={`/calls/${seen}`} size="sm">
            {t("guide.look")}
          </Anchor>
        )}
      </Group>
    </>
  );
}
