//! An app behind an events URL that was away for ten minutes.

use client_sdk::wire::Redeemed;
use harness::{MINUTE, Passport, Play, Receiver, SECOND, on_both};
use sso_server::flows::users;

const ATTEMPT: &str = "SELECT attempt FROM push_streams";
const NEXT: &str = "SELECT next_attempt_at FROM push_streams";
const TOLD: &str = "SELECT acknowledged FROM app_instances WHERE instance = '@push'";
const WAITING: &str = "SELECT COUNT(*) FROM confirmations WHERE confirmed_at IS NULL";

// SECURITY-CASES B-18, W-03, W-04: it is told everything with the first attempt after its return, and
// that comes within one retry interval.
#[actix_web::test]
async fn it_is_told_everything_within_one_retry_interval() {
    on_both(async |database| {
        let passport =
            Passport::with(database, |config| config.outgoing.allow_loopback = true).await;
        let receiver = Receiver::start().await;
        receiver.otherwise(Play::Status(503));
        let (aw, secret) = passport.add_pushed("aw", &receiver.url()).await;
        passport.add_user("member").await;
        let mut entered: Vec<Redeemed> = Vec::new();
        for _ in 0..50 {
            entered.push(aw.enter(&mut passport.signed_in("member").await).await);
        }
        users::logout(&passport.app, "member").await.unwrap();
        passport.until(ATTEMPT, 1).await;

        // Ten minutes pass, an attempt at a time.
        let back = passport.clock.now() + 10 * MINUTE;
        let mut failures = 1;
        loop {
            let next = passport.count(NEXT).await;
            let now = passport.clock.now();
            let longest = (SECOND << (failures - 1)).min(15 * MINUTE);
            assert!(next - now <= longest, "{next} after the {failures}th failure at {now}");
            if next > back {
                break;
            }
            passport.advance(next - now);
            failures += 1;
            passport.until(ATTEMPT, failures).await;
        }
        assert_eq!(
            passport.count(WAITING).await,
            1,
            "nothing is confirmed, so the app is waited for"
        );
        passport.advance(back - passport.clock.now());
        receiver.otherwise(Play::Status(204));
        let tried = receiver.got().len();
        passport.advance(passport.count(NEXT).await - back);
        passport.until(TOLD, 50).await;
        passport.until(WAITING, 0).await;
        let got = receiver.got().split_off(tried);
        assert_eq!(got.len(), 50, "once each, and all with the one attempt");
        let now = passport.clock.now() / SECOND;
        let mut told: Vec<String> =
            got.iter().map(|got| got.open(&secret, now).unwrap().app_session.unwrap()).collect();
        let mut wanted: Vec<String> = entered.into_iter().map(|one| one.app_session).collect();
        told.sort();
        wanted.sort();
        assert_eq!(told, wanted);
        assert_eq!(passport.count("SELECT dead_events FROM push_streams").await, 0);
    })
    .await;
}
