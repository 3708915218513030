/** A change of something by the fields that its PUT takes: only what was said goes there. */
import { Button } from "@mantine/core";
import { useState } from "react";
import { ask, filled } from "../api/client.ts";
import { bodySchema, useFeatures } from "../api/features.ts";
import { outOfDate } from "../api/queries.ts";
import { useI18n } from "../i18n/i18n.tsx";
import { Problem } from "./basics.tsx";
import { fieldErrors } from "./field-errors.ts";
import { SchemaForm, type Values } from "./schema-form.tsx";

interface Props {
  /** As the OpenAPI file writes it: "/api/users/{name}". */
  readonly path: string;
  readonly of: Readonly<Record<string, string>>;
  /** As it is; fields that the PUT doesn't take don't matter. */
  readonly values: object;
  readonly stale: string;
  readonly onDone: () => void;
}

export function ChangeForm({ path, of, values: before, stale, onDone }: Props) {
  const { t } = useI18n();
  const { document } = useFeatures();
  const schema = bodySchema(document, path, "put");
  const names = Object.keys(schema.properties ?? {});
  const [values, setValues] = useState<Values>(() => Object.fromEntries(Object.entries(before).filter(([name]) => names.includes(name))));
  const [error, setError] = useState<unknown>();
  const [busy, setBusy] = useState(false);
  const save = async () => {
    setBusy(true);
    setError(undefined);
    try {
      await ask("put", filled(path, of), { body: values });
      outOfDate(stale);
      onDone();
    } catch (failure) {
      setError(failure);
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
      <SchemaForm schema={schema} values={values} change={setValues} errors={fieldErrors(error)} />
      <Problem error={error} shown={names} />
      <Button type="submit" mt="md" loading={busy}>
        {t("action.save")}
      </Button>
    </form>
  );
}
