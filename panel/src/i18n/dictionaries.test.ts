import assert from "node:assert/strict";
import { test } from "node:test";
import { type Dictionary, type Key, LANGUAGES, type Language, type Plural, say } from "./dictionary.ts";
import { en } from "./en.ts";
import { makeFormat } from "./format.ts";
import { ru } from "./ru.ts";
import { uz } from "./uz.ts";

const ALL: Readonly<Record<Language, Dictionary>> = { en, ru, uz };
const KEYS = Object.keys(en) as Key[];
const placesIn = (text: string): string =>
  [...text.matchAll(/\{(\w+)\}/g)]
    .map(([, name]) => name!)
    .sort()
    .join();
const formsOf = (entry: string | Plural): readonly string[] => (typeof entry === "string" ? [entry] : Object.values(entry));

for (const language of LANGUAGES) {
  const dictionary = ALL[language];

  test(`${language} says all that English says, and nothing else`, () => {
    assert.deepEqual(Object.keys(dictionary).sort(), [...KEYS].sort());
  });

  test(`${language} has a text for each key, with the same places to fill in`, () => {
    for (const key of KEYS) {
      const places = placesIn(formsOf(en[key] as string | Plural).at(-1)!);
      for (const form of formsOf(dictionary[key] as string | Plural)) {
        assert.notEqual(form.trim(), "", key);
        for (const place of placesIn(form).split(","))
          assert.ok(place === "" || places.split(",").includes(place), `${key}: {${place}} is nothing in English`);
      }
      if (typeof dictionary[key] === "string") assert.equal(placesIn(dictionary[key]), places, key);
    }
  });

  test(`${language} counts with every plural category that it has`, () => {
    const categories = new Intl.PluralRules(language).resolvedOptions().pluralCategories;
    for (const key of KEYS) {
      const entry = dictionary[key] as string | Plural;
      if (typeof entry !== "string") for (const category of categories) assert.ok(entry[category] !== undefined, `${key}: ${category}`);
    }
  });
}

test("Russian counts as Russians do", () => {
  const counted = [1, 2, 5, 11, 21, 1_000].map((count) => say(ru, "ru", "calls.count", { count }).replaceAll(/\s/g, " "));
  assert.deepEqual(counted, ["1 звонок", "2 звонка", "5 звонков", "11 звонков", "21 звонок", "1 000 звонков"]);
});

test("a language that has no dates of its own here gets digits", () => {
  assert.match(makeFormat("xx-none").moment("2026-11-20T13:57:04Z"), /20[^A-Za-z]+04$/);
  assert.deepEqual(
    [makeFormat("en").duration(3_723), makeFormat("en").duration(63.9), makeFormat("en").duration(null)],
    ["1:02:03", "1:03", "–"],
  );
});
