//! A Passport that may push to this machine.

use client_sdk::wire::{Cause, Redeemed};
use harness::{Database, Passport, TestApp};
use sso_server::{
    domain::id::LogoutId,
    flows::{
        end_session::{Ending, end_session},
        prove_logout::{AppProof, prove_logout},
    },
};

/// Nobody is at any stream.
pub(super) const CLAIMED: &str = "SELECT COUNT(*) FROM push_streams WHERE claimed_by IS NOT NULL";

pub(super) async fn passport(database: Database) -> Passport {
    Passport::with(database, |config| config.outgoing.allow_loopback = true).await
}

/// Lets somebody in at an app; the account is made when it is not there.
pub(super) async fn enter(passport: &Passport, app: &TestApp, name: &str) -> Redeemed {
    passport.add_user(name).await;
    let mut browser = passport.signed_in(name).await;
    app.enter(&mut browser).await
}

/// An admin ends the session behind it.
pub(super) async fn force_out(passport: &Passport, entered: &Redeemed) -> LogoutId {
    let session = entered.session.as_str().into();
    let ended = end_session(&passport.app, &session, Ending::by_operator(Cause::Admin)).await;
    ended.unwrap().logout.unwrap()
}

/// How far an app is.
pub(super) async fn of_app(passport: &Passport, logout: &LogoutId, app: &str) -> AppProof {
    let proof = prove_logout(&passport.app, logout).await.unwrap().unwrap();
    proof.apps.into_iter().find(|one| one.app.as_str() == app).unwrap()
}

/// Waits until an attempt has failed for the `n`th time in a row, and written so.
pub(super) async fn failed(passport: &Passport, n: i64) {
    passport.until("SELECT attempt FROM push_streams", n).await;
}
