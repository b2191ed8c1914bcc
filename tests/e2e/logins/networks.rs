//! Many people behind one address: their mistakes are forgotten, and waiting costs us nothing.

use harness::{Database, MINUTE, PASSWORD, Passport, SECOND, on_both};

use crate::scene::{attempt, counter};

const WRONG: &str = "wrong horse battery";

async fn with_network_limit(database: Database, free: i64) -> Passport {
    Passport::with(database, |config| {
        config.throttle.account_attempts = 100;
        config.throttle.address_attempts = free;
    })
    .await
}

// SECURITY-CASES L-11: however busy it is, it is not blocked for mistakes of yesterday.
#[actix_web::test]
async fn a_busy_network_forgets_its_mistakes() {
    on_both(async |database| {
        let passport = with_network_limit(database, 4).await;
        passport.add_user("clumsy").await;
        passport.add_user("member").await;
        for _ in 0..3 {
            assert_eq!(passport.browser().try_password("clumsy", WRONG).await, 401);
        }
        assert_eq!(counter(&passport, "address:").await, 3);
        // Logins come in all the time: none of them is a reason to remember.
        for _ in 0..9 {
            passport.advance(20 * SECOND);
            assert_eq!(passport.browser().try_password("member", PASSWORD).await, 303);
        }
        assert_eq!(counter(&passport, "address:").await, 0, "three minutes, three mistakes");
        // A mistake every two minutes goes on for ever.
        for _ in 0..20 {
            passport.advance(2 * MINUTE);
            assert_eq!(passport.browser().try_password("clumsy", WRONG).await, 401);
            assert_eq!(passport.browser().try_password("member", PASSWORD).await, 303);
        }
        assert_eq!(counter(&passport, "address:").await, 1);
    })
    .await;
}

// SECURITY-CASES L-07, L-11: under fire from its own network, a member still gets in whenever a
// block ends, and what does not wait writes nothing.
#[actix_web::test]
async fn a_blocked_network_is_told_so_without_a_write() {
    on_both(async |database| {
        let passport = with_network_limit(database, 3).await;
        passport.add_user("member").await;
        let mut guesser = passport.browser();
        for _ in 0..3 {
            assert_eq!(guesser.try_password("ghost", WRONG).await, 401);
        }
        let commits = "SELECT version FROM registry WHERE id = 'commits'";
        let refusals = "SELECT COUNT(*) FROM audit";
        let before = (passport.count(commits).await, passport.count(refusals).await);
        for _ in 0..20 {
            let answer = attempt(&mut guesser, "ghost", WRONG).await;
            assert_eq!(answer.status, 429);
            assert_eq!(answer.header("retry-after"), "6");
        }
        let after = (passport.count(commits).await, passport.count(refusals).await);
        assert_eq!(before, after, "each of them was a read");

        for _ in 0..5 {
            passport.advance(20 * SECOND);
            assert_eq!(passport.browser().try_password("member", PASSWORD).await, 303);
            assert_eq!(guesser.try_password("ghost", WRONG).await, 401);
            assert_eq!(passport.browser().try_password("member", PASSWORD).await, 429);
        }
    })
    .await;
}
