//! What is tidied away, and what must not be yet: each a millisecond before and at its time.

use client_sdk::wire::{Cause, EventKind};
use harness::{DAY, HOUR, NOON, Passport, on_both};
use sso_server::{
    domain::{app::AppId, id::fresh_text, throttle::Policy},
    flows::housekeeping,
    random::Random,
    store::{
        app_instances,
        events::{self, NewEvent},
        one_time_links::{self, Purpose},
        redemptions::{self, Spend},
        throttles,
    },
};

use crate::scene::{contact, fresh_digest, fresh_user, write};

// SECURITY-CASES T-06: nothing is forgotten while somebody could still come with it.
#[actix_web::test]
async fn things_are_forgotten_when_they_are_long_over() {
    on_both(async |database| {
        let passport = Passport::on(database).await;
        let aw = AppId::parse(&passport.add_app("aw").await.id).unwrap();
        let event = NewEvent {
            id: "event".to_owned(),
            kind: EventKind::SessionEnded,
            app_session: None,
            session: None,
            user: fresh_user(),
            cause: Some(Cause::User),
            expires_at: Some(NOON),
            detail: None,
        };
        let spend = Spend {
            jti: fresh_text(NOON, &Random::system()),
            app: aw.clone(),
            idempotency: None,
            opens: None,
        };
        let app = &passport.app;
        write(&app.db, async |tx| {
            redemptions::spend(tx, &[spend], NOON).await.unwrap();
            throttles::attempt(tx, "account:x", Policy::account(5), NOON).await.unwrap();
            let purpose = Purpose::FirstAdmin;
            one_time_links::insert(tx, &fresh_digest(), purpose, None, NOON - 1, NOON)
                .await
                .unwrap();
            events::append(tx, &aw, &[event], NOON).await.unwrap();
            app_instances::note(tx, &aw, contact("web-1", 1, NOON)).await.unwrap();
        })
        .await;
        for (kept, tables) in [
            (HOUR, ["SELECT COUNT(*) FROM spent_tickets"].as_slice()),
            (DAY, &["SELECT COUNT(*) FROM throttles", "SELECT COUNT(*) FROM events"]),
            (
                7 * DAY,
                &["SELECT COUNT(*) FROM one_time_links", "SELECT COUNT(*) FROM app_instances"],
            ),
        ] {
            for (at, wanted) in [(NOON + kept, 1), (NOON + kept + 1, 0)] {
                passport.advance(at - app.clock.now());
                housekeeping::tidy(app).await.unwrap();
                for table in tables {
                    assert_eq!(passport.count(table).await, wanted, "{table} after {kept} ms");
                }
            }
        }
        assert_eq!(passport.count("SELECT head FROM event_logs").await, 1, "numbers go on");
        assert!(!passport.audit().await.is_empty(), "and the audit log stays");
    })
    .await;
}
