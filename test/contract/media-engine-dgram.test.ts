/** The embedded engine on node:dgram, as it runs where koffi does not load. */
import { startEmbedded } from "./media-engine-embedded.ts";
import { mediaEngineContract } from "./media-engine.ts";

mediaEngineContract("embedded/dgram", (pools) => startEmbedded(pools, ["--sockets", "dgram"]));
