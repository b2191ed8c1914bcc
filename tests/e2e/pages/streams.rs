//! The log as a stream of server-sent events (WHATWG HTML section 9.2).

use harness::{Database, HOUR, Passport, on_both};
use sso_server::flows::apps;

use crate::scene::{Stream, until};

#[actix_web::test]
async fn a_stream_tells_each_end_as_it_happens_by_its_place_in_the_log() {
    on_both(async |database| {
        let passport = Passport::on(database).await;
        passport.add_user("member").await;
        let (aw, bw) = (passport.add_app("aw").await, passport.add_app("bw").await);
        let mut stream = Stream::open(&aw, &passport, "instance=s", &[]).await;
        assert_eq!(stream.status(), 200);
        assert_eq!(stream.header("content-type"), "text/event-stream");
        assert_eq!(stream.header("cache-control"), "no-store");
        assert_eq!(stream.header("x-accel-buffering"), "no");
        assert_eq!(stream.header("content-encoding"), "", "compressors hold back what they have");
        let ready = stream.next().await.unwrap();
        assert_eq!((ready.event.as_str(), ready.id.as_str()), ("ready", "0"));
        assert_eq!(ready.data["lease_seconds"], 60);

        for round in 1..=3 {
            let mut browser = passport.signed_in("member").await;
            let entered = aw.enter(&mut browser).await;
            bw.enter(&mut browser).await;
            browser.sign_out().await;
            let sent = stream.news().await.unwrap();
            assert_eq!(sent.event, "session.ended");
            assert_eq!(sent.id, round.to_string());
            assert_eq!(sent.data["app_session"], entered.app_session);
            assert_eq!(sent.data["cause"], "user");
            let polled = aw.events(&(round - 1).to_string()).await.events;
            assert_eq!(sent.data, serde_json::json!(polled[0]), "the same as by poll");
        }
    })
    .await;
}

// SECURITY-CASES B-18: whoever comes back misses nothing, and reading alone confirms nothing.
#[actix_web::test]
async fn a_stream_goes_on_where_the_reader_was() {
    on_both(async |database| {
        let passport = Passport::on(database).await;
        passport.add_user("member").await;
        let aw = passport.add_app("aw").await;
        let mut ended = Vec::new();
        for _ in 0..3 {
            let mut browser = passport.signed_in("member").await;
            ended.push(aw.enter(&mut browser).await.app_session);
            browser.sign_out().await;
        }
        let confirmed = async || {
            passport.count("SELECT COALESCE(MAX(acknowledged), -1) FROM app_instances").await
        };

        let mut stream = Stream::open(&aw, &passport, "after=0&instance=s", &[]).await;
        for id in &ended {
            assert_eq!(stream.news().await.unwrap().data["app_session"], id.as_str());
        }
        assert_eq!(confirmed().await, 0, "what was sent is not confirmed by being sent");
        drop(stream);

        // As an EventSource does: the first URL again, and how far it got.
        let query = "after=0&instance=s";
        let mut again = Stream::open(&aw, &passport, query, &[("last-event-id", "2")]).await;
        let sent = again.news().await.unwrap();
        assert_eq!((sent.id.as_str(), &sent.data["app_session"]), ("3", &ended[2].as_str().into()));
        assert_eq!(confirmed().await, 2, "asking after a place confirms what came before it");

        let mut at_end = Stream::open(&aw, &passport, "after=3&instance=s", &[]).await;
        let first = at_end.next().await.unwrap();
        let told = (first.event.as_str(), first.id.as_str());
        assert_eq!(told, ("heartbeat", "3"), "a sign of life at once");
        assert_eq!(confirmed().await, 3);
    })
    .await;
}

#[actix_web::test]
async fn a_stream_that_cannot_be_is_refused_and_not_left_empty() {
    let passport = Passport::start().await;
    let aw = passport.add_app("aw").await;
    for (what, query, headers) in [
        ("beyond the end", "after=1", vec![]),
        ("no cursor", "after=x", vec![]),
        ("an odd name", "after=0&instance=a%20b", vec![]),
        ("beyond the end by header", "after=0", vec![("last-event-id", "9")]),
        ("no cursor by header", "", vec![("last-event-id", "x")]),
    ] {
        let stream = Stream::open(&aw, &passport, query, &headers).await;
        assert_eq!(stream.status(), 400, "{what}");
        assert_eq!(stream.header("content-type"), "application/problem+json", "{what}");
        assert_eq!(stream.json().await["code"], "invalid_request", "{what}");
    }
    let mut stranger = aw.clone();
    stranger.secret = format!("{}{}", &aw.secret[1..], &aw.secret[..1]);
    let stream = Stream::open(&stranger, &passport, "after=0", &[]).await;
    assert_eq!(stream.status(), 401);
    // A poll knows nothing of the header.
    let answer =
        aw.call(reqwest::Method::GET, "/api/v1/events?after=0", None, &[("last-event-id", "9")]);
    assert_eq!(answer.await.status, 200);
}

// SECURITY-CASES B-18: the ways out of the registry are ways out of the stream.
#[actix_web::test]
async fn a_stream_ends_with_the_standing_of_its_app() {
    on_both(async |database| {
        for change in ["disabled", "deleted", "new secret", "old secret runs out"] {
            let passport = Passport::on(database).await;
            passport.add_user("member").await;
            let (mut aw, bw) = (passport.add_app("aw").await, passport.add_app("bw").await);
            let old = aw.clone();
            if change == "old secret runs out" {
                let secret = apps::rotate_secret(&passport.app, "aw", HOUR).await.unwrap();
                aw.secret = secret.expose().to_owned();
            }
            let mut stream = Stream::open(&old, &passport, "after=0", &[]).await;
            let mut others = Stream::open(&bw, &passport, "after=0", &[]).await;
            let mut browser = passport.signed_in("member").await;
            aw.enter(&mut browser).await;
            bw.enter(&mut browser).await;
            let second = aw.enter(&mut browser).await;
            assert_eq!(stream.next().await.unwrap().event, "heartbeat");
            match change {
                "disabled" => {
                    apps::disable(&passport.app, "aw").await.unwrap();
                }
                "deleted" => {
                    apps::delete(&passport.app, "aw").await.unwrap();
                }
                "new secret" => {
                    let secret = apps::rotate_secret(&passport.app, "aw", 0).await.unwrap();
                    aw.secret = secret.expose().to_owned();
                    aw.end(&second.app_session, "app").await;
                }
                _ => {
                    passport.advance(HOUR);
                    aw.end(&second.app_session, "app").await;
                }
            }
            // What woke it may still be told; after that it ends.
            let told = stream.ends().await;
            assert!(told <= 2, "{database:?}, {change}: {told}");
            let again = Stream::open(&old, &passport, "after=0", &[]).await;
            assert_eq!(again.status(), 401, "{change}: and it does not begin again");

            browser.sign_out().await;
            assert_eq!(
                others.news().await.unwrap().event,
                "session.ended",
                "{change}: bw reads on"
            );
        }
    })
    .await;
}

// A secret that ran out long ago ends nobody's stream.
#[actix_web::test]
async fn a_stream_outlives_a_change_of_secret_before_it() {
    let passport = Passport::start().await;
    passport.add_user("member").await;
    let mut aw = passport.add_app("aw").await;
    let secret = apps::rotate_secret(&passport.app, "aw", HOUR).await.unwrap();
    aw.secret = secret.expose().to_owned();
    passport.advance(2 * HOUR);
    let mut stream = Stream::open(&aw, &passport, "after=0", &[]).await;
    for _ in 0..2 {
        let mut browser = passport.signed_in("member").await;
        aw.enter(&mut browser).await;
        browser.sign_out().await;
        assert_eq!(stream.news().await.unwrap().event, "session.ended");
    }
}

#[actix_web::test]
async fn streams_end_when_the_server_stops_and_readers_may_leave() {
    let passport = Passport::on(Database::Sqlite).await;
    passport.add_user("member").await;
    let aw = passport.add_app("aw").await;
    let mut stays = Stream::open(&aw, &passport, "after=0", &[]).await;
    for _ in 0..50 {
        drop(Stream::open(&aw, &passport, "after=0", &[]).await);
    }
    let mut browser = passport.signed_in("member").await;
    aw.enter(&mut browser).await;
    browser.sign_out().await;
    assert_eq!(stays.news().await.unwrap().event, "session.ended");
    let app = passport.app.clone();
    let stopped = actix_web::rt::spawn(passport.stop());
    assert_eq!(stays.ends().await, 0);
    crate::scene::came(stopped).await;
    until("the database is closed", async || app.db.ping().await.is_err()).await;
}
