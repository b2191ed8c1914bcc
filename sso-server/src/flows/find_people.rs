//! Looking for people by the beginning of a name, a mail address or an id.

use crate::{
    app::App,
    domain::user::search_key,
    store::{
        Stored,
        users::{self, SearchBy, UserRow},
    },
};

/// Longest text that is looked for, in bytes.
const QUERY_MAX: usize = 320;

/// A page of people.
#[derive(Clone, Debug)]
pub struct Found {
    /// Them.
    pub people: Vec<UserRow>,
    /// Behind which key the next page begins; `None` on the last one.
    pub next: Option<String>,
}

/// Finds at most `limit` people behind the key `after` (empty: from the beginning). What has an `@`
/// is a mail address, what looks like the beginning of an id is one, everything else is a name; and
/// whoever has an address that begins like it stands at the end of a first page with room left.
pub async fn find_people(app: &App, query: &str, after: &str, limit: i64) -> Stored<Found> {
    let none = Found { people: Vec::new(), next: None };
    if query.len() > QUERY_MAX || after.len() > QUERY_MAX {
        return Ok(none);
    }
    let key = search_key(query);
    let by = match &key {
        key if key.contains('@') => SearchBy::Email,
        key if looks_like_an_id(key) => SearchBy::Id,
        _ => SearchBy::Name,
    };
    let mut connection = app.db.read().await?;
    // One more than asked for says whether there is a next page.
    let mut rows = users::search(&mut connection, by, &key, after, limit + 1).await?;
    let room = usize::try_from(limit).unwrap_or_default();
    let next = (rows.len() > room)
        .then(|| rows.get(room.saturating_sub(1)).map(|(key, _)| key.clone()))
        .flatten();
    rows.truncate(room);
    let mut people: Vec<UserRow> = rows.into_iter().map(|(_, user)| user).collect();
    if by == SearchBy::Name && !key.is_empty() && after.is_empty() && people.len() < room {
        let left = i64::try_from(room - people.len()).unwrap_or_default();
        let more = users::search(&mut connection, SearchBy::Email, &key, "", limit).await?;
        let new = more.into_iter().map(|(_, user)| user);
        let new: Vec<_> =
            new.filter(|user| people.iter().all(|known| known.id != user.id)).collect();
        people.extend(new.into_iter().take(usize::try_from(left).unwrap_or_default()));
    }
    Ok(Found { people, next })
}

/// Nine characters of a UUID: eight hexadecimal digits and the first stroke.
fn looks_like_an_id(key: &str) -> bool {
    let hex = |part: &str| part.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-');
    key.len() >= 9 && hex(key) && key.as_bytes()[8] == b'-'
}
