//! Changes of a text, for properties: what is nearly right.

use proptest::{prelude::*, sample::Index};

/// A change of a text.
#[derive(Clone, Debug)]
pub enum Change {
    Insert(Index, String),
    Remove(Index, usize),
    Replace(Index, u8),
    Swap(Index, Index),
}

impl Change {
    /// Any of them.
    pub fn any() -> impl Strategy<Value = Self> {
        prop_oneof![
            (any::<Index>(), "[ -~]{1,3}").prop_map(|(at, text)| Self::Insert(at, text)),
            (any::<Index>(), 1..200_usize).prop_map(|(at, many)| Self::Remove(at, many)),
            (any::<Index>(), 32..127_u8).prop_map(|(at, to)| Self::Replace(at, to)),
            (any::<Index>(), any::<Index>()).prop_map(|(one, other)| Self::Swap(one, other)),
        ]
    }

    fn apply(&self, text: &mut Vec<u8>) {
        if text.is_empty() {
            return;
        }
        let length = text.len();
        match self {
            Self::Insert(at, new) => {
                let at = at.index(length);
                text.splice(at..at, new.bytes());
            }
            Self::Remove(at, many) => {
                let at = at.index(length);
                text.drain(at..(at + many).min(length));
            }
            Self::Replace(at, to) => text[at.index(length)] = *to,
            Self::Swap(one, other) => text.swap(one.index(length), other.index(length)),
        }
    }
}

/// A text after some changes.
pub fn changed(text: &str, changes: &[Change]) -> String {
    let mut bytes = text.as_bytes().to_vec();
    changes.iter().for_each(|change| change.apply(&mut bytes));
    String::from_utf8(bytes).unwrap()
}
