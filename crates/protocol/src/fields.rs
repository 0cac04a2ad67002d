//! The names of the wire, in one table.

macro_rules! fields {
    ($($variant:ident = $name:literal,)*) => {
        /// A field name of the wire. An enum rather than a string, so that a browser can keep each name as an
        /// interned JavaScript string and read a field without converting the name again.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        #[repr(u8)]
        pub enum Field {
            $(#[doc = concat!("`", $name, "`")] $variant,)*
        }

        impl Field {
            /// Every field, in the order of their discriminants.
            pub const ALL: &'static [Field] = &[$(Field::$variant,)*];

            /// The name as it stands in the JSON text.
            pub const fn name(self) -> &'static str {
                match self { $(Field::$variant => $name,)* }
            }
        }
    };
}

fields! {
    Type = "type",
    Channel = "channel",
    Data = "data",
    RequestId = "requestId",
    To = "to",
    From = "from",
    FromMetadata = "fromMetadata",
    Code = "code",
    Message = "message",
    Joined = "joined",
    Left = "left",
    PeerId = "peerId",
    Metadata = "metadata",
    ExpiresAt = "expiresAt",
    ServerTime = "serverTime",
    MaxMessageSize = "maxMessageSize",
    IceServers = "iceServers",
    Urls = "urls",
    Username = "username",
    Credential = "credential",
    RetryAfterMs = "retryAfterMs",
    Resume = "resume",
    Resumed = "resumed",
    Token = "token",
    GraceMs = "graceMs",
    Description = "description",
    Sdp = "sdp",
    Candidate = "candidate",
    SdpMid = "sdpMid",
    SdpMLineIndex = "sdpMLineIndex",
    UsernameFragment = "usernameFragment",
    TrackMeta = "__meteredTrackMeta",
    TrackId = "trackId",
    StreamId = "streamId",
    Kind = "kind",
    Handle = "handle",
    Handles = "handles",
    Name = "name",
    UsesE2ee = "usesE2ee",
    Epoch = "epoch",
    Version = "version",
    Open = "open",
}
