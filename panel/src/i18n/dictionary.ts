/** What a dictionary is. English says which keys there are; the others must have the same ones, or the types don't check. */
import type { en } from "./en.ts";

/** One form for each plural category that the language has (CLDR). */
export type Plural = { readonly other: string } & Readonly<Partial<Record<Intl.LDMLPluralRule, string>>>;
export type Key = keyof typeof en;
export type Dictionary = { readonly [K in Key]: (typeof en)[K] extends string ? string : Plural };

type Names<S> = S extends `${string}{${infer Name}}${infer Rest}` ? Name | Names<Rest> : never;
type Text<K extends Key> = (typeof en)[K] extends string ? (typeof en)[K] : (typeof en)[K] extends { readonly other: infer O } ? O : never;
/** Nothing where the text has no {place}; a plural counts by `count`. */
export type Values<K extends Key> = [Names<Text<K>>] extends [never] ? [] : [values: { readonly [N in Names<Text<K>>]: string | number }];

export const LANGUAGES = ["en", "ru", "uz"] as const;
export type Language = (typeof LANGUAGES)[number];
export const NAME_OF_LANGUAGE: Readonly<Record<Language, string>> = { en: "English", ru: "Русский", uz: "Oʻzbekcha" };

export function say(dictionary: Dictionary, language: Language, key: Key, values: Readonly<Record<string, string | number>> = {}): string {
  const entry = dictionary[key] as string | Plural;
  const numbers = new Intl.NumberFormat(language);
  const text =
    typeof entry === "string" ? entry : (entry[new Intl.PluralRules(language).select(Number(values["count"] ?? 0))] ?? entry.other);
  return text.replace(/\{(\w+)\}/g, (_, name: string) => {
    const value = values[name];
    return typeof value === "number" ? numbers.format(value) : (value ?? "");
  });
}
