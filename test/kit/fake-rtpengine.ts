/** An rtpengine of the mind: what its ng port would answer, without a socket; can be away, deaf, restarted or odd. */
import { bytesToWire, wireToBytes } from "#base/bytes.ts";
import { type BencodedFields, type Encodable, bdecode, bencode, fieldsOf, listOf, textOf } from "#media/ng/bencode.ts";
import type { NgSocketUser, OpenNgSocket } from "#media/ng/ng-socket.ts";

interface FakeTag {
  port: number;
  packets: number;
  errors: number;
  asymmetric: boolean;
  /** What was said of the peer last. */
  sdp: string;
}

type Fields = { readonly [key: string]: Encodable | undefined };

export class FakeRtpengine {
  readonly calls = new Map<string, Map<string, FakeTag>>();
  /** Every command in order, repeats once: "offer call-1 a b1". */
  readonly commands: string[] = [];
  readonly requests: BencodedFields[] = [];
  /** Cookies as they came, repeats too. */
  readonly cookies: string[] = [];
  mode: "well" | "away" | "deaf" | "odd" = "well";
  /** Datagrams that get lost before it hears again. */
  losing = 0;
  refusing: string | undefined;
  readonly #answered = new Map<string, string>();
  #nextPort: number;
  readonly #address: string;

  constructor(address = "192.0.2.1", firstPort = 20_000) {
    this.#address = address;
    this.#nextPort = firstPort;
  }

  readonly open: OpenNgSocket = (_peer, user) => {
    let open = true;
    return {
      send: (bytes) => queueMicrotask(() => open && this.#hear(bytesToWire(bytes), user)),
      close: () => {
        open = false;
      },
    };
  };

  /** As after kill -9: nothing is known any more, and other ports come next. */
  restart(): void {
    this.calls.clear();
    this.#answered.clear();
    this.#nextPort += 500;
  }

  tag(call: string, tag: string): FakeTag {
    return this.calls.get(call)!.get(tag)!;
  }

  #hear(text: string, user: NgSocketUser): void {
    if (this.mode === "away") return user.onRefused("ECONNREFUSED");
    if (this.losing > 0) {
      this.losing--;
      return;
    }
    if (this.mode === "deaf") return;
    const cookie = text.slice(0, text.indexOf(" "));
    this.cookies.push(cookie);
    let answer = this.#answered.get(cookie);
    if (answer === undefined) {
      const request = bdecode(text.slice(cookie.length + 1));
      if (!request.ok) throw new Error(`not bencode: ${text}`);
      answer = bencode(this.#answer(fieldsOf(request.value)));
      this.#answered.set(cookie, answer);
    }
    user.onDatagram(wireToBytes(this.mode === "odd" ? `${cookie} d6:resulti` : `${cookie} ${answer}`));
  }

  #answer(request: BencodedFields): Fields {
    const command = textOf(request, "command");
    if (command === "ping") return { result: "pong" };
    const call = textOf(request, "call-id");
    this.requests.push(request);
    this.commands.push([command, call, textOf(request, "from-tag"), textOf(request, "via-branch")].filter((part) => part !== "").join(" "));
    if (command === "list") return { result: "ok", calls: [...this.calls.keys()] };
    if (this.refusing !== undefined) return { result: "error", "error-reason": this.refusing };
    if (command === "offer") return this.#offer(request, call);
    const tags = this.calls.get(call);
    if (tags === undefined) return { result: "error", "error-reason": "Unknown call-id" };
    switch (command) {
      case "answer":
        return {
          result: "ok",
          sdp: this.#describe(this.#take(tags, textOf(request, "to-tag"), request), tags.get(textOf(request, "from-tag"))!.port),
        };
      case "query":
        return { result: "ok", tags: Object.fromEntries([...tags].map(([name, tag]) => [name, statistics(tag)])) };
      case "delete":
        if (request.has("from-tag")) tags.get(textOf(request, "from-tag"))!.port = 0;
        else this.calls.delete(call);
        return { result: "ok" };
      default:
        return { result: "error", "error-reason": `Unrecognized command: ${command}` };
    }
  }

  #offer(request: BencodedFields, call: string): Fields {
    const tags = this.calls.get(call) ?? new Map<string, FakeTag>();
    this.calls.set(call, tags);
    const a = this.#take(tags, textOf(request, "from-tag"), request);
    const branch = textOf(request, "via-branch");
    const b = tags.get(branch) ?? this.#newTag(tags, branch);
    return { result: "ok", sdp: this.#describe(a, b.port) };
  }

  #take(tags: Map<string, FakeTag>, name: string, request: BencodedFields): FakeTag {
    const tag = tags.get(name) ?? this.#newTag(tags, name);
    tag.sdp = textOf(request, "sdp");
    tag.asymmetric = listOf(request, "flags").includes("asymmetric");
    return tag;
  }
  #newTag(tags: Map<string, FakeTag>, name: string): FakeTag {
    const tag = { port: this.#nextPort, packets: 0, errors: 0, asymmetric: false, sdp: "" };
    this.#nextPort += 2;
    tags.set(name, tag);
    return tag;
  }
  #describe(peer: FakeTag, port: number): string {
    const hold = peer.sdp.includes("c=IN IP4 0.0.0.0");
    return `v=0\r\no=- 1 1 IN IP4 ${this.#address}\r\ns=-\r\nc=IN IP4 ${hold ? "0.0.0.0" : this.#address}\r\nt=0 0\r\nm=audio ${port} RTP/AVP 0\r\na=rtcp:${port + 1}\r\n`;
  }
}

const statistics = ({ port, packets, errors, asymmetric, sdp }: FakeTag): Fields => ({
  medias: [
    {
      flags: asymmetric ? ["asymmetric"] : [],
      streams: [
        {
          ...(port === 0 ? {} : { "local port": port }),
          flags: ["RTP"],
          endpoint: { address: /c=IN IP4 (\S+)/.exec(sdp)?.[1] ?? "", port: Number(/m=audio (\d+)/.exec(sdp)?.[1] ?? 0) },
          stats: { packets: packets + errors, bytes: packets * 172, errors },
        },
        { ...(port === 0 ? {} : { "local port": port + 1 }), flags: ["RTCP"], stats: { packets: 1, bytes: 8, errors: 0 } },
      ],
    },
  ],
});
