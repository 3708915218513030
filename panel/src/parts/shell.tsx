/** The frame around all pages: where one can go, language, theme, leaving. Knows what this Tandem offers before it shows anything. */
import { ActionIcon, Button, Group, Select, Text, useComputedColorScheme, useMantineColorScheme } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { Link, Outlet, useRouterState } from "@tanstack/react-router";
import { Suspense, lazy, useEffect, useMemo, useState } from "react";
import { ask } from "../api/client.ts";
import { FeaturesContext, type Me, type OpenApi, makeFeatures, useFeatures } from "../api/features.ts";
import { useLiveEvents } from "../api/live.ts";
import { logOut } from "../api/session.ts";
import { LANGUAGES, type Language, NAME_OF_LANGUAGE } from "../i18n/dictionary.ts";
import { useI18n } from "../i18n/i18n.tsx";
import { Loading, Problem } from "./basics.tsx";
import { Icon, Logo } from "./icons.tsx";
import { PLACES, isShown } from "./navigation.ts";

const OwnPassword = lazy(async () => ({ default: (await import("./own-password.tsx")).OwnPassword }));

export function Shell() {
  const known = useQuery({
    queryKey: ["features"],
    staleTime: Number.POSITIVE_INFINITY,
    queryFn: async () => {
      const [document, me] = await Promise.all([ask("get", "/docs/openapi.json"), ask("get", "/api/auth/me")]);
      return makeFeatures(document as OpenApi, me as Me);
    },
  });
  if (known.data === undefined)
    return known.error === null ? <Loading /> : <Problem error={known.error} retry={() => void known.refetch()} />;
  return (
    <FeaturesContext value={known.data}>
      <Frame />
    </FeaturesContext>
  );
}

function Frame() {
  const { t } = useI18n();
  const [open, setOpen] = useState(false);
  const path = useRouterState({ select: ({ location }) => location.pathname });
  useLiveEvents();
  useEffect(() => setOpen(false), [path]);
  return (
    <>
      <a className="skip-link" href="#main">
        {t("nav.skip")}
      </a>
      <div className="frame">
        <div className="frame-top">
          <ActionIcon
            variant="subtle"
            color="gray"
            c="inherit"
            aria-label={t("nav.open")}
            aria-expanded={open}
            onClick={() => setOpen(true)}
          >
            <Icon name="menu" />
          </ActionIcon>
          <Link to="/" className="brand">
            <Logo size={22} /> Tandem
          </Link>
        </div>
        <Navigation open={open} close={() => setOpen(false)} path={path} />
        <main className="frame-main" id="main" tabIndex={-1} style={{ outline: "none" }}>
          <Suspense fallback={<Loading />}>
            <Outlet />
          </Suspense>
        </main>
      </div>
    </>
  );
}

function Navigation({ open, close, path }: { readonly open: boolean; readonly close: () => void; readonly path: string }) {
  const { t } = useI18n();
  const features = useFeatures();
  const groups = useMemo(
    () =>
      PLACES.map(({ name, places }) => ({ name, places: places.filter((place) => isShown(features, place)) })).filter(
        ({ places }) => places.length > 0,
      ),
    [features],
  );
  return (
    <nav
      className="frame-nav"
      data-open={open || undefined}
      aria-label={t("nav.main")}
      onKeyDown={({ key }) => key === "Escape" && close()}
    >
      <Group justify="space-between" wrap="nowrap">
        <Link to="/" className="brand">
          <Logo /> Tandem
        </Link>
        {open && (
          <ActionIcon variant="subtle" color="gray" c="inherit" aria-label={t("action.close")} onClick={close} autoFocus>
            <Icon name="close" />
          </ActionIcon>
        )}
      </Group>
      {groups.map(({ name, places }) => (
        <div key={name} role="group" aria-label={t(name)}>
          <div className="nav-group" aria-hidden="true">
            {t(name)}
          </div>
          {places.map((place) => {
            const here = place.to === "/" ? path === "/" : path === place.to || path.startsWith(`${place.to}/`);
            return (
              <Link key={place.to} to={place.to} className="nav-link" aria-current={here ? "page" : undefined}>
                <Icon name={place.icon} />
                {t(place.name)}
              </Link>
            );
          })}
        </div>
      ))}
      <div style={{ marginTop: "auto", paddingTop: "1.5rem" }}>
        <a href="/docs/" className="nav-link" style={{ marginBottom: 6 }}>
          <Icon name="docs" />
          {t("nav.docs")}
        </a>
        <Group gap={6} wrap="nowrap">
          <LanguageSelect />
          <ThemeSwitch />
        </Group>
        <Group justify="space-between" wrap="nowrap" mt="xs" gap={4}>
          <UserName />
          <Button
            size="compact-xs"
            variant="subtle"
            color="gray"
            c="inherit"
            leftSection={<Icon name="leave" size={14} />}
            onClick={logOut}
          >
            {t("action.logOut")}
          </Button>
        </Group>
      </div>
    </nav>
  );
}

/** Whoever logged in as a user may change his password here; a key has none. */
function UserName() {
  const { t } = useI18n();
  const { me, has } = useFeatures();
  const [opened, setOpened] = useState(false);
  const text = `${me.name.replace(/^user /, "")}${me.tenant === "*" ? "" : ` · ${me.tenant}`}`;
  if (!me.name.startsWith("user ") || !has("/api/auth/password", "post"))
    return (
      <Text size="xs" c="dimmed" truncate pl={4}>
        {text}
      </Text>
    );
  return (
    <>
      <Button
        size="compact-xs"
        variant="subtle"
        color="gray"
        c="dimmed"
        maw={120}
        title={t("password.title")}
        aria-label={`${text}: ${t("password.title")}`}
        onClick={() => setOpened(true)}
      >
        {text}
      </Button>
      <Suspense fallback={null}>{opened && <OwnPassword opened close={() => setOpened(false)} />}</Suspense>
    </>
  );
}

export function LanguageSelect() {
  const { t, language, setLanguage } = useI18n();
  return (
    <Select
      size="xs"
      aria-label={t("nav.language")}
      data={LANGUAGES.map((value) => ({ value, label: NAME_OF_LANGUAGE[value] }))}
      value={language}
      onChange={(value) => value !== null && setLanguage(value as Language)}
      style={{ flex: 1 }}
      comboboxProps={{ withinPortal: true }}
    />
  );
}

export function ThemeSwitch() {
  const { t } = useI18n();
  const { setColorScheme } = useMantineColorScheme();
  const dark = useComputedColorScheme("light", { getInitialValueInEffect: false }) === "dark";
  return (
    <ActionIcon
      variant="default"
      size={30}
      aria-label={dark ? t("nav.light") : t("nav.dark")}
      title={dark ? t("nav.light") : t("nav.dark")}
      onClick={() => setColorScheme(dark ? "light" : "dark")}
    >
      <Icon name={dark ? "sun" : "moon"} size={16} />
    </ActionIcon>
  );
}
