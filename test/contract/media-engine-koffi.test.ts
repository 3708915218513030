/** The embedded engine on koffi's epoll loop; Linux only. */
import { startEmbedded } from "./media-engine-embedded.ts";
import { mediaEngineContract } from "./media-engine.ts";

if (process.platform === "linux") mediaEngineContract("embedded/koffi", (pools) => startEmbedded(pools, ["--sockets", "koffi"]));
