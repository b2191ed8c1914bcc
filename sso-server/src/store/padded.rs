//! Statements over many rows, in a few fixed sizes.
//!
//! A statement of its own for every number of rows would fill the prepared-statement caches. So
//! there are five sizes; what is missing to the next one is filled by repeating the last row, which
//! `ON CONFLICT DO NOTHING` and `IN (…)` do not notice.

use super::Conn;

/// Most rows of one statement.
pub const MOST: usize = 64;
const SIZES: [usize; 5] = [1, 4, 16, 32, MOST];

/// One statement in its sizes, as each database reads it.
pub(super) struct Padded {
    sqlite: [&'static str; SIZES.len()],
    postgres: [&'static str; SIZES.len()],
}

impl Padded {
    /// `head`, then a parenthesised tuple of `columns` placeholders for each row, then `tail`.
    /// Made once and kept for the life of the process, which is why leaking the text is no leak.
    pub(super) fn rows(head: &str, columns: usize, tail: &str) -> Self {
        // For each numbered placeholder sqlx asks SQLite for its name, and SQLite answers by counting
        // from the first: a statement would cost the square of its length. Bare ones have no name.
        let tuples = |placeholder: &dyn Fn(usize) -> String| {
            texts(head, tail, |row| {
                let columns: Vec<String> =
                    (1..=columns).map(|column| placeholder(row * columns + column)).collect();
                format!("({})", columns.join(", "))
            })
        };
        Self {
            sqlite: tuples(&|_| "?".to_owned()),
            postgres: tuples(&|number| format!("${number}")),
        }
    }

    /// The same for `IN (…)`: single placeholders, behind `fixed` others.
    pub(super) fn list(head: &str, fixed: usize, tail: &str) -> Self {
        let texts = texts(head, tail, |row| format!("${}", fixed + row + 1));
        Self { sqlite: texts, postgres: texts }
    }

    /// The same, and what is found stays as it is until the transaction ends: `lock` says how.
    /// SQLite has one writer and needs no lock for it, nor a word for one.
    pub(super) fn locking_list(head: &str, fixed: usize, lock: &str) -> Self {
        let postgres = Self::list(head, fixed, &format!(") {lock}")).postgres;
        Self { sqlite: Self::list(head, fixed, ")").sqlite, postgres }
    }

    /// The statement for `rows`, which are at most [`MOST`], and the rows with their padding.
    pub(super) fn fit<'a, T>(
        &self,
        conn: &Conn,
        rows: &'a [T],
    ) -> (&'static str, impl Iterator<Item = &'a T> + use<'a, T>) {
        let texts = if conn.backend_name() == "SQLite" { &self.sqlite } else { &self.postgres };
        let (which, padded) = pad(rows);
        (texts[which], padded)
    }
}

/// The text in each size.
fn texts(head: &str, tail: &str, row: impl Fn(usize) -> String) -> [&'static str; SIZES.len()] {
    SIZES.map(|size| {
        let rows: Vec<String> = (0..size).map(&row).collect();
        &*format!("{head}{}{tail}", rows.join(", ")).leak()
    })
}

/// Which size, and the rows as many as it has.
fn pad<T>(rows: &[T]) -> (usize, impl Iterator<Item = &T>) {
    debug_assert!(!rows.is_empty() && rows.len() <= MOST);
    let which = SIZES.iter().position(|size| *size >= rows.len()).unwrap_or(SIZES.len() - 1);
    let missing = SIZES[which] - rows.len();
    (which, rows.iter().chain(rows.last().into_iter().cycle().take(missing)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_and_padding() {
        let insert = Padded::rows("INSERT INTO t VALUES ", 2, " ON CONFLICT DO NOTHING");
        let (which, rows) = pad(&[1, 2]);
        assert_eq!(rows.copied().collect::<Vec<_>>(), [1, 2, 2, 2]);
        assert_eq!(
            insert.postgres[which],
            "INSERT INTO t VALUES ($1, $2), ($3, $4), ($5, $6), ($7, $8) ON CONFLICT DO NOTHING"
        );
        assert_eq!(
            insert.sqlite[which],
            "INSERT INTO t VALUES (?, ?), (?, ?), (?, ?), (?, ?) ON CONFLICT DO NOTHING"
        );
        let list = Padded::locking_list("SELECT 1 WHERE $1 < 2 AND x IN (", 1, "FOR SHARE");
        let (which, _) = pad(&['a']);
        assert_eq!(list.sqlite[which], "SELECT 1 WHERE $1 < 2 AND x IN ($2)");
        assert_eq!(list.postgres[which], "SELECT 1 WHERE $1 < 2 AND x IN ($2) FOR SHARE");
    }
}
