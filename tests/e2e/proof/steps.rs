//! Whoever pushes loses its database at each of its questions, one after the other: before the claim,
//! after it, after the POST, before the mark, after it. Another one finishes.

use std::sync::Arc;

use client_sdk::wire::Cause;
use harness::{Database, MINUTE, Passport, Receiver, faults::FaultyPostgres};
use sso_server::{
    app::App,
    domain::app::AppId,
    flows::{
        end_session::{Ending, end_app_session},
        push::{Turn, send_all},
    },
    random::Random,
    store::push_streams,
};

/// More questions than two turns ask.
const MOST: i64 = 120;

/// Passport without its pages and without its work beside.
async fn bare(passport: &Passport, url: &str) -> Arc<App> {
    let mut config = passport.app.config.clone();
    url.clone_into(&mut config.database.url);
    config.database.max_connections = 1;
    App::open(config, passport.clock.clone(), Random::system()).await.unwrap()
}

/// Waits until `app` can ask again.
async fn recovered(app: &App, client: &AppId) {
    for _ in 0..20 {
        if let Ok(mut connection) = app.db.read().await
            && push_streams::find(&mut connection, client).await.is_ok()
        {
            return;
        }
    }
    panic!("the node does not recover");
}

// SECURITY-CASES W-02, W-03, W-05, B-06
#[actix_web::test]
async fn cut_off_at_any_step_it_is_told_at_least_once_under_one_name() {
    let passport =
        Passport::with(Database::Postgres, |config| config.outgoing.allow_loopback = true).await;
    let receiver = Receiver::start().await;
    let (aw, secret) = passport.add_pushed("aw", &receiver.url()).await;
    passport.add_user("member").await;
    let url = passport.app.config.database.url.clone();
    let (faults, through) = FaultyPostgres::before(&url).await;
    let (doomed, steady) = (bare(&passport, &through).await, bare(&passport, &url).await);
    let mut browser = passport.signed_in("member").await;
    let mut entered = Vec::new();
    for _ in 0..MOST {
        entered.push(aw.enter(&mut browser).await.app_session);
    }
    let clock = passport.clock.clone();
    let advance = |millis| {
        let sso_server::clock::Clock::Manual(now) = &clock else { panic!() };
        now.fetch_add(millis, std::sync::atomic::Ordering::SeqCst);
    };
    // Whatever is sent from here on these two send.
    passport.stop().await;
    let client = AppId::parse("aw").unwrap();
    let (mut entered, mut outcomes) = (entered.into_iter(), Vec::new());
    for answer_is_lost in [false, true] {
        for question in 1.. {
            recovered(&doomed, &client).await;
            let one = entered.next().expect("more questions than were reckoned with");
            let why = Ending::by_operator(Cause::Admin);
            end_app_session(&steady, &client, &one.as_str().into(), why).await.unwrap().unwrap();
            let before = receiver.got().len();
            if answer_is_lost {
                faults.lose_answer_at(question);
            } else {
                faults.fail_at(question);
            }
            let turn = send_all(&doomed, "doomed", &client, None).await;
            let cut = faults.heal();
            // A claim that nobody gave back runs out.
            advance(MINUTE);
            let finished = send_all(&steady, "steady", &client, None).await.unwrap();
            assert!(matches!(finished, Turn::Done { .. }), "{finished:?}");
            let got = receiver.got().split_off(before);
            assert!(!got.is_empty(), "never told after a cut at {question}: {turn:?}");
            let first = got[0].id();
            for got in &got {
                let event = got.open(&secret, got.timestamp()).unwrap();
                assert_eq!(event.app_session.as_deref(), Some(one.as_str()));
                assert_eq!((got.id(), event.id.as_str()), (first, first));
            }
            let again = send_all(&steady, "steady", &client, None).await.unwrap();
            assert_eq!(again, Turn::Done { delivered: 0 }, "it is marked");
            outcomes.push((turn.is_ok(), got.len()));
            if !cut {
                assert_eq!(
                    turn.unwrap(),
                    Turn::Done { delivered: 1 },
                    "so the rest means something"
                );
                assert_eq!(got.len(), 1);
                break;
            }
        }
    }
    eprintln!("(without error, told so often): {outcomes:?}");
    // Both happened: cut before it was sent, and between sending and marking.
    assert!(outcomes.contains(&(false, 1)) && outcomes.contains(&(false, 2)));
}
