/**
 * Inputs for the fields that a schema of the OpenAPI file names. The first ones stand open, the others behind a button.
 * What has no input of its own is written as JSON.
 */
import {
  Button,
  Checkbox,
  Collapse,
  MultiSelect,
  NumberInput,
  PasswordInput,
  Select,
  SimpleGrid,
  Stack,
  TagsInput,
  TextInput,
  Textarea,
} from "@mantine/core";
import { type ReactNode, useEffect, useState } from "react";
import { type JsonSchema, resolve, useFeatures } from "../api/features.ts";
import { useI18n } from "../i18n/i18n.tsx";

export type Values = Readonly<Record<string, unknown>>;
export interface FieldProps {
  readonly label: string;
  readonly value: unknown;
  /** Undefined: as if it had never been said. */
  readonly set: (value: unknown) => void;
  readonly error: string | undefined;
  readonly required: boolean;
}
export type Special = Readonly<Record<string, (props: FieldProps) => ReactNode>>;

interface Props {
  readonly schema: JsonSchema;
  readonly values: Values;
  readonly change: (values: Values) => void;
  /** By the field's name. */
  readonly errors: Readonly<Record<string, string>>;
  /** In this order; without it: all. */
  readonly first?: readonly string[];
  readonly hidden?: readonly string[];
  readonly locked?: readonly string[];
  readonly special?: Special;
}

const WIDE_KINDS: readonly Kind[] = ["json"];

export function SchemaForm({ schema, values, change, errors, first, hidden = [], locked = [], special = {} }: Props) {
  const { t } = useI18n();
  const { document } = useFeatures();
  const [more, setMore] = useState(false);
  const properties = schema.properties ?? {};
  const names = Object.keys(properties).filter((name) => !hidden.includes(name));
  const early = first?.filter((name) => names.includes(name)) ?? names;
  const late = names.filter((name) => !early.includes(name));
  const lateError = late.some((name) => errors[name] !== undefined);
  useEffect(() => {
    if (lateError) setMore(true);
  }, [lateError]);
  const field = (name: string): ReactNode => {
    const one = resolve(document, properties[name]);
    const kind = kindOf(one);
    return (
      <div key={name} style={WIDE_KINDS.includes(kind) ? { gridColumn: "1 / -1" } : undefined}>
        <Field
          name={name}
          schema={one}
          special={special[name]}
          value={values[name]}
          set={(value) => change({ ...values, [name]: value })}
          error={errors[name]}
          required={schema.required?.includes(name) === true}
          locked={locked.includes(name)}
        />
      </div>
    );
  };
  return (
    <Stack gap="sm">
      <SimpleGrid cols={{ base: 1, xs: 2 }} spacing="sm" verticalSpacing="sm">
        {early.map(field)}
      </SimpleGrid>
      {late.length > 0 && (
        <>
          <div>
            <Button size="compact-sm" variant="subtle" aria-expanded={more} onClick={() => setMore(!more)}>
              {more ? t("form.less") : t("form.more", { count: late.length })}
            </Button>
          </div>
          <Collapse expanded={more}>
            <SimpleGrid cols={{ base: 1, xs: 2 }} spacing="sm" verticalSpacing="sm">
              {more && late.map(field)}
            </SimpleGrid>
          </Collapse>
        </>
      )}
    </Stack>
  );
}

type Kind = "choice" | "choices" | "yes-no" | "number" | "text" | "secret" | "texts" | "json";

function kindOf(schema: JsonSchema): Kind {
  const types = [schema.type ?? []].flat();
  const options = [...(schema.anyOf ?? []), ...(schema.oneOf ?? [])].filter(({ type }) => type !== "null");
  if (schema.enum !== undefined) return "choice";
  if (options.length === 1) return kindOf(options[0]!);
  if (options.length > 1) return "json";
  if (types.includes("boolean")) return "yes-no";
  if (types.includes("integer") || types.includes("number")) return "number";
  if (types.includes("array"))
    return schema.items?.enum !== undefined ? "choices" : [schema.items?.type ?? []].flat().includes("string") ? "texts" : "json";
  if (types.includes("string"))
    return schema.writeOnly === true || schema.description?.startsWith("Never returned") === true ? "secret" : "text";
  return "json";
}

const list = (value: unknown): string[] =>
  Array.isArray(value) ? value.map(String) : value === undefined || value === null ? [] : [String(value)];

function Field({
  name,
  schema,
  special,
  value,
  set,
  error,
  required,
  locked,
}: { readonly name: string; readonly schema: JsonSchema; readonly special: Special[string] | undefined; readonly locked: boolean } & Omit<
  FieldProps,
  "label"
>) {
  const { t, maybe } = useI18n();
  const label = maybe(`field.${name}`, name);
  if (special !== undefined) return special({ label, value, set, error, required });
  const hint = maybe(`hint.${name}`, "");
  const shared = { label, error, withAsterisk: required, disabled: locked, ...(hint !== "" && { description: hint }) };
  const fallback = schema.default === undefined || typeof schema.default === "object" ? t("field.unset") : String(schema.default);
  switch (kindOf(schema)) {
    case "choice":
      return (
        <Select
          {...shared}
          data={(schema.enum ?? [])
            .filter((one) => one !== null)
            .map((one) => ({ value: String(one), label: maybe(`choice.${one}`, String(one)) }))}
          value={typeof value === "string" ? value : null}
          placeholder={maybe(`choice.${fallback}`, fallback)}
          clearable={!required}
          onChange={(next) => set(next ?? undefined)}
        />
      );
    case "choices":
      return (
        <MultiSelect
          {...shared}
          size="sm"
          data={(schema.items?.enum ?? []).map((one) => ({ value: String(one), label: maybe(`choice.${one}`, String(one)) }))}
          value={list(value)}
          onChange={(next) => set(next.length === 0 ? undefined : next)}
          searchable
        />
      );
    case "yes-no":
      return (
        <Checkbox
          label={label}
          description={hint}
          error={error}
          disabled={locked}
          checked={value === undefined ? schema.default === true : value === true}
          onChange={({ currentTarget }) => set(currentTarget.checked)}
          mt={26}
        />
      );
    case "number":
      return (
        <NumberInput
          {...shared}
          value={typeof value === "number" ? value : typeof value === "string" && value !== "" ? Number(value) : ""}
          placeholder={fallback}
          min={schema.minimum}
          max={schema.maximum}
          onChange={(next) => set(next === "" ? undefined : Number(next))}
        />
      );
    case "texts":
      return (
        <TagsInput
          {...shared}
          size="sm"
          value={list(value)}
          onChange={(next) => set(next.length === 0 ? undefined : next)}
          splitChars={[","]}
        />
      );
    case "secret":
      return (
        <PasswordInput
          {...shared}
          value={String(value ?? "")}
          autoComplete="new-password"
          visibilityToggleButtonProps={{ "aria-label": t("login.showPassword") }}
          onChange={({ currentTarget }) => set(currentTarget.value === "" ? undefined : currentTarget.value)}
        />
      );
    case "text":
      return (
        <TextInput
          {...shared}
          value={String(value ?? "")}
          placeholder={schema.default === undefined ? undefined : fallback}
          autoComplete="off"
          spellCheck={false}
          onChange={({ currentTarget }) => set(currentTarget.value === "" ? undefined : currentTarget.value)}
        />
      );
    case "json":
      return <JsonField label={label} value={value} set={set} error={error} required={required} />;
  }
}

export function JsonField({ label, value, set, error, required }: FieldProps) {
  const { t } = useI18n();
  const written = value === undefined ? "" : JSON.stringify(value, undefined, 1);
  const [text, setText] = useState(written);
  const [wrong, setWrong] = useState(false);
  useEffect(() => setText(written), [written]);
  const read = () => {
    try {
      set(text.trim() === "" ? undefined : JSON.parse(text));
      setWrong(false);
    } catch {
      setWrong(true);
    }
  };
  return (
    <Textarea
      label={label}
      description="JSON"
      withAsterisk={required}
      classNames={{ input: "mono" }}
      autosize
      minRows={1}
      maxRows={10}
      spellCheck={false}
      value={text}
      error={wrong ? t("form.notJson") : error}
      onChange={({ currentTarget }) => setText(currentTarget.value)}
      onBlur={read}
    />
  );
}
