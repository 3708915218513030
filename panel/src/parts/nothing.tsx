/** A path that is no page, and a page that failed. */
import { Button } from "@mantine/core";
import { Link } from "@tanstack/react-router";
import { useI18n } from "../i18n/i18n.tsx";
import { Card, Empty, Page, Problem } from "./basics.tsx";

export function NotFound() {
  const { t } = useI18n();
  return (
    <Page title={t("page.notFound")}>
      <Card>
        <Empty
          title={t("page.notFoundHint")}
          action={
            <Button component={Link} to="/">
              {t("nav.overview")}
            </Button>
          }
        />
      </Card>
    </Page>
  );
}

export function PageFailed({ error }: { readonly error: unknown }) {
  const { t } = useI18n();
  return (
    <Page title={t("problem.title")}>
      <Problem error={error} retry={() => location.reload()} />
    </Page>
  );
}
