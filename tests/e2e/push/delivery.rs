//! What is delivered, how, and by whom.

use harness::{NOON, Play, Receiver, SECOND, on_both};
use sso_server::domain::confirmation::Standing;

use super::scene::{CLAIMED, enter, force_out, of_app, passport};

#[actix_web::test]
async fn a_logout_is_pushed_and_its_answer_confirms_it() {
    on_both(async |database| {
        let passport = passport(database).await;
        let receiver = Receiver::start().await;
        let (aw, secret) = passport.add_pushed("aw", &receiver.url()).await;
        let entered = enter(&passport, &aw, "member").await;
        let logout = force_out(&passport, &entered).await;

        let got = receiver.wait_for(1).await.remove(0);
        let event = got.open(&secret, NOON / SECOND).unwrap();
        assert_eq!(event.app_session.as_deref(), Some(entered.app_session.as_str()));
        assert_eq!(event.cause, Some(client_sdk::wire::Cause::Admin));
        assert_eq!((got.id(), got.timestamp()), (event.id.as_str(), NOON / SECOND));
        assert_eq!(got.path, "/events");
        let body: serde_json::Value = serde_json::from_slice(&got.body).unwrap();
        assert_eq!(body["type"], "session.ended");
        assert_eq!(body["timestamp"], "2026-11-22T12:00:00Z");
        // SECURITY-CASES F-10: no ambient credentials.
        for (name, value) in [
            ("content-type", Some("application/json")),
            ("authorization", None),
            ("cookie", None),
            ("referer", None),
        ] {
            assert_eq!(got.headers.get(name).map(String::as_str), value, "{name}");
        }
        assert!(got.headers["user-agent"].starts_with("passport/"));

        passport
            .until("SELECT COUNT(*) FROM confirmations WHERE confirmed_at IS NOT NULL", 1)
            .await;
        let proof = of_app(&passport, &logout, "aw").await;
        assert_eq!(proof.standing, Standing::Confirmed { at: NOON });
        passport.until(CLAIMED, 0).await;
        assert_eq!(receiver.got().len(), 1, "once");
        let pulled = aw.events("0").await;
        assert_eq!(pulled.events, [event], "the same entry that a poll would have told");
    })
    .await;
}

// SECURITY-CASES W-02: of two nodes one sends each event, in order.
#[actix_web::test]
async fn two_nodes_deliver_each_event_once_and_in_order() {
    on_both(async |database| {
        let passport = passport(database).await;
        let other = passport.second_node().await;
        let receiver = Receiver::start().await;
        let (aw, secret) = passport.add_pushed("aw", &receiver.url()).await;
        let mut all = Vec::new();
        for number in 0..12 {
            all.push(enter(&passport, &aw, &format!("member{number}")).await);
        }
        let (one, two) = all.split_at(6);
        let at = async |node: &harness::Passport, some: &[client_sdk::wire::Redeemed]| {
            for entered in some {
                force_out(node, entered).await;
            }
        };
        tokio::join!(at(&passport, one), at(&other, two));

        receiver.wait_for(12).await;
        passport.until("SELECT acknowledged FROM app_instances WHERE instance = '@push'", 12).await;
        passport.until(CLAIMED, 0).await;
        let got = receiver.got();
        let cursors: Vec<String> =
            got.iter().map(|got| got.open(&secret, NOON / SECOND).unwrap().cursor).collect();
        let wanted: Vec<String> = (1..=12).map(|number| number.to_string()).collect();
        assert_eq!(cursors, wanted);
        assert_eq!(receiver.most_at_once(), 1, "never two at the same time");
    })
    .await;
}

// SECURITY-CASES F-09, W-03: apps that hang or fail hold up nobody.
#[actix_web::test]
async fn apps_that_do_not_answer_delay_nobody() {
    on_both(async |database| {
        let passport = passport(database).await;
        let (dead, good) = (Receiver::start().await, Receiver::start().await);
        dead.otherwise(Play::Never);
        passport.add_user("member").await;
        let mut browser = passport.signed_in("member").await;
        let mut entered = None;
        for number in 0..8 {
            let (app, _) = passport.add_pushed(&format!("dead{number}"), &dead.url()).await;
            app.enter(&mut browser).await;
        }
        for number in 0..4 {
            let (app, _) = passport.add_pushed(&format!("good{number}"), &good.url()).await;
            entered = Some(app.enter(&mut browser).await);
        }
        force_out(&passport, &entered.unwrap()).await;
        good.wait_for(4).await;
        // None of the others has so much as timed out.
        assert_eq!(passport.count("SELECT COUNT(*) FROM push_streams WHERE attempt > 0").await, 0);
        dead.wait_for(8).await;
    })
    .await;
}

// Only what comes after the URL was registered is news.
#[actix_web::test]
async fn a_stream_begins_at_the_present_end() {
    on_both(async |database| {
        let passport = passport(database).await;
        let receiver = Receiver::start().await;
        let aw = passport.add_app("aw").await;
        let before = enter(&passport, &aw, "before").await;
        force_out(&passport, &before).await;
        let change = sso_server::flows::apps::ChangeApp {
            events_url: Some(Some(&receiver.url())),
            ..Default::default()
        };
        let updated = sso_server::flows::apps::update(&passport.app, "aw", change).await.unwrap();
        let secret = updated.events_secret.unwrap();
        let after = enter(&passport, &aw, "after").await;
        force_out(&passport, &after).await;
        let got = receiver.wait_for(1).await;
        let event = got[0].open(&secret, NOON / SECOND).unwrap();
        assert_eq!(event.app_session, Some(after.app_session));
    })
    .await;
}
