//! Permissions: which actions, on which channels.

use std::fmt;
use std::sync::Arc;

use metered_protocol::Channel;

/// Something that a credential permits or does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Action {
    /// Receive a channel's messages and be seen in it.
    Subscribe,
    /// Send to a channel.
    Publish,
    /// See who is in a channel.
    Presence,
    /// Send to a peer.
    Send,
}

impl Action {
    /// Every action.
    pub const ALL: [Self; 4] = [Self::Subscribe, Self::Publish, Self::Presence, Self::Send];

    /// The action's name in tokens and configuration.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Subscribe => "subscribe",
            Self::Publish => "publish",
            Self::Presence => "presence",
            Self::Send => "send",
        }
    }

    /// The action of this name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|action| action.name() == name)
    }
}

/// A set of actions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Actions(u8);

impl Actions {
    /// All of them.
    pub fn all() -> Self {
        Action::ALL.into_iter().collect()
    }

    /// Whether the action is among them.
    pub fn contains(self, action: Action) -> bool {
        self.0 & 1 << action as u8 != 0
    }

    /// The actions that are in both sets.
    pub fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }
}

impl FromIterator<Action> for Actions {
    fn from_iter<I: IntoIterator<Item = Action>>(actions: I) -> Self {
        Self(actions.into_iter().fold(0, |set, action| set | 1 << action as u8))
    }
}

/// What a connection may do.
#[derive(Clone, Debug)]
pub struct Grants {
    actions: Actions,
    /// A channel must match one pattern of every list: a token narrows its key's patterns and never widens them.
    scopes: Vec<Arc<[ChannelPattern]>>,
}

impl Grants {
    /// These actions, on the channels that match one of the patterns.
    pub fn new(actions: Actions, patterns: impl Into<Arc<[ChannelPattern]>>) -> Self {
        Self { actions, scopes: vec![patterns.into()] }
    }

    /// Every action on every channel.
    pub fn everything() -> Self {
        Self { actions: Actions::all(), scopes: Vec::new() }
    }

    /// The same reach with no other actions than these.
    #[must_use]
    pub fn only(self, actions: Actions) -> Self {
        Self { actions: self.actions.and(actions), ..self }
    }

    /// What both permit.
    #[must_use]
    pub fn and(&self, other: &Self) -> Self {
        Self {
            actions: self.actions.and(other.actions),
            scopes: self.scopes.iter().chain(&other.scopes).cloned().collect(),
        }
    }

    /// Whether the action is permitted at all.
    pub fn permit(&self, action: Action) -> bool {
        self.actions.contains(action)
    }

    /// Whether the channel is within reach.
    pub fn reach(&self, channel: &Channel) -> bool {
        self.scopes.iter().all(|patterns| patterns.iter().any(|pattern| pattern.matches(channel)))
    }
}

/// A pattern that channel names match or do not.
///
/// `*` stands for any run of characters without `/`, `**` for any run at all, `\*` and `\\` for the characters
/// themselves. So `room-*` matches `room-42`, `app_xyz/*` one level below `app_xyz/`, and `**` everything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChannelPattern(Arc<[Token]>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Token {
    Literal(char),
    /// `*`
    Within,
    /// `**`
    Across,
}

/// A pattern that is empty or longer than [`ChannelPattern::MAX_LENGTH`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidPattern;

impl fmt::Display for InvalidPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a channel pattern must have 1 to {} characters", ChannelPattern::MAX_LENGTH)
    }
}

impl std::error::Error for InvalidPattern {}

impl ChannelPattern {
    /// Longest pattern, in bytes.
    pub const MAX_LENGTH: usize = 512;

    /// Reads a pattern.
    pub fn parse(pattern: &str) -> Result<Self, InvalidPattern> {
        if pattern.is_empty() || pattern.len() > Self::MAX_LENGTH {
            return Err(InvalidPattern);
        }
        let mut tokens = Vec::with_capacity(pattern.len());
        let mut chars = pattern.chars().peekable();
        while let Some(c) = chars.next() {
            tokens.push(match c {
                '\\' => Token::Literal(chars.next_if(|next| matches!(next, '*' | '\\')).unwrap_or(c)),
                '*' if chars.next_if_eq(&'*').is_some() => Token::Across,
                '*' => Token::Within,
                c => Token::Literal(c),
            });
        }
        Ok(Self(tokens.into()))
    }

    /// Whether a channel's name matches.
    pub fn matches(&self, channel: &Channel) -> bool {
        matches(&self.0, channel.as_str())
    }
}

/// Matches literals from the front and gives every wildcard that follows all its chances at once: the set of
/// places in the pattern that the name read so far can stand at. Its cost is bounded by pattern times name,
/// whatever the pattern.
fn matches(pattern: &[Token], name: &str) -> bool {
    if let [Token::Across] = pattern {
        return true;
    }
    let mut rest = name.chars();
    let mut tokens = pattern;
    while let [Token::Literal(expected), after @ ..] = tokens {
        if rest.next() != Some(*expected) {
            return false;
        }
        tokens = after;
    }
    let mut places = vec![false; tokens.len() + 1];
    enter(&mut places, tokens, 0);
    for c in rest {
        let mut next = vec![false; tokens.len() + 1];
        for (at, token) in tokens.iter().enumerate().filter(|(at, _)| places.get(*at) == Some(&true)) {
            match token {
                Token::Literal(expected) if *expected == c => enter(&mut next, tokens, at + 1),
                Token::Within if c != '/' => enter(&mut next, tokens, at),
                Token::Across => enter(&mut next, tokens, at),
                _ => {}
            }
        }
        places = next;
    }
    places.last() == Some(&true)
}

/// Marks a place, and those behind it that a wildcard's empty run reaches.
fn enter(places: &mut [bool], tokens: &[Token], mut at: usize) {
    while let Some(place) = places.get_mut(at) {
        *place = true;
        if !matches!(tokens.get(at), Some(Token::Within | Token::Across)) {
            return;
        }
        at += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, name: &str) -> bool {
        ChannelPattern::parse(pattern).unwrap().matches(&Channel::parse(name).unwrap())
    }

    #[test]
    fn a_star_stays_within_a_level_and_two_stars_cross_it() {
        for (pattern, name, expected) in [
            ("room-*", "room-42", true),
            ("room-*", "room-", true),
            ("room-*", "admin-1", false),
            ("room-*", "room-1/x", false),
            ("app_xyz/*", "app_xyz/room-1", true),
            ("app_xyz/*", "app_xyz/sub/deep", false),
            ("app_xyz/*", "other/x", false),
            ("app_xyz/**", "app_xyz/sub/deep", true),
            ("app_xyz/**", "app_xyz", false),
            ("**", "anything/at/all", true),
            ("*", "a/b", false),
            ("*/chat", "r1/chat", true),
            ("*/chat", "a/b/chat", false),
            ("**/chat", "a/b/chat", true),
            ("a*b*c", "aXbXbc", true),
            ("a*b*c", "aXbX/bc", false),
            ("a**b*c", "a/b/bXc", true),
            ("exact", "exact", true),
            ("exact", "exactly", false),
            ("exact", "exac", false),
        ] {
            assert_eq!(matches(pattern, name), expected, "{pattern} on {name}");
        }
    }

    #[test]
    fn a_backslash_takes_a_star_literally() {
        assert!(matches(r"a\*b", "a*b"));
        assert!(!matches(r"a\*b", "aXb"));
        assert!(matches(r"a\\*", r"a\b"));
        assert!(matches(r"a\b", r"a\b"));
    }

    #[test]
    fn a_malicious_pattern_costs_no_more_than_its_length_times_the_names() {
        let pattern = "*a".repeat(255);
        assert!(!matches(&pattern, &"a".repeat(254)));
    }

    #[test]
    fn a_pattern_must_say_something_and_not_too_much() {
        assert_eq!(ChannelPattern::parse(""), Err(InvalidPattern));
        assert_eq!(ChannelPattern::parse(&"a".repeat(513)), Err(InvalidPattern));
    }

    #[test]
    fn both_grants_must_permit() {
        let scope = |pattern: &str| [ChannelPattern::parse(pattern).unwrap()];
        let key = Grants::new([Action::Subscribe, Action::Send].into_iter().collect(), scope("app/**"));
        let token = Grants::new([Action::Subscribe, Action::Publish].into_iter().collect(), scope("**/chat"));
        let both = key.and(&token);
        assert!(
            both.permit(Action::Subscribe) && !both.permit(Action::Send) && !both.permit(Action::Publish)
        );
        assert!(both.reach(&Channel::parse("app/chat").unwrap()));
        assert!(!both.reach(&Channel::parse("other/chat").unwrap()));
        assert!(!both.reach(&Channel::parse("app/cursor").unwrap()));
        assert!(Grants::everything().and(&token).reach(&Channel::parse("x/chat").unwrap()));
    }
}
