//! Small facts about the installation.

use super::{Conn, Stored};

/// Reads a fact.
pub async fn get(conn: &mut Conn, id: &str) -> Stored<Option<String>> {
    let row: Option<(String,)> = sqlx::query_as("SELECT value FROM meta WHERE id = $1")
        .bind(id)
        .fetch_optional(conn)
        .await?;
    Ok(row.map(|(value,)| value))
}

/// Writes a fact over.
pub async fn put(conn: &mut Conn, id: &str, value: &str) -> Stored<()> {
    sqlx::query(
        "INSERT INTO meta (id, value) VALUES ($1, $2)
         ON CONFLICT (id) DO UPDATE SET value = excluded.value",
    )
    .bind(id)
    .bind(value)
    .execute(conn)
    .await?;
    Ok(())
}

/// Removes a fact.
pub async fn remove(conn: &mut Conn, id: &str) -> Stored<()> {
    sqlx::query("DELETE FROM meta WHERE id = $1").bind(id).execute(conn).await?;
    Ok(())
}

/// Writes a fact unless it is there; answers what stands there afterwards. Of several processes
/// the first decides.
pub async fn put_first(conn: &mut Conn, id: &str, value: &str) -> Stored<String> {
    sqlx::query("INSERT INTO meta (id, value) VALUES ($1, $2) ON CONFLICT (id) DO NOTHING")
        .bind(id)
        .bind(value)
        .execute(&mut *conn)
        .await?;
    Ok(get(conn, id).await?.unwrap_or_else(|| value.to_owned()))
}
