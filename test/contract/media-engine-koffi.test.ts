/** The embedded engine on koffi's epoll loop, alone and as two workers; Linux only. */
import { startEmbedded } from "./media-engine-embedded.ts";
import { mediaEngineContract } from "./media-engine.ts";

if (process.platform === "linux") {
  mediaEngineContract("embedded/koffi", (pools) => startEmbedded(pools, ["--sockets", "koffi"]));
  mediaEngineContract("embedded/koffi, two workers", (pools) => startEmbedded(pools, ["--sockets", "koffi", "--workers", "2"]));
}
