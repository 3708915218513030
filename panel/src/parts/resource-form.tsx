/** A new resource of tandem.yaml's kinds, or a change of one: only what was changed is sent, and only if nobody else was quicker. */
import { Button, Group } from "@mantine/core";
import { useState } from "react";
import { ask, askRaw, filled } from "../api/client.ts";
import { bodySchema, useFeatures } from "../api/features.ts";
import { outOfDate } from "../api/queries.ts";
import { useI18n } from "../i18n/i18n.tsx";
import { Problem } from "./basics.tsx";
import { SchemaForm, type Special, type Values } from "./schema-form.tsx";
import { fieldErrors } from "./field-errors.ts";

export interface ResourceKind {
  /** "/api/groups" */
  readonly path: string;
  /** "/api/groups/{name}" */
  readonly item: string;
  readonly id: "name" | "number";
  /** Fields that stand open, in this order. */
  readonly first: readonly string[];
  readonly special?: Special;
  readonly initial?: Values;
}
export interface Stored {
  readonly entry: Values;
  readonly etag: string | null;
}

const NOT_FIELDS = ["tenant", "managed_by"];
export const itemPath = ({ item, id }: ResourceKind, name: string): string => filled(item, { [id]: name });

export async function readStored(kind: ResourceKind, name: string): Promise<Stored> {
  const answer = await askRaw("get", itemPath(kind, name));
  return { entry: (await answer.json()) as Values, etag: answer.headers.get("etag") };
}

const same = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b);

export function ResourceForm({
  kind,
  stored,
  onDone,
  onCancel,
}: {
  readonly kind: ResourceKind;
  readonly stored?: Stored | undefined;
  readonly onDone: (name: string) => void;
  readonly onCancel?: () => void;
}) {
  const { t } = useI18n();
  const { document } = useFeatures();
  const before = stored?.entry ?? kind.initial ?? {};
  const [values, setValues] = useState<Values>(before);
  const [error, setError] = useState<unknown>();
  const [busy, setBusy] = useState(false);
  // The schema of a new one is plain; that of a change is the same with null for what goes.
  const schema = bodySchema(document, kind.path, "post");
  const errors = fieldErrors(error);
  const name = String(stored?.entry[kind.id] ?? values[kind.id] ?? "");
  const save = async () => {
    setBusy(true);
    setError(undefined);
    try {
      if (stored === undefined)
        await ask("post", kind.path, { body: Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) });
      else {
        const changed = Object.keys({ ...before, ...values }).filter(
          (field) => !NOT_FIELDS.includes(field) && !same(before[field], values[field]),
        );
        const body = Object.fromEntries(changed.map((field) => [field, values[field] ?? null]));
        await ask("put", itemPath(kind, name), { body, ...(stored.etag !== null && { headers: { "if-match": stored.etag } }) });
      }
      outOfDate(kind.path);
      onDone(name);
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
      <SchemaForm
        schema={schema}
        values={values}
        change={setValues}
        errors={errors}
        first={kind.first}
        hidden={NOT_FIELDS}
        locked={stored === undefined ? [] : [kind.id]}
        {...(kind.special !== undefined && { special: kind.special })}
      />
      <Problem error={error} shown={Object.keys(schema.properties ?? {})} />
      <Group mt="md" justify={onCancel === undefined ? "flex-start" : "flex-end"}>
        {onCancel !== undefined && (
          <Button variant="default" onClick={onCancel}>
            {t("action.cancel")}
          </Button>
        )}
        <Button type="submit" loading={busy}>
          {stored === undefined ? t("action.create") : t("action.save")}
        </Button>
      </Group>
    </form>
  );
}
