/** The language of the page: what was chosen, else the browser's, else English. Others than English are loaded when wanted. */
import { type ReactNode, createContext, useContext, useEffect, useMemo, useState } from "react";
import { type Dictionary, type Key, LANGUAGES, type Language, type Values, say } from "./dictionary.ts";
import { en } from "./en.ts";
import { type Format, makeFormat } from "./format.ts";

const KEY = "tandem.language";
const isLanguage = (value: string | null): value is Language => LANGUAGES.some((one) => one === value);
const LOAD: Readonly<Record<Language, () => Promise<Dictionary>>> = {
  en: async () => en,
  ru: async () => (await import("./ru.ts")).ru,
  uz: async () => (await import("./uz.ts")).uz,
};

export type Say = <K extends Key>(key: K, ...values: Values<K>) => string;
export interface I18n {
  readonly language: Language;
  readonly t: Say;
  /** A key that is put together at run time; `instead` where there is none. */
  maybe(key: string, instead: string): string;
  readonly format: Format;
  setLanguage(language: Language): void;
}

const Context = createContext<I18n | undefined>(undefined);

export function useI18n(): I18n {
  const found = useContext(Context);
  if (found === undefined) throw new Error("outside of I18nProvider");
  return found;
}

function wantedLanguage(): Language {
  const chosen = localStorage.getItem(KEY);
  if (isLanguage(chosen)) return chosen;
  return navigator.languages.map((tag) => tag.split("-")[0] ?? "").find(isLanguage) ?? "en";
}

export function I18nProvider({ children }: { readonly children: ReactNode }) {
  const [loaded, setLoaded] = useState<{ readonly language: Language; readonly dictionary: Dictionary }>();
  const [wanted, setWanted] = useState(wantedLanguage);
  useEffect(() => {
    let late = false;
    void LOAD[wanted]().then((dictionary) => {
      if (late) return;
      document.documentElement.lang = wanted;
      setLoaded({ language: wanted, dictionary });
    });
    return () => {
      late = true;
    };
  }, [wanted]);
  const value = useMemo<I18n | undefined>(() => {
    if (loaded === undefined) return undefined;
    const { language, dictionary } = loaded;
    return {
      language,
      t: (key, ...[values]) => say(dictionary, language, key, values),
      maybe: (key, instead) => (key in dictionary ? say(dictionary, language, key as Key) : instead),
      format: makeFormat(language),
      setLanguage(next) {
        localStorage.setItem(KEY, next);
        setWanted(next);
      },
    };
  }, [loaded]);
  return value === undefined ? null : <Context value={value}>{children}</Context>;
}
