/**
 * The shape of the house as data: which room may import which. An import that points another way
 * fails here by name. To open a new arrow, change the table and say why in an ADR.
 */
import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { join, posix } from "node:path";
import { fileURLToPath } from "node:url";
import { test } from "node:test";

const SRC = fileURLToPath(new URL("../src/", import.meta.url));

/** Room → what it imports. "(t)" marks type-only arrows. Everyone may import base and, as a type, observe/event. */
const ARROWS: Readonly<Record<string, readonly string[]>> = {
  base: [],
  net: [],
  sdp: [],
  cdr: [],
  "sip/message": [],
  "sip/auth": ["sip/message"],
  "sip/transport": ["net", "sip/message"],
  "sip/transaction": ["sip/transport", "sip/message"],
  "sip/dialog": ["sip/transaction", "sip/transport(t)", "sip/auth", "sip/message"],
  media: ["net", "sdp"],
  routing: ["sip/message(t)"],
  config: ["routing"],
  journal: ["cdr(t)"],
  call: ["sip/dialog", "sip/transaction(t)", "sip/transport(t)", "sip/message", "sdp", "routing", "media(t)", "journal", "cdr"],
  store: ["journal", "cdr", "config"],
  observe: ["cdr(t)", "sip/message"],
  trunk: ["sip/dialog", "sip/transaction", "sip/auth", "sip/message", "routing(t)"],
  admission: ["routing", "sip/auth(t)", "sip/dialog", "sip/message(t)", "sip/transaction(t)", "sip/transport(t)"],
  phone: ["sip/auth(t)", "sip/dialog", "sip/transaction", "sip/transport", "sip/message", "sdp", "net", "media"],
  import: ["routing"],
  api: ["store", "config", "call", "cdr(t)"],
  "api-client": [],
  cli: ["api-client", "call", "config", "import", "routing", "journal", "cdr(t)", "observe"],
};

/** Closer than a whole room: from → file prefixes that may be imported although the arrow names only the room. */
const NARROWED: readonly { readonly from: string; readonly to: string; readonly only: readonly string[] }[] = [
  { from: "call", to: "media", only: ["media/engine.ts"] },
  { from: "cli", to: "call", only: ["call/control.ts"] },
  { from: "api", to: "call", only: ["call/control.ts"] },
  { from: "phone", to: "media", only: ["media/rtp/", "media/codec/"] },
];
const IMPORTS_NOTHING = ["call/control.ts"];
const BASE_IS_CLOSED = ["assert", "bytes", "clock", "hmac", "ids", "random"];

interface Import {
  readonly file: string;
  readonly target: string;
  readonly typeOnly: boolean;
}

const IMPORT = /(?:^|\n)\s*(import|export)\s+(type\s+)?([^;"']*?from\s+)?["']([^"']+)["']/g;

function importsOf(file: string): readonly Import[] {
  const text = readFileSync(join(SRC, file), "utf8");
  const found: Import[] = [];
  for (const [, , type, clause = "", specifier] of text.matchAll(IMPORT)) {
    const target = specifier!.startsWith("#")
      ? specifier!.slice(1)
      : specifier!.startsWith(".")
        ? posix.join(posix.dirname(file), specifier!)
        : undefined;
    if (target === undefined) continue;
    // `import { type A, type B }` is type-only as well.
    const braces = /\{([^}]*)\}/.exec(clause)?.[1];
    const allTyped =
      braces !== undefined &&
      !/^\s*\w+\s*,/.test(clause) &&
      braces.split(",").every((name) => name.trim() === "" || name.trim().startsWith("type "));
    found.push({ file, target, typeOnly: type !== undefined || allTyped });
  }
  return found;
}

/** "sip/message" for sip/message/parse-uri.ts; undefined for a composition root. */
function roomOf(file: string): string | undefined {
  const rooms = Object.keys(ARROWS).sort((a, b) => b.length - a.length);
  return rooms.find((room) => file.startsWith(`${room}/`));
}

function offence({ file, target, typeOnly }: Import): string | undefined {
  const from = roomOf(file)!;
  const to = roomOf(target);
  if (to === undefined) return `${file} imports the composition root ${target}`;
  if (IMPORTS_NOTHING.includes(file)) return `${file} must import nothing, but imports ${target}`;
  if (from === to || (to === "base" && from !== "base")) return undefined;
  if (target === "observe/event.ts" && typeOnly) return undefined;
  const arrows = ARROWS[from]!;
  if (!arrows.includes(to) && !(typeOnly && arrows.includes(`${to}(t)`))) {
    return `${file} imports ${target}${arrows.includes(`${to}(t)`) ? ", allowed only as a type" : `: no arrow ${from} → ${to}`}`;
  }
  const narrowed = NARROWED.find((rule) => rule.from === from && rule.to === to);
  if (narrowed !== undefined && !narrowed.only.some((prefix) => target.startsWith(prefix)))
    return `${file} imports ${target}; from ${to} it may only take ${narrowed.only.join(", ")}`;
  return undefined;
}

const files = globSync("**/*.ts", { cwd: SRC }).map((file) => file.replaceAll("\\", "/"));
const sources = files.filter((file) => !file.endsWith(".test.ts"));

test("every import follows an arrow of the architecture", () => {
  const offences = sources
    .filter((file) => roomOf(file) !== undefined)
    .flatMap(importsOf)
    .map(offence)
    .filter((text) => text !== undefined);
  assert.deepEqual(offences, []);
});

test("every source file stands in a room or is a composition root", () => {
  const strays = sources.filter((file) => roomOf(file) === undefined && !/^(main|[a-z]+(-[a-z]+)*-main)\.ts$/.test(file));
  assert.deepEqual(strays, []);
});

test("base is a closed list", () => {
  const names = sources.filter((file) => file.startsWith("base/")).map((file) => file.slice(5, -3));
  assert.deepEqual(names.sort(), [...BASE_IS_CLOSED].sort());
});

test("what must never be imported has no path to it", () => {
  const never: readonly (readonly [from: string, to: string])[] = [
    ["media", "call"],
    ["media", "store"],
    ["sip/dialog", "call"],
    ["sip/transport", "media"],
    ["sip/message", "store"],
    ["routing", "store"],
    ["routing", "net"],
  ];
  const reach = (room: string, seen = new Set<string>()): Set<string> => {
    for (const arrow of ARROWS[room] ?? []) {
      const next = arrow.replace("(t)", "");
      if (!seen.has(next)) reach(next, seen.add(next));
    }
    return seen;
  };
  for (const [from, to] of never) assert.equal(reach(from).has(to), false, `${from} reaches ${to}`);
});

test("the table itself finds an offending import", () => {
  assert.match(offence({ file: "media/relay/x.ts", target: "call/call.ts", typeOnly: false }) ?? "", /no arrow media → call/);
  assert.match(offence({ file: "call/x.ts", target: "media/relay/loop.ts", typeOnly: true }) ?? "", /may only take media\/engine.ts/);
  assert.match(offence({ file: "journal/x.ts", target: "cdr/outcome.ts", typeOnly: false }) ?? "", /allowed only as a type/);
});
