/**
 * E.164 prefixes and whose they are, as data: countries by ISO 3166 code (ITU-T E.164 assigned codes; in the North
 * American plan by area code), and ranges that cost more than a call: satellites, international networks, premium rate.
 *
 * Deliberately not here: prices, and premium ranges of every country; those that fraud is known for are.
 */

/** "US" for +1 that no longer prefix claims. */
const BY_CODE =
  "1 US,7 RU,77 KZ,76 KZ,20 EG,211 SS,212 MA,213 DZ,216 TN,218 LY,220 GM,221 SN,222 MR,223 ML,224 GN,225 CI,226 BF,227 NE,228 TG,229 BJ," +
  "230 MU,231 LR,232 SL,233 GH,234 NG,235 TD,236 CF,237 CM,238 CV,239 ST,240 GQ,241 GA,242 CG,243 CD,244 AO,245 GW,246 IO,247 AC,248 SC," +
  "249 SD,250 RW,251 ET,252 SO,253 DJ,254 KE,255 TZ,256 UG,257 BI,258 MZ,260 ZM,261 MG,262 RE,263 ZW,264 NA,265 MW,266 LS,267 BW,268 SZ," +
  "269 KM,27 ZA,290 SH,291 ER,297 AW,298 FO,299 GL,30 GR,31 NL,32 BE,33 FR,34 ES,350 GI,351 PT,352 LU,353 IE,354 IS,355 AL,356 MT,357 CY," +
  "358 FI,359 BG,36 HU,370 LT,371 LV,372 EE,373 MD,374 AM,375 BY,376 AD,377 MC,378 SM,379 VA,380 UA,381 RS,382 ME,383 XK,385 HR,386 SI," +
  "387 BA,389 MK,39 IT,3906698 VA,40 RO,41 CH,420 CZ,421 SK,423 LI,43 AT,44 GB,45 DK,46 SE,47 NO,48 PL,49 DE,500 FK,501 BZ,502 GT,503 SV," +
  "504 HN,505 NI,506 CR,507 PA,508 PM,509 HT,51 PE,52 MX,53 CU,54 AR,55 BR,56 CL,57 CO,58 VE,590 GP,591 BO,592 GY,593 EC,594 GF,595 PY," +
  "596 MQ,597 SR,598 UY,599 CW,60 MY,61 AU,62 ID,63 PH,64 NZ,65 SG,66 TH,670 TL,672 NF,673 BN,674 NR,675 PG,676 TO,677 SB,678 VU,679 FJ," +
  "680 PW,681 WF,682 CK,683 NU,685 WS,686 KI,687 NC,688 TV,689 PF,690 TK,691 FM,692 MH,81 JP,82 KR,84 VN,850 KP,852 HK,853 MO,855 KH,856 LA," +
  "86 CN,880 BD,886 TW,90 TR,91 IN,92 PK,93 AF,94 LK,95 MM,960 MV,961 LB,962 JO,963 SY,964 IQ,965 KW,966 SA,967 YE,968 OM,970 PS,971 AE," +
  "972 IL,973 BH,974 QA,975 BT,976 MN,977 NP,98 IR,992 TJ,993 TM,994 AZ,995 GE,996 KG,997 KZ,998 UZ,441481 GG,441534 JE,441624 IM";
/** Area codes of the North American plan that are not the United States'. */
const NORTH_AMERICA: Readonly<Record<string, string>> = {
  CA: "204 226 236 249 250 257 263 289 306 343 354 365 367 368 382 387 403 416 418 428 431 437 438 450 460 468 474 506 514 519 537 548 579 581 584 587 600 604 613 639 647 672 683 705 709 742 753 778 780 782 807 819 825 851 867 873 879 902 905 942",
  AG: "268",
  AI: "264",
  AS: "684",
  BB: "246",
  BM: "441",
  BS: "242",
  DM: "767",
  DO: "809 829 849",
  GD: "473",
  GU: "671",
  JM: "876 658",
  KN: "869",
  KY: "345",
  LC: "758",
  MP: "670",
  MS: "664",
  PR: "787 939",
  SX: "721",
  TC: "649",
  TT: "868",
  VC: "784",
  VG: "284",
  VI: "340",
};

export type CostlyKind = "satellite" | "international network" | "premium rate" | "shared cost";
/** Digits after "+"; the longest that fits counts. */
const COSTLY: Readonly<Record<CostlyKind, string>> = {
  satellite: "870 881 88213 88216 88234",
  "international network": "882 883 878 888 991",
  "premium rate":
    "979 1900 1976 449 44871 44872 44873 49900 49137 49118 338 3389 39892 39899 34803 34806 34807 34905 34907 31900 31906 31909 " +
    "32900 32902 32903 32904 32905 32906 32907 32909 41900 41901 41906 43900 43901 43930 43931 43939 4590 46900 46939 46944 47829 " +
    "48700 48701 48703 48704 48708 358600 358700 351601 351607 351760 " +
    "352900 352901 352905 3690 3691 372900 371900 370900 420900 420906 420908 420909 421900 38560 38690 359900 40900 40903 40906 " +
    "30901 30909 7809 7803 61190 64900 27862 27866 81990 8260 9721900 55900 90900",
  "shared cost": "808",
};
/** French numbers of 08 that cost nothing or little. */
const NOT_COSTLY = "33800 33801 33802 33803 33804 33805 33806 33807 33808 33809";

interface Mark {
  readonly country?: string;
  readonly costly?: CostlyKind | "none";
}
const MARKS = new Map<string, { country?: string; costly?: CostlyKind | "none" }>();
const mark = (prefix: string, more: Mark): void => void MARKS.set(prefix, { ...MARKS.get(prefix), ...more });
for (const entry of BY_CODE.split(",")) {
  const [prefix = "", country = ""] = entry.split(" ");
  mark(prefix, { country });
}
for (const [country, codes] of Object.entries(NORTH_AMERICA)) for (const code of codes.split(" ")) mark(`1${code}`, { country });
for (const [costly, prefixes] of Object.entries(COSTLY)) for (const one of prefixes.split(" ")) mark(one, { costly: costly as CostlyKind });
for (const one of NOT_COSTLY.split(" ")) mark(one, { costly: "none" });

const PREFIX_DIGITS_MAX = Math.max(...Array.from(MARKS.keys(), ({ length }) => length));
export const COUNTRIES: ReadonlySet<string> = new Set(
  Array.from(MARKS.values(), ({ country }) => country ?? "").filter((one) => one !== ""),
);

/** @param number canonical, "+" and digits; undefined: a name, or of no country */
export function countryOf(number: string): string | undefined {
  return longest(number, "country")?.country;
}
/** The range that makes a call to it dear; undefined: none that we know. */
export function costlyRange(number: string): { readonly prefix: string; readonly kind: CostlyKind } | undefined {
  const found = longest(number, "costly");
  return found?.costly === undefined || found.costly === "none" ? undefined : { prefix: `+${found.prefix}`, kind: found.costly };
}

function longest(number: string, what: keyof Mark): (Mark & { readonly prefix: string }) | undefined {
  if (number.charCodeAt(0) !== 0x2b) return undefined;
  for (let digits = Math.min(PREFIX_DIGITS_MAX, number.length - 1); digits > 0; digits--) {
    const prefix = number.slice(1, digits + 1);
    const found = MARKS.get(prefix);
    if (found?.[what] !== undefined) return { ...found, prefix };
  }
  return undefined;
}
