/** A name that leads to what may be changed of it. */
import { Anchor } from "@mantine/core";
import { useI18n } from "../i18n/i18n.tsx";
import { State } from "./basics.tsx";

export function Opens({ name, disabled, open }: { readonly name: string; readonly disabled: boolean; readonly open: () => void }) {
  const { t } = useI18n();
  return (
    <>
      <Anchor component="button" type="button" size="sm" onClick={open}>
        {name}
      </Anchor>
      {disabled && <State tone="bad">{` ${t("field.disabled")}`}</State>}
    </>
  );
}
