/**
 * What is known of providers, as fields that an entry begins with (`preset: ringcentral`); whatever the entry
 * says itself wins. Only facts that the providers publish; what each account has of its own is in `needs`.
 */

export interface Preset {
  readonly title: string;
  /** What it sets, for people. */
  readonly sets: string;
  /** What the entry must add. */
  readonly needs: string;
  /** As if written in the file: scalars are text. */
  readonly fields: Readonly<Record<string, unknown>>;
}

export const PRESETS: Readonly<Record<string, Preset>> = {
  generic: {
    title: "any SIP provider",
    sets: "nothing",
    needs: "uri; username and password, or addresses; register: yes where the provider wants it",
    fields: {},
  },
  ringcentral: {
    title: "RingCentral, device “Existing Phone”",
    sets: "domain sip.ringcentral.com, registering every 300 s, PCMU",
    needs: "username, password, auth_username (its Authorization ID), outbound_proxy (of the device page, with its port)",
    fields: { uri: "sip:sip.ringcentral.com", from_domain: "sip.ringcentral.com", register: { expires_s: "300" }, codecs: ["PCMU"] },
  },
  "bell.uz": {
    title: "Bell.uz",
    sets: "sip.bell.uz over UDP 5060, registering, numbers of country 998 written without plus",
    needs: "username (the number's digits with 998) and password",
    fields: {
      uri: "sip:sip.bell.uz:5060;transport=udp",
      from_domain: "sip.bell.uz",
      register: "yes",
      numbers: { country_code: "998", write: "e164" },
    },
  },
  exolve: {
    title: "MTS Exolve",
    sets: "domain sip.exolve.ru, numbers of country 7",
    needs:
      "username (883140…) and password for calls out; addresses that its forwarded calls come from. It must be reached from a Russian address",
    fields: { uri: "sip:sip.exolve.ru", from_domain: "sip.exolve.ru", numbers: { country_code: "7", national_prefix: "8" } },
  },
  skyetel: {
    title: "Skyetel",
    sets: "term.skyetel.com for calls out, PCMU and PCMA",
    needs:
      "addresses of its calls (it knows us by ours); headers.set X-Tenant where it bills several; register.registrar: reg.skyetel.com for its registering variant",
    fields: { uri: "sip:term.skyetel.com", codecs: ["PCMU", "PCMA"] },
  },
  didforsale: {
    title: "DIDForSale",
    sets: "sip.didforsale.com over UDP 5060, PCMU and PCMA",
    needs: "addresses of its calls; it sends to a static address or name of ours",
    fields: { uri: "sip:sip.didforsale.com:5060;transport=udp", codecs: ["PCMU", "PCMA"] },
  },
  twilio: {
    title: "Twilio Elastic SIP Trunking",
    sets: "PCMU and PCMA, numbers with plus",
    needs:
      "uri: sip:<name>.pstn.twilio.com; username and password of its credential list, or our address in its list; addresses of its calls. One call a second unless it was raised",
    fields: { codecs: ["PCMU", "PCMA"], numbers: { write: "+e164" } },
  },
  telnyx: {
    title: "Telnyx",
    sets: "PCMU and PCMA",
    needs: "uri and username with password of a credential connection, or addresses of an IP connection. It may rewrite the Request-URI",
    fields: { codecs: ["PCMU", "PCMA"] },
  },
  zadarma: { title: "Zadarma", sets: "nothing", needs: "uri, username, password, register: yes, as its account page says", fields: {} },
  voximplant: { title: "Voximplant", sets: "nothing", needs: "uri, and digest or addresses, as its SIP settings say", fields: {} },
  unpod: { title: "Unpod", sets: "nothing", needs: "uri, username and password, as its bridge says", fields: {} },
  vapi: {
    title: "VAPI",
    sets: "sip.vapi.ai over UDP 5060 with its two US signalling addresses, PCMU (PCMA distorts there), nat: yes (its audio comes from changing addresses)",
    needs: "nothing; uri sip:sip.eu.vapi.ai and addresses 63.182.83.170 in the EU",
    fields: { uri: "sip:sip.vapi.ai:5060;transport=udp", addresses: ["44.229.228.186", "44.238.177.138"], codecs: ["PCMU"], nat: "yes" },
  },
  livekit: {
    title: "LiveKit Cloud",
    sets: "nothing",
    needs: "uri: sip:<project>.sip.livekit.cloud, with ;transport=tcp where wanted; username and password if its trunk has some",
    fields: {},
  },
};
export const PRESET_NAMES: readonly string[] = Object.keys(PRESETS);

const isFields = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** The preset's fields under the entry's own; groups of fields are joined, lists are replaced. */
export function withPreset(preset: Preset, entry: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  const merged: Record<string, unknown> = { ...preset.fields };
  for (const [key, value] of Object.entries(entry)) {
    const under = merged[key];
    if (isFields(under) && isFields(value)) merged[key] = { ...under, ...value };
    // `register: yes` over a preset's own registering means that one.
    else if (!(key === "register" && isFields(under) && /^(yes|true|on)$/i.test(String(value)))) merged[key] = value;
  }
  return merged;
}
