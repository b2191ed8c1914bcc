//! Statements over many rows, in a few fixed sizes.
//!
//! A statement of its own for every number of rows would fill the prepared-statement caches. So
//! there are four sizes; what is missing to the next one is filled by repeating the last row, which
//! `ON CONFLICT DO NOTHING` and `IN (…)` do not notice.

/// Most rows of one statement. More would be worse: for each parameter sqlx asks SQLite for its name,
/// and SQLite answers by counting from the first, so a statement costs the square of its length.
pub const MOST: usize = 32;
const SIZES: [usize; 4] = [1, 4, 16, MOST];

/// One statement in its sizes.
pub(super) struct Padded {
    texts: [&'static str; 4],
}

impl Padded {
    /// `head`, then a parenthesised tuple of `columns` placeholders for each row, then `tail`.
    /// `fixed` placeholders come before the rows'. Made once and kept for the life of the process,
    /// which is why leaking the text is no leak.
    pub(super) fn rows(head: &str, fixed: usize, columns: usize, tail: &str) -> Self {
        Self::new(head, fixed, columns, tail, true)
    }

    /// The same for `IN (…)`: single placeholders.
    pub(super) fn list(head: &str, fixed: usize, tail: &str) -> Self {
        Self::new(head, fixed, 1, tail, false)
    }

    fn new(head: &str, fixed: usize, columns: usize, tail: &str, tuples: bool) -> Self {
        let texts = SIZES.map(|size| {
            let mut sql = head.to_owned();
            let mut number = fixed;
            for row in 0..size {
                sql.push_str(if row == 0 { "" } else { ", " });
                sql.push_str(if tuples { "(" } else { "" });
                for column in 0..columns {
                    number += 1;
                    sql.push_str(if column == 0 { "$" } else { ", $" });
                    sql.push_str(&number.to_string());
                }
                sql.push_str(if tuples { ")" } else { "" });
            }
            sql.push_str(tail);
            &*sql.leak()
        });
        Self { texts }
    }

    /// The statement for `rows`, which are at most [`MOST`], and the rows with their padding.
    pub(super) fn fit<'a, T>(&self, rows: &'a [T]) -> (&'static str, impl Iterator<Item = &'a T>) {
        debug_assert!(!rows.is_empty() && rows.len() <= MOST);
        let which = SIZES.iter().position(|size| *size >= rows.len()).unwrap_or(SIZES.len() - 1);
        let missing = SIZES[which] - rows.len();
        (self.texts[which], rows.iter().chain(rows.last().into_iter().cycle().take(missing)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_and_padding() {
        let insert = Padded::rows("INSERT INTO t VALUES ", 0, 2, " ON CONFLICT DO NOTHING");
        let (sql, rows) = insert.fit(&[1, 2]);
        assert_eq!(
            sql,
            "INSERT INTO t VALUES ($1, $2), ($3, $4), ($5, $6), ($7, $8) ON CONFLICT DO NOTHING"
        );
        assert_eq!(rows.copied().collect::<Vec<_>>(), [1, 2, 2, 2]);
        let list = Padded::list("SELECT 1 WHERE $1 < 2 AND x IN (", 1, ")");
        assert_eq!(list.fit(&['a']).0, "SELECT 1 WHERE $1 < 2 AND x IN ($2)");
    }
}
