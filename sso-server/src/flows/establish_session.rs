//! A browser takes the session that an app's server began for it (`log_in_by_app`).
//!
//! The danger is login CSRF: somebody logs in at the app as themselves, and lays *their* link before
//! another person's browser, which from then on would act in the stranger's account (SECURITY-CASES
//! L-17, L-19). A link names no browser, so it takes more than a link:
//! - **In a page**, and by a form from a page, the browser itself says whose page it is (`Origin`,
//!   which no page can change or leave out), and only a page of the app that began the session counts.
//!   Whoever can make that page use a stranger's link is in that app already.
//! - **Behind a bare address** there is nobody to vouch for it: the person is asked, by name.
//! - **Where somebody else is signed in already** the person is asked in either case.
//!
//! A stolen link is used up with its first use, good for [`LINK_LIFETIME`](super::log_in_by_app), and
//! with it the person's own attempt fails, which they see. What the browser gets is a token that
//! nobody held before, the app's server included (fixation: L-16).

use super::{
    end_session::{self, Ending, Target},
    issue_session::IssuedSession,
    past_deadlocks,
};
use crate::{
    app::App,
    domain::{
        Millis,
        app::AppId,
        audit::{Act, Entry},
        id::UserId,
        session::LiveSession,
        token::{Digest, Token},
    },
    store::{
        StoreError, Stored, Tx, audit,
        establish_links::{self, EstablishLink},
        sessions::{self, HandedOver},
        users,
    },
};
use client_sdk::wire::Cause;

/// What a link leads to, before it is used.
#[derive(Debug)]
pub struct Offer {
    /// Whose session.
    pub user: UserId,
    /// Their name.
    pub username: String,
    /// The app that began it.
    pub app: AppId,
}

/// Looks at a link and uses nothing up; `None` when it is used, too old, or none.
pub async fn look(app: &App, link: &Token) -> Stored<Option<Offer>> {
    let mut connection = app.db.read().await?;
    let found = establish_links::peek(&mut connection, &link.digest(), app.clock.now()).await?;
    let Some(EstablishLink { user, app, .. }) = found else { return Ok(None) };
    let named = users::find(&mut connection, &user).await?;
    Ok(named.map(|named| Offer { user, username: named.username, app }))
}

/// Uses a link up: the session in it is this browser's from now on; `None` when the link is void, or
/// the session has ended. `current`, the session that the browser had until now, ends: it would
/// be named by nothing any more.
pub async fn establish(
    app: &App,
    link: &Token,
    current: Option<&LiveSession>,
    address: &str,
) -> Stored<Option<IssuedSession>> {
    past_deadlocks(StoreError::is_retryable, || try_establish(app, link, current, address)).await
}

async fn try_establish(
    app: &App,
    link: &Token,
    current: Option<&LiveSession>,
    address: &str,
) -> Stored<Option<IssuedSession>> {
    let now = app.clock.now();
    let mut tx = app.db.write().await?;
    let link = establish_links::take(&mut tx, &link.digest(), now).await?;
    let Some(EstablishLink { session, app: by, .. }) = link else { return Ok(None) };
    let Some((issued, taken)) = hand_over(app, &mut tx, &session, now).await? else {
        return Ok(None);
    };
    if let Some(current) = current.filter(|current| current.id != taken.id) {
        let why = Ending {
            address: Some(address),
            ..Ending::by(Cause::User, "another login in this browser")
        };
        end_session::end(app, &mut tx, &Target::Sessions(vec![current.id.clone()]), why, now)
            .await?;
    }
    let entry = Entry::new(now, Act::SessionEstablished)
        .user(&taken.user)
        .session(&taken.id)
        .app(&by)
        .address(address);
    audit::append(&mut tx, &[entry], &app.random).await?;
    tx.commit().await?;
    Ok(Some(issued))
}

/// The second half of what was done in a page. There a browser takes from us only cookies that travel
/// everywhere, and the session's own must not; so it got one that is good for this alone: on the
/// first page of ours it is exchanged, once, for the session's own. `None` when it is void.
pub async fn arrive(app: &App, held: &Token) -> Stored<Option<IssuedSession>> {
    let now = app.clock.now();
    let mut tx = app.db.write().await?;
    let Some((issued, _)) = hand_over(app, &mut tx, &held.digest(), now).await? else {
        return Ok(None);
    };
    tx.commit().await?;
    Ok(Some(issued))
}

async fn hand_over(
    app: &App,
    tx: &mut Tx,
    old: &Digest,
    now: Millis,
) -> Stored<Option<(IssuedSession, HandedOver)>> {
    let token = Token::fresh(&app.random);
    let taken = sessions::hand_over(tx, old, &token.digest(), now).await?;
    Ok(taken.map(|taken| {
        let left: Millis = taken.expires_at - now;
        let kept_for = taken.kept.then_some(left);
        (IssuedSession { id: taken.id.clone(), token, kept_for }, taken)
    }))
}
