//! `activations`: where a person stands at an app.

use client_sdk::wire::ActivationState;

use super::{Conn, StoreError, Stored, Tx};
use crate::domain::{
    Millis,
    app::{App, AppId},
    id::UserId,
};

/// Notes that a person has entered an app for the first time.
pub async fn first_entry(tx: &mut Tx, user: &UserId, app: &App, now: Millis) -> Stored<()> {
    sqlx::query(
        "INSERT INTO activations (user_id, app_id, state, since) VALUES ($1, $2, 'new', $3)
         ON CONFLICT (user_id, app_id) DO NOTHING",
    )
    .bind(user.as_str())
    .bind(app.id.as_str())
    .bind(now)
    .execute(&mut **tx)
    .await?;
    sqlx::query("UPDATE users SET app_flag = app_flag | $1 WHERE id = $2")
        .bind(app.mask())
        .bind(user.as_str())
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// The apps that have suspended a person.
pub async fn suspended_at(conn: &mut Conn, user: &UserId) -> Stored<Vec<AppId>> {
    let rows: Vec<(String,)> =
        sqlx::query_as("SELECT app_id FROM activations WHERE user_id = $1 AND state = 'suspended'")
            .bind(user.as_str())
            .fetch_all(conn)
            .await?;
    Ok(rows.into_iter().map(|(id,)| AppId::stored(id)).collect())
}

/// Reads a stored state.
pub(super) fn state(text: String) -> Stored<ActivationState> {
    match text.as_str() {
        "new" => Ok(ActivationState::New),
        "active" => Ok(ActivationState::Active),
        "suspended" => Ok(ActivationState::Suspended),
        _ => Err(StoreError::Unreadable { what: "activations.state", why: text }),
    }
}
