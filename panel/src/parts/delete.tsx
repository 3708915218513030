/** A button that asks before something goes. */
import { Button, Group, Modal, Text } from "@mantine/core";
import { useState } from "react";
import { outOfDate } from "../api/queries.ts";
import { useI18n } from "../i18n/i18n.tsx";
import { Problem } from "./basics.tsx";

interface Props {
  readonly name: string;
  readonly text: string;
  readonly run: () => Promise<unknown>;
  /** What lists it. */
  readonly stale: string;
  readonly onDone?: () => void;
}

export function Delete({ name, text, run, stale, onDone }: Props) {
  const { t } = useI18n();
  const [asking, setAsking] = useState(false);
  const [error, setError] = useState<unknown>();
  const go = async () => {
    try {
      await run();
      setAsking(false);
      outOfDate(stale);
      onDone?.();
    } catch (failure) {
      setError(failure);
    }
  };
  return (
    <>
      <Button
        size="compact-sm"
        variant="subtle"
        color="gray"
        c="var(--mantine-color-error)"
        aria-label={`${t("action.delete")}: ${name}`}
        onClick={() => setAsking(true)}
      >
        {t("action.delete")}
      </Button>
      <Modal
        opened={asking}
        onClose={() => setAsking(false)}
        title={t("delete.title", { name })}
        closeButtonProps={{ "aria-label": t("action.close") }}
      >
        <Text size="sm" ta="left">
          {text}
        </Text>
        <Problem error={error} />
        <Group justify="flex-end" mt="md">
          <Button variant="default" onClick={() => setAsking(false)}>
            {t("action.cancel")}
          </Button>
          <Button color="red.8" onClick={() => void go()}>
            {t("action.delete")}
          </Button>
        </Group>
      </Modal>
    </>
  );
}
