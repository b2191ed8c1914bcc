//! Tokens for programs that administer Passport.

use crate::{
    app::App,
    domain::{
        MINUTE, Millis,
        admin::{AdminToken, Scope, TokenNameError, token_name},
        audit::{Act, Entry},
        id::fresh_text,
    },
    store::{
        StoreError, Stored,
        admin_tokens::{self, NewToken, TokenRow},
        audit,
    },
};

/// Why an operator's wish is not granted.
#[derive(Debug, thiserror::Error)]
pub enum AdminTokensError {
    /// The name cannot be.
    #[error(transparent)]
    Name(#[from] TokenNameError),
    /// A token that may do nothing is a mistake.
    #[error("a token needs at least one scope")]
    NoScope,
    /// There is, or was, one of this name.
    #[error("there is, or was, a token called {0}; names are not reused")]
    Taken(String),
    /// None of this name is good.
    #[error("no good token is called {0}")]
    Unknown(String),
    /// The database is out of reach.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Makes a token, good for `life` or until it is revoked; nobody sees it again.
pub async fn add(
    app: &App,
    name: &str,
    scopes: &[Scope],
    life: Option<Millis>,
) -> Result<AdminToken, AdminTokensError> {
    let name = token_name(name)?;
    let mut scopes = scopes.to_vec();
    scopes.sort_unstable();
    scopes.dedup();
    if scopes.is_empty() {
        return Err(AdminTokensError::NoScope);
    }
    let now = app.clock.now();
    let token = AdminToken::fresh(&app.random);
    let expires_at = life.map(|life| now.saturating_add(life));
    let id = fresh_text(now, &app.random);
    let digest = token.digest();
    let mut tx = app.db.write().await?;
    let new = NewToken { id: &id, name, digest: &digest, scopes: &scopes, now, expires_at };
    match admin_tokens::insert(&mut tx, new).await {
        Err(error) if error.is_conflict() => return Err(AdminTokensError::Taken(name.to_owned())),
        result => result?,
    }
    let words: Vec<&str> = scopes.iter().map(|scope| scope.as_str()).collect();
    let entry = Entry::new(now, Act::AdminTokenAdded)
        .fact("by", "operator")
        .fact("name", name)
        .fact("scopes", words);
    audit::append(&mut tx, &[entry], &app.random).await?;
    tx.commit().await?;
    Ok(token)
}

/// Revokes a token: from this commit on no node accepts it.
pub async fn revoke(app: &App, name: &str) -> Result<(), AdminTokensError> {
    let now = app.clock.now();
    let mut tx = app.db.write().await?;
    if !admin_tokens::revoke(&mut tx, name, now).await? {
        return Err(AdminTokensError::Unknown(name.to_owned()));
    }
    let entry = Entry::new(now, Act::AdminTokenRevoked).fact("by", "operator").fact("name", name);
    audit::append(&mut tx, &[entry], &app.random).await?;
    tx.commit().await?;
    Ok(())
}

/// All tokens, also the revoked ones.
pub async fn list(app: &App) -> Stored<Vec<TokenRow>> {
    admin_tokens::list(&mut *app.db.read().await?).await
}

/// Whose token this is, if it is good.
pub async fn recognise(app: &App, token: &AdminToken) -> Stored<Option<TokenRow>> {
    let now = app.clock.now();
    let found = admin_tokens::find_good(&mut *app.db.read().await?, &token.digest(), now).await?;
    if let Some(found) = &found
        && found.last_used_at.is_none_or(|last| last <= now - MINUTE)
    {
        let mut tx = app.db.write().await?;
        admin_tokens::touch(&mut tx, &found.id, now, now - MINUTE).await?;
        tx.commit().await?;
    }
    Ok(found)
}
