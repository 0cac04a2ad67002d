//! Names for what the driver holds and the core speaks of. Each is used once, so an answer that comes late
//! finds nobody waiting and is dropped.

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident;)*) => {
        $($(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub u32);

        impl $name {
            /// Takes the next id of a counter.
            pub(crate) fn next(counter: &mut u32) -> Self {
                *counter = counter.wrapping_add(1);
                Self(*counter)
            }
        })*
    };
}

ids! {
    /// A method call that waits for its [`crate::Output::Settle`]. Chosen by the driver.
    CallId;
    /// A WebSocket.
    SocketId;
    /// An `RTCPeerConnection`: a replaced connection has another id than its predecessor.
    ConnectionId;
    /// A remote peer for as long as it stays in the room, whatever becomes of its connection.
    RemoteId;
    /// A stream of a data track's frames.
    StreamId;
    /// An asynchronous operation: a token fetch, or one step of a negotiation.
    OperationId;
}

impl CallId {
    /// Takes the next id of the driver's counter.
    pub fn take(counter: &mut u32) -> Self {
        Self::next(counter)
    }
}
