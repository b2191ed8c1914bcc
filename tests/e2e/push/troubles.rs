//! Whatever an app answers: tried again until it is taken, or until it matters no more.

use std::time::Duration;

use harness::{HOUR, MINUTE, NOON, Passport, Play, Receiver, SECOND, on_both};
use sso_server::{domain::confirmation::Standing, flows::push_streams};

use super::scene::{CLAIMED, enter, failed, force_out, of_app, passport};

async fn state(passport: &Passport) -> sso_server::domain::push::PushState {
    let states = push_streams::states(&passport.app).await.unwrap();
    states.into_values().next().unwrap()
}

// SECURITY-CASES W-03, B-06, B-14: 500 five times, then 200.
#[actix_web::test]
async fn refused_again_and_again_and_then_taken() {
    on_both(async |database| {
        let passport = passport(database).await;
        let receiver = Receiver::start().await;
        receiver.script([500, 503, 400, 410, 302].map(Play::Status));
        let (aw, secret) = passport.add_pushed("aw", &receiver.url()).await;
        let entered = enter(&passport, &aw, "member").await;
        let logout = force_out(&passport, &entered).await;
        for attempt in 1..=5 {
            failed(&passport, attempt).await;
            let state = state(&passport).await;
            let trouble = state.trouble.unwrap();
            assert_eq!(trouble.since, NOON, "since the first one");
            assert!(trouble.next_attempt_at > passport.clock.now());
            assert!(trouble.next_attempt_at <= passport.clock.now() + (SECOND << (attempt - 1)));
            let proof = of_app(&passport, &logout, "aw").await;
            let push = proof.push.clone().unwrap();
            assert_eq!(push.trouble.as_ref(), Some(&trouble), "the proof shows it");
            let Standing::Waiting { listeners, until } = proof.standing else { panic!() };
            assert_eq!(listeners[0].instance, "@push");
            assert_eq!(until, NOON + 12 * HOUR, "until the app session runs out");
            passport.advance(16 * SECOND);
        }
        let got = receiver.wait_for(6).await;
        passport.until("SELECT attempt FROM push_streams", 0).await;
        let ids: Vec<&str> = got.iter().map(harness::receiver::Got::id).collect();
        assert_eq!(ids, [ids[0]; 6], "the same id");
        let times: Vec<i64> = got.iter().map(|got| got.timestamp() - NOON / SECOND).collect();
        assert_eq!(times, [0, 16, 32, 48, 64, 80], "signed anew at each attempt");
        for got in &got {
            got.open(&secret, got.timestamp()).unwrap();
        }
        assert_eq!(state(&passport).await.trouble, None, "all is well again");
        let proof = of_app(&passport, &logout, "aw").await;
        assert_eq!(proof.took(), Some(80 * SECOND));
    })
    .await;
}

// What was taken stays taken, whatever becomes of the next one.
#[actix_web::test]
async fn a_failure_in_the_middle() {
    on_both(async |database| {
        let passport = passport(database).await;
        let receiver = Receiver::start().await;
        receiver.script([500, 204, 500].map(Play::Status));
        let (aw, secret) = passport.add_pushed("aw", &receiver.url()).await;
        let mut all = Vec::new();
        for name in ["one", "two", "three"] {
            all.push(enter(&passport, &aw, name).await);
        }
        for entered in &all {
            force_out(&passport, entered).await;
        }
        failed(&passport, 1).await;
        passport.advance(MINUTE);
        receiver.wait_for(3).await;
        failed(&passport, 1).await;
        let acknowledged = "SELECT acknowledged FROM app_instances WHERE instance = '@push'";
        passport.until(acknowledged, 1).await;
        passport.until(CLAIMED, 0).await;
        assert_eq!(state(&passport).await.trouble.unwrap().since, NOON + MINUTE, "a new trouble");
        passport.advance(MINUTE);
        passport.until(acknowledged, 3).await;
        let opened = |got: &harness::receiver::Got| got.open(&secret, got.timestamp()).unwrap();
        let got: Vec<_> = receiver.got().iter().map(|got| opened(got).cursor).collect();
        assert_eq!(got, ["1", "1", "2", "2", "3"]);
    })
    .await;
}

#[actix_web::test]
async fn what_went_wrong_is_named() {
    let passport = passport(harness::Database::Sqlite).await;
    let receiver = Receiver::start().await;
    let (aw, _) = passport.add_pushed("aw", &receiver.url()).await;
    let plays = [
        (Play::Status(500), "status", Some(500)),
        // SECURITY-CASES F-03: not followed, whoever it leads to.
        (Play::With(302, "location", receiver.url()), "redirect", Some(302)),
        (Play::With(307, "location", "http://169.254.169.254/".to_owned()), "redirect", Some(307)),
        (Play::Reset, "broken", None),
        (Play::Never, "timeout", None),
    ];
    receiver.script(plays.iter().map(|(play, ..)| play.clone()));
    let entered = enter(&passport, &aw, "member").await;
    force_out(&passport, &entered).await;
    for (number, (play, problem, status)) in (1..).zip(plays) {
        failed(&passport, number).await;
        let trouble = state(&passport).await.trouble.unwrap();
        assert_eq!((trouble.problem.as_str(), trouble.status), (problem, status), "{play:?}");
        passport.advance(15 * MINUTE);
    }
    passport.until("SELECT attempt FROM push_streams", 0).await;
    assert_eq!(receiver.got().len(), 6, "nothing was followed");
    let metrics = passport.app.metrics.render();
    for outcome in ["delivered", "timeout", "redirect"] {
        assert!(metrics.contains(&format!("passport_push_total{{outcome=\"{outcome}\"}}")));
    }
}

// Just in time is in time.
#[actix_web::test]
async fn slow_is_no_error() {
    let passport = passport(harness::Database::Sqlite).await;
    let receiver = Receiver::start().await;
    receiver.script([Play::Slow(Duration::from_secs(3))]);
    let (aw, _) = passport.add_pushed("aw", &receiver.url()).await;
    let entered = enter(&passport, &aw, "member").await;
    force_out(&passport, &entered).await;
    passport.until("SELECT acknowledged FROM app_instances WHERE instance = '@push'", 1).await;
    assert_eq!(receiver.got().len(), 1);
}

#[actix_web::test]
async fn an_app_may_say_when_to_come_again() {
    on_both(async |database| {
        let passport = passport(database).await;
        let receiver = Receiver::start().await;
        let retry = |after: &str| Play::With(429, "retry-after", after.to_owned());
        receiver.script([retry("120"), retry("3600")]);
        let (aw, _) = passport.add_pushed("aw", &receiver.url()).await;
        let entered = enter(&passport, &aw, "member").await;
        force_out(&passport, &entered).await;
        let due = async || state(&passport).await.trouble.unwrap().next_attempt_at;
        failed(&passport, 1).await;
        assert_eq!(due().await, NOON + 2 * MINUTE);
        passport.advance(2 * MINUTE);
        failed(&passport, 2).await;
        assert_eq!(due().await, NOON + 17 * MINUTE, "not longer than a quarter of an hour");
        passport.advance(15 * MINUTE);
        receiver.wait_for(3).await;
    })
    .await;
}

// SECURITY-CASES W-11: a clock that is turned back stops nothing.
#[actix_web::test]
async fn the_clock_is_turned_back() {
    let passport = passport(harness::Database::Sqlite).await;
    let receiver = Receiver::start().await;
    receiver.script([Play::Status(500)]);
    let (aw, _) = passport.add_pushed("aw", &receiver.url()).await;
    let entered = enter(&passport, &aw, "member").await;
    force_out(&passport, &entered).await;
    failed(&passport, 1).await;
    passport.advance(-HOUR);
    receiver.wait_for(2).await;
    failed(&passport, 0).await;
}

// A dead letter is for everybody to see, and those behind it are not held up by it for ever.
#[actix_web::test]
async fn what_was_never_taken_is_given_up_when_it_matters_no_more() {
    on_both(async |database| {
        let passport = passport(database).await;
        let receiver = Receiver::start().await;
        receiver.otherwise(Play::Status(500));
        let (aw, _) = passport.add_pushed("aw", &receiver.url()).await;
        let first = enter(&passport, &aw, "first").await;
        passport.advance(HOUR);
        let second = enter(&passport, &aw, "second").await;
        let lost = force_out(&passport, &first).await;
        let kept = force_out(&passport, &second).await;
        failed(&passport, 1).await;
        passport.advance(11 * HOUR - 1);
        failed(&passport, 2).await;
        let acknowledged = "SELECT acknowledged FROM app_instances WHERE instance = '@push'";
        assert_eq!(passport.count(acknowledged).await, 0, "as long as it matters");

        passport.advance(15 * MINUTE);
        passport.until(acknowledged, 1).await;
        failed(&passport, 3).await;
        let dead = state(&passport).await;
        assert_eq!((dead.word(), dead.dead_events), ("dead", 1));
        let line = passport.audited("push.given_up").await;
        assert!(line.detail.contains("\"events\":1"), "{}", line.detail);
        let over = of_app(&passport, &lost, "aw").await.standing;
        assert!(matches!(over, Standing::Over { .. }), "{over:?}: not confirmed");

        receiver.otherwise(Play::Status(204));
        passport.advance(15 * MINUTE);
        passport.until(acknowledged, 2).await;
        assert!(of_app(&passport, &kept, "aw").await.took().is_some());
        let well = state(&passport).await;
        assert_eq!((well.word(), well.dead_events), ("ok", 1), "remembered, no more an alarm");
    })
    .await;
}

// SECURITY-CASES F-01, F-03: with the switch for this machine off, not a single connection.
#[actix_web::test]
async fn nothing_is_sent_inside() {
    on_both(async |database| {
        let passport = Passport::on(database).await;
        let receiver = Receiver::start().await;
        let port = receiver.address.port();
        let hosts = ["aw.localhost", "localhost", "127.0.0.1", "[::1]"];
        passport.add_user("member").await;
        let mut browser = passport.signed_in("member").await;
        let mut entered = None;
        for (number, host) in hosts.iter().enumerate() {
            let url = format!("http://{host}:{port}/events");
            let (app, _) = passport.add_pushed(&format!("app{number}"), &url).await;
            entered = Some(app.enter(&mut browser).await);
        }
        force_out(&passport, &entered.unwrap()).await;
        let refused = "SELECT COUNT(*) FROM push_streams WHERE last_problem = 'address'";
        passport.until(refused, hosts.len() as i64).await;
        passport.until(CLAIMED, 0).await;
        assert_eq!(receiver.connections(), 0);
        let error = passport.text("SELECT last_error FROM push_streams ORDER BY app_id").await;
        assert!(error.contains("loopback") && error.contains("outgoing.allow_networks"), "{error}");
    })
    .await;
}
