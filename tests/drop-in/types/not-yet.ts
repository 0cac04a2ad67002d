// What the official SDK has and this package has not yet: media. This is the only place that knows; a name that is
// built and still listed here does not compile in surface.ts.

export interface NotYet {
  exports: "MeteredPeerReplaceTrackError";
  peer: "addStream" | "addTrack" | "removeStream" | "removeTrack" | "replaceTrack" | "getTrackMetadata" | "getStreamMetadata";
  remoteEvents: "track" | "stream-added" | "stream-removed";
}
