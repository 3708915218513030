/**
 * Patterns over numbers and what stands in their place: `^8(\d{10})$` → `+7$1`. A small language of its own, because
 * a general regular expression may take a lifetime for one number: here time is bounded by pattern × number.
 *
 * Always from the start (`^`); to the end where `$` stands, else what follows is kept. Literals of numbers and names,
 * `\d`, `.`, sets such as `[2-9]`, groups without nesting; each may have ?, *, + or {n}, {n,m}. No alternatives: one rule each.
 */

export interface NumberPattern {
  readonly text: string;
  readonly steps: readonly Step[];
  readonly toEnd: boolean;
  readonly groups: number;
}
export interface NumberRewrite {
  readonly pattern: NumberPattern;
  /** "$1" … "$9" are groups, "$0" is all that fitted. */
  readonly replace: string;
}

/** One character, or a mark of a group. */
interface Step {
  readonly type: "one" | "optional" | "loop" | "open" | "close";
  /** Characters that fit; undefined: any. */
  readonly fits: string | undefined;
}

export type ReadPattern =
  | { readonly ok: true; readonly value: NumberPattern }
  | { readonly ok: false; readonly reason: string; readonly remedy: string };

const PATTERN_CHARS_MAX = 128;
/** Repetitions written out: {10} is ten steps. */
const STEPS_MAX = 200;
const GROUPS_MAX = 9;
/** Longer than any number or name that is routed. */
export const NUMBER_CHARS_MAX = 128;
const DIGITS = "0123456789";
const LITERAL = /^[0-9A-Za-z+#*_-]$/;

export function readNumberPattern(text: string): ReadPattern {
  if (text.length > PATTERN_CHARS_MAX) return wrong(`longer than ${PATTERN_CHARS_MAX} characters`, "a shorter pattern");
  if (!text.startsWith("^")) return wrong("without ^ at its start", `"^${text}": patterns begin at the number's first digit`);
  const reader = new PatternReader(text);
  return reader.read();
}

const wrong = (reason: string, remedy: string): { readonly ok: false; readonly reason: string; readonly remedy: string } => ({
  ok: false,
  reason,
  remedy,
});

class PatternReader {
  readonly #text: string;
  readonly #steps: Step[] = [];
  #at = 1;
  #groups = 0;
  #open = false;
  constructor(text: string) {
    this.#text = text;
  }

  read(): ReadPattern {
    const text = this.#text;
    let toEnd = false;
    while (this.#at < text.length) {
      if (text[this.#at] === "$") {
        if (this.#at !== text.length - 1) return wrong("$ before its end", "$ as the last character, or leave it out");
        toEnd = true;
        break;
      }
      const problem = this.#part();
      if (problem !== undefined) return problem;
      if (this.#steps.length > STEPS_MAX) return wrong("with too many repetitions", `together at most ${STEPS_MAX}`);
    }
    if (this.#open) return wrong("with a ( that never closes", "one ) for each (");
    return { ok: true, value: { text, steps: this.#steps, toEnd, groups: this.#groups } };
  }

  #part(): ReturnType<typeof wrong> | undefined {
    const char = this.#text[this.#at++]!;
    switch (char) {
      case "(":
        if (this.#open) return wrong("with a group inside a group", "groups beside each other");
        if (this.#groups === GROUPS_MAX) return wrong(`with more than ${GROUPS_MAX} groups`, "fewer groups");
        this.#open = true;
        this.#groups++;
        this.#steps.push({ type: "open", fits: undefined });
        return undefined;
      case ")":
        if (!this.#open) return wrong("with a ) that was never opened", "one ( for each )");
        this.#open = false;
        this.#steps.push({ type: "close", fits: undefined });
        return this.#text[this.#at] !== undefined && "?*+{".includes(this.#text[this.#at]!)
          ? wrong("that repeats a group", "the repetition inside the group, e.g. (\\d{3})")
          : undefined;
      case "|":
        return wrong("with alternatives", "one rule for each; the first that fits counts");
      case "[":
        return this.#set();
      case ".":
        return this.#repeated(undefined);
      case "\\": {
        const escaped = this.#text[this.#at++];
        if (escaped === "d") return this.#repeated(DIGITS);
        if (escaped !== undefined && "+*.#$()[]{}?^|\\-".includes(escaped)) return this.#repeated(escaped);
        return wrong(`with \\${escaped ?? ""}`, "\\d for a digit, \\+ \\* \\. for these characters");
      }
      default:
        // A + where nothing stands that it could repeat is the plus of a number.
        return LITERAL.test(char)
          ? this.#repeated(char)
          : wrong(`with ${JSON.stringify(char)}`, "digits, letters, + # * _ -, \\d, [2-9], ( ), {n}, ? * +");
    }
  }

  #set(): ReturnType<typeof wrong> | undefined {
    const end = this.#text.indexOf("]", this.#at);
    const body = end < 0 ? "" : this.#text.slice(this.#at, end);
    if (!/^[0-9A-Za-z+#*]([0-9A-Za-z+#*]|-[0-9A-Za-z])*$/.test(body)) return wrong("with a set that can't be read", "e.g. [2-9] or [015]");
    this.#at = end + 1;
    let fits = "";
    for (let i = 0; i < body.length; i++) {
      if (body[i + 1] !== "-") {
        fits += body[i];
        continue;
      }
      const [from, to] = [body.charCodeAt(i), body.charCodeAt(i + 2)];
      if (from > to) return wrong(`with the set [${body}], which ends before it begins`, "e.g. [2-9]");
      for (let code = from; code <= to; code++) fits += String.fromCharCode(code);
      i += 2;
    }
    return this.#repeated(fits);
  }

  #repeated(fits: string | undefined): ReturnType<typeof wrong> | undefined {
    const counts = /^(?:\{([0-9]{1,3})(,([0-9]{0,3}))?\}|[?*+])/.exec(this.#text.slice(this.#at));
    if (counts === null) {
      if (this.#text[this.#at] === "{") return wrong("with a count that can't be read", "{10}, {2,5} or {7,}");
      this.#steps.push({ type: "one", fits });
      return undefined;
    }
    this.#at += counts[0].length;
    const [min, max] = { "?": [0, 1], "*": [0, Infinity], "+": [1, Infinity] }[counts[0]] ?? [
      Number(counts[1]),
      counts[2] === undefined ? Number(counts[1]) : counts[3] === "" ? Infinity : Number(counts[3]),
    ];
    if (max! < min!) return wrong(`with ${counts[0]}, which is nothing`, "the smaller count first");
    if (min! > STEPS_MAX || (max !== Infinity && max! > STEPS_MAX))
      return wrong("with too many repetitions", `together at most ${STEPS_MAX}`);
    for (let i = 0; i < min!; i++) this.#steps.push({ type: "one", fits });
    if (max === Infinity) this.#steps.push({ type: "loop", fits });
    else for (let i = min!; i < max!; i++) this.#steps.push({ type: "optional", fits });
    return undefined;
  }
}

/** Why `replace` can't be used with the pattern; undefined: it can. */
export function wrongReplacement(replace: string, pattern: NumberPattern): string | undefined {
  if (!/^([0-9A-Za-z+#*._-]|\$[0-9])*$/.test(replace) || replace.length > NUMBER_CHARS_MAX)
    return "digits, letters, + # * . _ -, and $1 to $9 for groups";
  for (const [, group] of replace.matchAll(/\$([0-9])/g)) {
    if (Number(group) > pattern.groups)
      return `the pattern has ${pattern.groups === 0 ? "no group" : `only ${pattern.groups}`}; put ( ) around what $${group} shall be`;
  }
  return undefined;
}

/** @returns undefined: the pattern doesn't fit. Longer numbers than any real one fit nothing. */
export function rewriteNumber({ pattern, replace }: NumberRewrite, number: string): string | undefined {
  if (number.length > NUMBER_CHARS_MAX) return undefined;
  const { steps, toEnd } = pattern;
  const bounds: number[] = [];
  // Steps from which the rest failed are never tried again at the same character: pattern × number at most.
  const failed = new Uint8Array((steps.length + 1) * (number.length + 1));
  const end = match(0, 0);
  if (end === undefined) return undefined;
  const group = (index: number): string =>
    index === 0 ? number.slice(0, end) : number.slice(bounds[2 * index - 2], bounds[2 * index - 1]);
  return (replace.replace(/\$([0-9])/g, (_, digit: string) => group(Number(digit))) + number.slice(end)).slice(0, NUMBER_CHARS_MAX);

  /** Greedy: the longest first. Deep as pattern and number together, which are bounded. */
  function match(step: number, at: number): number | undefined {
    const here = steps[step];
    if (here === undefined) return toEnd && at < number.length ? undefined : at;
    const seen = step * (number.length + 1) + at;
    if (failed[seen] === 1) return undefined;
    const found = matchStep(here, step, at);
    if (found === undefined) failed[seen] = 1;
    return found;
  }
  function matchStep({ type, fits }: Step, step: number, at: number): number | undefined {
    if (type === "open" || type === "close") {
      const before = marks(step);
      const found = match(step + 1, at);
      if (found !== undefined) bounds[before] = at;
      return found;
    }
    const one = at < number.length && (fits === undefined || fits.includes(number[at]!));
    if (type === "one") return one ? match(step + 1, at + 1) : undefined;
    return (one ? match(type === "loop" ? step : step + 1, at + 1) : undefined) ?? match(step + 1, at);
  }
  /** How many marks of groups stand before this step: open and close of the first are 0 and 1. */
  function marks(step: number): number {
    let count = 0;
    for (let i = 0; i < step; i++) if (steps[i]!.type === "open" || steps[i]!.type === "close") count++;
    return count;
  }
}

/** The first rule that fits; else the number as it is. */
export function rewriteByFirst(rules: readonly NumberRewrite[] | undefined, number: string): string {
  if (rules === undefined) return number;
  for (const rule of rules) {
    const rewritten = rewriteNumber(rule, number);
    if (rewritten !== undefined) return rewritten;
  }
  return number;
}
