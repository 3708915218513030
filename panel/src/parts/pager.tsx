/** Back and next of a list that comes in pages. */
import { Button, Group } from "@mantine/core";
import { useI18n } from "../i18n/i18n.tsx";

export function Pager({ onBack, onNext }: { readonly onBack: (() => void) | undefined; readonly onNext: (() => void) | undefined }) {
  const { t } = useI18n();
  if (onBack === undefined && onNext === undefined) return null;
  return (
    <Group justify="flex-end" mt="sm" gap="xs">
      <Button size="xs" variant="default" disabled={onBack === undefined} onClick={onBack}>
        {t("action.back")}
      </Button>
      <Button size="xs" variant="default" disabled={onNext === undefined} onClick={onNext}>
        {t("action.next")}
      </Button>
    </Group>
  );
}
