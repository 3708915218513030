/** Where a number or route leads: one gateway, group or trunk; and what a group is made of. Anything finer is written as JSON. */
import { ActionIcon, Button, Group, Input, NumberInput, Select, Stack, Text } from "@mantine/core";
import { useFeatures } from "../api/features.ts";
import { useAnything } from "../api/queries.ts";
import { useI18n } from "../i18n/i18n.tsx";
import { Icon } from "./icons.tsx";
import { type FieldProps, JsonField } from "./schema-form.tsx";

const KINDS = ["gateway", "group", "trunk"] as const;
type Kind = (typeof KINDS)[number];
const PATHS: Readonly<Record<Kind, string>> = { gateway: "/api/gateways", group: "/api/groups", trunk: "/api/trunks" };
const LISTED = 500;
type Entry = Readonly<Record<string, unknown>>;

/** [{group: "ai"}] or ["group ai"] → group ai */
export function targetText(to: unknown): string {
  const texts = (Array.isArray(to) ? to : to === undefined ? [] : [to]).map((one: unknown) => {
    if (typeof one !== "object" || one === null) return String(one);
    const entry = one as Entry;
    const kind = KINDS.find((name) => entry[name] !== undefined);
    return kind === undefined ? JSON.stringify(one) : `${kind} ${String(entry[kind])}`;
  });
  return texts.join(", ");
}

/** Undefined: it is more than one plain target. */
function plain(to: unknown): { readonly kind: Kind; readonly name: string } | undefined {
  const [first, second] = Array.isArray(to) ? (to as readonly unknown[]) : [to];
  if (first === undefined) return { kind: "gateway", name: "" };
  if (second !== undefined) return undefined;
  const found = typeof first === "string" ? /^(gateway|group|trunk) (\S+)$/.exec(first)?.slice(1) : undefined;
  if (found !== undefined) return { kind: found[0] as Kind, name: found[1] ?? "" };
  if (typeof first !== "object" || first === null || Object.keys(first).length !== 1) return undefined;
  const kind = KINDS.find((name) => name in first);
  return kind === undefined ? undefined : { kind, name: String((first as Entry)[kind]) };
}

function useNames(kind: Kind): readonly string[] {
  const query = useAnything<{ readonly items: readonly { readonly name?: string; readonly trunk_id?: string }[] }>(
    PATHS[kind],
    kind === "trunk" ? undefined : { limit: LISTED },
  );
  return [...new Set((query.data?.items ?? []).map(({ name, trunk_id }) => trunk_id ?? name ?? "").filter((name) => name !== ""))];
}

export function TargetField(props: FieldProps) {
  const { t } = useI18n();
  const { label, value, set, error, required } = props;
  const target = plain(value);
  const names = useNames(target?.kind ?? "gateway");
  if (target === undefined) return <JsonField {...props} />;
  return (
    <Input.Wrapper label={label} error={error} withAsterisk={required} labelElement="div">
      <Group gap="sm" mt={4} wrap="nowrap">
        <Select
          aria-label={t("target.kind")}
          w={130}
          data={KINDS.map((kind) => ({ value: kind, label: t(`field.${kind}`) }))}
          value={target.kind}
          onChange={(kind) => set([{ [kind ?? "gateway"]: "" }])}
        />
        <Select
          aria-label={`${label}: ${t(`field.${target.kind}`)}`}
          style={{ flex: 1 }}
          data={[...new Set([...names, ...(target.name === "" ? [] : [target.name])])]}
          value={target.name === "" ? null : target.name}
          placeholder={t("target.choose")}
          searchable
          nothingFoundMessage={t("target.none")}
          onChange={(name) => set([{ [target.kind]: name ?? "" }])}
        />
      </Group>
    </Input.Wrapper>
  );
}

const LISTENERS = "/api/listeners";

/** Names of the listeners; empty where this Tandem doesn't tell. */
export function useListeners(): readonly string[] {
  const { has } = useFeatures();
  const query = useAnything<{ readonly items: readonly { readonly name: string }[] }>(LISTENERS, undefined, { enabled: has(LISTENERS) });
  return query.data?.items.map(({ name }) => name) ?? [];
}

/** The one that is meant where none is said. */
export const usualListener = (names: readonly string[]): string | undefined => names.find((name) => name === "public") ?? names[0];

export function ListenerField({ label, value, set, error, required }: FieldProps) {
  const { t } = useI18n();
  const names = useListeners();
  const chosen = typeof value === "string" && value !== "" ? value : null;
  return (
    <Select
      label={label}
      description={t("hint.listener")}
      error={error}
      withAsterisk={required}
      data={[...new Set([...names, ...(chosen === null ? [] : [chosen])])]}
      value={chosen}
      placeholder={t("target.choose")}
      onChange={(next) => set(next ?? undefined)}
    />
  );
}

interface Member {
  readonly gateway: string;
  readonly priority?: number;
  readonly weight?: number;
}
const memberOf = (one: unknown): Member => (typeof one === "string" ? { gateway: one } : (one as Member));

export function MembersField({ label, value, set, error, required }: FieldProps) {
  const { t } = useI18n();
  const names = useNames("gateway");
  const members = (Array.isArray(value) ? value : []).map(memberOf);
  const change = (i: number, part: Partial<Member>) => set(members.map((one, at) => (at === i ? { ...one, ...part } : one)));
  return (
    <Input.Wrapper label={label} error={error} withAsterisk={required} labelElement="div">
      <Stack gap={6} mt={4}>
        {members.map(({ gateway, priority, weight }, i) => (
          <Group key={i} gap="xs" align="flex-end">
            <Select
              label={t("field.gateway")}
              style={{ flex: "1 1 11rem" }}
              data={[...new Set([...names, gateway])].filter((name) => name !== "")}
              value={gateway === "" ? null : gateway}
              placeholder={t("target.choose")}
              searchable
              onChange={(name) => change(i, { gateway: name ?? "" })}
            />
            <NumberInput
              label={t("field.priority")}
              w={92}
              min={0}
              max={1000}
              value={priority ?? 1}
              onChange={(next) => change(i, { priority: Number(next) })}
            />
            <NumberInput
              label={t("field.weight")}
              w={76}
              min={1}
              value={weight ?? 1}
              onChange={(next) => change(i, { weight: Number(next) })}
            />
            <ActionIcon
              variant="subtle"
              color="gray"
              c="inherit"
              size={34}
              aria-label={`${t("action.delete")}: ${gateway}`}
              onClick={() => set(members.filter((_, at) => at !== i))}
            >
              <Icon name="close" size={16} />
            </ActionIcon>
          </Group>
        ))}
        {members.length === 0 && (
          <Text size="sm" c="dimmed">
            {t("group.noMembers")}
          </Text>
        )}
        <div>
          <Button size="compact-sm" variant="default" onClick={() => set([...members, { gateway: "", priority: 1, weight: 1 }])}>
            {t("group.addMember")}
          </Button>
        </div>
      </Stack>
    </Input.Wrapper>
  );
}
