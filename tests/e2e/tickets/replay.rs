//! A ticket is spent once. A lost answer may be heard again; a second use may not.

use std::time::Duration;

use futures_util::future::join_all;
use harness::{Answer, Passport, SECOND, TestApp, on_both};
use serde_json::{Value, json};
use sso_server::{config::OnReuse, flows::users};
use tokio::{io::AsyncWriteExt, net::TcpStream};

use crate::scene::{Scene, assert_problem, fact, insist};

const KEY: &str = "idempotency-key";

/// Redeems under a key, with something else in the body.
async fn redeem_with(app: &TestApp, ticket: &str, key: &str, more: Value) -> Answer {
    let mut body = json!({ "ticket": ticket, "return_to": app.return_to });
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    app.redeem_body(body, &[(KEY, key)]).await
}

async fn redeem_under(app: &TestApp, ticket: &str, key: &str) -> Answer {
    redeem_with(app, ticket, key, json!({})).await
}

// SECURITY-CASES T-05
#[actix_web::test]
async fn a_second_use_is_refused_and_noted_as_possible_theft() {
    on_both(async |database| {
        let mut scene = Scene::on(database).await;
        let ticket = scene.ticket().await;
        let first = scene.aw.redeem(&ticket).await;
        assert_eq!(first.status, 200, "{}", first.body);
        for _ in 0..3 {
            let line = scene.refuses("already_used", scene.aw.redeem(&ticket)).await;
            assert_eq!(fact(&line, "possible_theft"), true);
            assert_eq!(line.user.as_deref(), Some(scene.member.as_str()));
        }
        assert_eq!((scene.spent().await, scene.entered().await), (1, 1));
        let id = first.json()["app_session"].as_str().unwrap().to_owned();
        assert_eq!(scene.aw.status(&id).await.json()["state"], "active", "refusing is the default");
        let next = scene.ticket().await;
        assert_eq!(scene.aw.redeem(&next).await.status, 200, "control");
    })
    .await;
}

// SECURITY-CASES T-05: the switch. Only what proves to be the ticket's own use ends anything, or a
// stranger could end sessions by showing old tickets.
#[actix_web::test]
async fn a_second_use_ends_what_the_first_has_opened_if_so_configured() {
    on_both(async |database| {
        let switch = |config: &mut sso_server::config::Config| {
            config.ticket.on_reuse = OnReuse::EndAppSession;
        };
        let mut scene = Scene::with(database, switch).await;
        let ticket = scene.ticket().await;
        let first = scene.aw.redeem(&ticket).await.json();
        let id = first["app_session"].as_str().unwrap();
        let state = async || scene.aw.status(id).await.json()["state"].clone();

        scene.refuses("already_used", scene.bw.redeem(&ticket)).await;
        let elsewhere = json!({ "ticket": ticket, "return_to": scene.bw.return_to });
        scene.refuses("already_used", scene.aw.redeem_body(elsewhere, &[])).await;
        assert_eq!(state().await, "active", "not by another app, not with another URL");
        assert_eq!(scene.aw.events("0").await.events, []);

        scene.refuses("already_used", scene.aw.redeem(&ticket)).await;
        assert_eq!(state().await, "ended");
        let events = scene.aw.events("0").await.events;
        assert_eq!(events.len(), 1);
        assert_eq!(events[0].app_session.as_deref(), Some(id));
        assert!(scene.browser.is_signed_in().await, "the session behind it goes on");

        scene.refuses("already_used", scene.aw.redeem(&ticket)).await;
        assert_eq!(scene.aw.events("0").await.events.len(), 1, "once");
    })
    .await;
}

// SECURITY-CASES T-10
#[actix_web::test]
async fn the_same_app_hears_the_same_answer_under_the_same_key() {
    on_both(async |database| {
        let mut scene = Scene::on(database).await;
        let ticket = scene.ticket().await;
        let first = redeem_under(&scene.aw, &ticket, "k-1").await;
        assert_eq!(first.status, 200, "{}", first.body);
        let lines = scene.audit_lines().await;
        for _ in 0..3 {
            let again = redeem_under(&scene.aw, &ticket, "k-1").await;
            assert_eq!((again.status, again.json()), (first.status, first.json()));
        }
        assert_eq!((scene.spent().await, scene.entered().await), (1, 1), "one app session");
        assert_eq!(scene.audit_lines().await, lines, "a repeated answer is no theft");

        for key in ["k-2", "K-1", "k-1x", "k-"] {
            scene.refuses("already_used", redeem_under(&scene.aw, &ticket, key)).await;
        }
        scene.refuses("already_used", scene.aw.redeem(&ticket)).await;
        scene.refuses("already_used", redeem_under(&scene.bw, &ticket, "k-1")).await;
        let mut as_aw = scene.bw.clone();
        as_aw.return_to = scene.aw.return_to.clone();
        scene.refuses("already_used", redeem_under(&as_aw, &ticket, "k-1")).await;
        for other in [
            json!({ "return_to": scene.bw.return_to }),
            json!({ "return_to": null }),
            json!({ "verifier": harness::app::VERIFIER }),
        ] {
            let asked = redeem_with(&scene.aw, &ticket, "k-1", other);
            scene.refuses("already_used", asked).await;
        }
        let other_ticket = scene.ticket().await;
        let other = redeem_under(&scene.aw, &other_ticket, "k-1").await.json();
        assert_ne!(other["app_session"], first.json()["app_session"], "a key is of one ticket");
        assert_eq!(redeem_under(&scene.aw, &ticket, "k-1").await.json(), first.json(), "control");
    })
    .await;
}

// SECURITY-CASES T-10: what holds for the first answer holds for the repeated one.
#[actix_web::test]
async fn an_answer_is_not_repeated_when_it_is_no_longer_true() {
    on_both(async |database| {
        let mut scene = Scene::on(database).await;
        let opened = async |scene: &mut Scene, key: &str| {
            let ticket = scene.ticket().await;
            let first = redeem_under(&scene.aw, &ticket, key).await;
            assert_eq!(first.status, 200, "{}", first.body);
            (ticket, first.json()["app_session"].as_str().unwrap().to_owned())
        };

        let (ticket, _) = opened(&mut scene, "expired").await;
        scene.passport.advance(59 * SECOND);
        assert_eq!(redeem_under(&scene.aw, &ticket, "expired").await.status, 200, "control");
        scene.passport.advance(SECOND);
        scene.refuses("already_used", redeem_under(&scene.aw, &ticket, "expired")).await;

        let (ticket, _) = opened(&mut scene, "too-old").await;
        let fresh = redeem_with(&scene.aw, &ticket, "too-old", json!({ "max_age": 3_600 })).await;
        assert_eq!(fresh.status, 200, "control");
        let asked = redeem_with(&scene.aw, &ticket, "too-old", json!({ "max_age": 30 }));
        scene.refuses("too_old", asked).await;

        let (ticket, _) = opened(&mut scene, "suspended").await;
        set_activation(&scene.passport, "suspended").await;
        scene.passport.advance(1);
        let barred = redeem_under(&scene.aw, &ticket, "suspended").await;
        assert_problem(&barred, 403, "not_allowed");
        assert_eq!(fact(&scene.passport.audited("ticket.refused").await, "why"), "user_barred");
        set_activation(&scene.passport, "active").await;
        assert_eq!(redeem_under(&scene.aw, &ticket, "suspended").await.status, 200, "control");

        let (ticket, app_session) = opened(&mut scene, "ended").await;
        scene.aw.end(&app_session, "app").await;
        scene.refuses("already_used", redeem_under(&scene.aw, &ticket, "ended")).await;

        let (ticket, _) = opened(&mut scene, "signed-out").await;
        scene.browser.sign_out().await;
        scene.refuses("already_used", redeem_under(&scene.aw, &ticket, "signed-out")).await;

        scene.browser.sign_in("member").await;
        let (ticket, _) = opened(&mut scene, "disabled").await;
        users::disable(&scene.passport.app, "member", false).await.unwrap();
        scene.refuses("already_used", redeem_under(&scene.aw, &ticket, "disabled")).await;
    })
    .await;
}

/// Sets the member's standing everywhere. There is no call for it yet.
async fn set_activation(passport: &Passport, state: &'static str) {
    let mut tx = passport.app.db.write().await.unwrap();
    let done = sqlx::query("UPDATE activations SET state = $1").bind(state).execute(&mut *tx);
    assert_eq!(done.await.unwrap().rows_affected(), 1);
    tx.commit().await.unwrap();
}

// SECURITY-CASES T-10
#[actix_web::test]
async fn a_burned_ticket_stays_burned_under_any_key() {
    let mut scene = Scene::start().await;
    let ticket = scene.ticket().await;
    let wrong = json!({ "return_to": scene.bw.return_to });
    scene.refuses("wrong_return_url", redeem_with(&scene.aw, &ticket, "k", wrong)).await;
    scene.refuses("already_used", redeem_under(&scene.aw, &ticket, "k")).await;
    let ticket = scene.ticket().await;
    assert_eq!(scene.aw.redeem(&ticket).await.status, 200, "without a key");
    scene.refuses("already_used", redeem_under(&scene.aw, &ticket, "k")).await;
}

#[actix_web::test]
async fn a_key_is_one_short_visible_word() {
    let mut scene = Scene::start().await;
    let ticket = scene.ticket().await;
    let long = "k".repeat(256);
    for key in ["", " ", "a b", "a\tb", "\u{e9}", &long] {
        assert_problem(&redeem_under(&scene.aw, &ticket, key).await, 400, "invalid_request");
    }
    let body = json!({ "ticket": ticket, "return_to": scene.aw.return_to });
    let twice = scene.aw.redeem_body(body, &[(KEY, "a"), (KEY, "a")]).await;
    assert_problem(&twice, 400, "invalid_request");
    assert_eq!(scene.spent().await, 0);
    assert_eq!(redeem_under(&scene.aw, &ticket, &long[1..]).await.status, 200, "control: 255");
}

// SECURITY-CASES T-10
#[actix_web::test]
async fn all_who_ask_at_once_under_one_key_hear_the_same() {
    on_both(async |database| {
        let mut scene = Scene::on(database).await;
        let ticket = scene.ticket().await;
        let ask = async || redeem_under(&scene.aw, &ticket, "k").await;
        let asked = (0..32).map(|_| insist(ask));
        let answers = join_all(asked).await;
        let first = answers[0].json();
        assert_eq!(first["user"]["id"], scene.member);
        for answer in &answers {
            assert_eq!((answer.status.as_u16(), answer.json()), (200, first.clone()));
        }
        assert_eq!((scene.spent().await, scene.entered().await), (1, 1));
    })
    .await;
}

// SECURITY-CASES T-10: the app's connection breaks after the commit, before the answer.
#[actix_web::test]
async fn a_lost_answer_is_heard_again() {
    on_both(async |database| {
        let mut scene = Scene::on(database).await;
        let ticket = scene.ticket().await;
        let body = json!({ "ticket": ticket, "return_to": scene.aw.return_to }).to_string();
        let host = scene.passport.url.split_once("://").unwrap().1;
        let request = format!(
            "POST /api/v1/tickets/redeem HTTP/1.1\r\nHost: {host}\r\nAuthorization: {}\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\nIdempotency-Key: lost\r\n\r\n{body}",
            scene.aw.authorization(),
            body.len(),
        );
        let mut connection = TcpStream::connect(scene.passport.address).await.unwrap();
        connection.write_all(request.as_bytes()).await.unwrap();
        until(async || scene.entered().await == 1).await;
        drop(connection);

        let recorded = scene.passport.text("SELECT id FROM app_sessions").await;
        let again = redeem_under(&scene.aw, &ticket, "lost").await;
        assert_eq!(again.status, 200, "{}", again.body);
        assert_eq!(again.json()["app_session"], recorded);
        assert_eq!(again.json()["user"]["id"], scene.member);
        scene.refuses("already_used", redeem_under(&scene.aw, &ticket, "other")).await;
        scene.refuses("already_used", scene.aw.redeem(&ticket)).await;
        assert_eq!((scene.spent().await, scene.entered().await), (1, 1));
    })
    .await;
}

/// Asks until it is so. For what the server does without an answer that one could wait for.
async fn until(so: impl AsyncFn() -> bool) {
    for _ in 0..2_000 {
        if so().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("it never came to be");
}
