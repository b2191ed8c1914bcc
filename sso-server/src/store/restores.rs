//! `registry`'s row `restored`: when the database was last put back from a backup, and what is void
//! by that.

use super::{Conn, Stored, Tx};
use crate::domain::Millis;

/// Writes down that the database was put back at `now`. Tickets from before are void from the
/// commit on.
pub async fn mark(tx: &mut Tx, now: Millis) -> Stored<()> {
    sqlx::query(
        "UPDATE registry SET version = CASE WHEN version < $1 THEN $1 ELSE version END
         WHERE id = 'restored'",
    )
    .bind(now)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// The time of the youngest audit line, 0 when there is none: nothing in the database was written
/// much later, as whatever begins a session writes one.
pub async fn latest_line_at(conn: &mut Conn) -> Stored<Millis> {
    let row: Option<(i64,)> = sqlx::query_as("SELECT at FROM audit ORDER BY id DESC LIMIT 1")
        .fetch_optional(conn)
        .await?;
    Ok(row.map_or(0, |(at,)| at))
}
