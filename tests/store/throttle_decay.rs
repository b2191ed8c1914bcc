//! `throttles`: counters leak in the statement as they do in the policy.

use harness::{DAY, MINUTE, NOON, SECOND, on_both};
use sso_server::{
    domain::throttle::{Attempt, Count, FORGOTTEN_AFTER, Policy, is_blocked},
    store::throttles::{self, Answer},
};

use crate::scene::Scene;

// SECURITY-CASES L-06, L-11: step by step, for pauses around every boundary.
#[tokio::test]
async fn the_statement_forgets_as_the_policy_does() {
    let pauses = [
        0,
        1,
        7 * SECOND,
        20 * SECOND,
        MINUTE - 1,
        0,
        MINUTE,
        0,
        0,
        0,
        90 * SECOND,
        3 * MINUTE + 1,
        -MINUTE,
        0,
        5 * MINUTE,
        0,
        0,
        FORGOTTEN_AFTER,
        0,
        FORGOTTEN_AFTER + 1,
        0,
        -DAY,
        0,
        2 * DAY,
    ];
    on_both(async |database| {
        let scene = Scene::on(database).await;
        let mut tx = scene.db.write().await.unwrap();
        for (name, policy) in [
            ("account:strict", Policy::account(1)),
            ("account:usual", Policy::account(5)),
            ("address:strict", Policy::address(1)),
            ("address:small", Policy::address(3)),
            ("address:usual", Policy::address(300)),
        ] {
            let (mut count, mut until, mut now): (Option<Count>, _, _) = (None, 0, NOON);
            for (step, pause) in pauses.into_iter().cycle().take(4 * pauses.len()).enumerate() {
                now += pause;
                let wanted = if is_blocked(until, now) {
                    Answer::Blocked { until }
                } else {
                    let next = policy.count(count, now);
                    let wait = policy.wait_after(next.failures);
                    until = if wait == 0 { 0 } else { now + wait };
                    count = Some(next);
                    let number = next.failures;
                    Answer::Granted(Attempt { counter: name.to_owned(), number })
                };
                let found = throttles::attempt(&mut tx, name, policy, now).await.unwrap();
                assert_eq!(found, wanted, "{name}, step {step} ({pause})");
            }
        }
    })
    .await;
}
