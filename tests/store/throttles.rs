//! `throttles`: the statement counts as the policy says, for any times, and exactly under a crowd.

use harness::{DAY, MINUTE, NOON, SECOND, on_both};
use proptest::{
    prelude::*,
    strategy::ValueTree,
    test_runner::{Config, RngSeed, TestRunner},
};
use sso_server::{
    domain::throttle::{Attempt, Count, FORGOTTEN_AFTER, LONGEST_WAIT, Policy, is_blocked},
    store::{
        Tx,
        throttles::{self, Answer},
    },
};

use crate::scene::{CROWD, Scene, crowd, how_many};

/// What the policy alone says, step by step.
#[derive(Clone, Copy, Default)]
struct Model {
    count: Option<Count>,
    blocked_until: i64,
}

impl Model {
    fn attempt(&mut self, policy: Policy, now: i64) -> Result<i64, i64> {
        if is_blocked(self.blocked_until, now) {
            return Err(self.blocked_until);
        }
        let count = policy.count(self.count, now);
        self.blocked_until = match policy.wait_after(count.failures) {
            0 => 0,
            wait => now + wait,
        };
        self.count = Some(count);
        Ok(count.failures)
    }
}

async fn attempt(tx: &mut Tx, counter: &str, policy: Policy, now: i64) -> Result<i64, i64> {
    match throttles::attempt(tx, counter, policy, now).await.unwrap() {
        Answer::Granted(attempt) => {
            assert_eq!(attempt.counter, counter);
            Ok(attempt.number)
        }
        Answer::Blocked { until } => Err(until),
    }
}

/// Policies, and how much later each attempt comes: around every boundary that there is, a clock
/// that is set back among them.
fn histories() -> impl Strategy<Value = (Policy, Vec<i64>)> {
    let near = |at: i64| (at - 1)..=(at + 1);
    let step = prop_oneof![
        4 => Just(0_i64),
        2 => near(30 * SECOND),
        3 => near(MINUTE),
        2 => near(2 * MINUTE),
        1 => near(5 * MINUTE),
        3 => near(LONGEST_WAIT),
        1 => near(FORGOTTEN_AFTER),
        1 => near(FORGOTTEN_AFTER + LONGEST_WAIT),
        1 => near(-LONGEST_WAIT),
        1 => near(-DAY),
        2 => 0..DAY,
    ];
    let policy = (1_i64..8, any::<bool>()).prop_map(|(free, account)| {
        if account { Policy::account(free) } else { Policy::address(free) }
    });
    (policy, prop::collection::vec(step, 1..60))
}

// SECURITY-CASES L-06, L-11
#[tokio::test]
async fn the_statement_counts_as_the_policy_says() {
    let config = Config { rng_seed: RngSeed::Fixed(7), ..Config::default() };
    let mut runner = TestRunner::new(config);
    let histories: Vec<(Policy, Vec<i64>)> =
        (0..80).map(|_| histories().new_tree(&mut runner).unwrap().current()).collect();
    on_both(async |database| {
        let scene = Scene::on(database).await;
        let mut tx = scene.db.write().await.unwrap();
        let (mut granted, mut blocked) = (0, 0);
        for (number, (policy, steps)) in histories.iter().enumerate() {
            let counter = format!("account:{number}");
            let (mut model, mut now) = (Model::default(), NOON);
            for (at, step) in steps.iter().enumerate() {
                now += step;
                let wanted = model.attempt(*policy, now);
                let found = attempt(&mut tx, &counter, *policy, now).await;
                assert_eq!(found, wanted, "history {number}, step {at}: {policy:?} {steps:?}");
                *if wanted.is_ok() { &mut granted } else { &mut blocked } += 1;
            }
        }
        assert!(granted > 200 && blocked > 100, "{granted} granted, {blocked} blocked");
    })
    .await;
}

// SECURITY-CASES L-07
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_parallel_attempts_exactly_the_free_ones_are_granted() {
    on_both(async |database| {
        let scene = Scene::on(database).await;
        let sides = scene.both_sides().await;
        for free in [1, 5, 20] {
            let counter = format!("account:{free}");
            let answers = crowd(&sides, CROWD, |db, _| {
                let counter = counter.clone();
                async move {
                    let mut tx = db.write().await.unwrap();
                    let answer = attempt(&mut tx, &counter, Policy::account(free), NOON).await;
                    tx.commit().await.unwrap();
                    answer
                }
            })
            .await;
            let mut numbers: Vec<i64> = answers.iter().filter_map(|one| one.ok()).collect();
            numbers.sort();
            assert_eq!(numbers, (1..=free).collect::<Vec<_>>());
            let until = NOON + Policy::account(free).wait_after(free);
            assert_eq!(how_many(&answers, |one| *one == Err(until)), CROWD - numbers.len());
        }
    })
    .await;
}

// SECURITY-CASES L-09, INV-03
#[tokio::test]
async fn a_success_wipes_its_account_and_gives_back_one_attempt_of_the_network() {
    on_both(async |database| {
        let scene = Scene::on(database).await;
        let mut tx = scene.db.write().await.unwrap();
        let tx = &mut tx;
        let policy = Policy::account(3);
        let named = |counter: &str, number| Attempt { counter: counter.to_owned(), number };
        for _ in 0..2 {
            attempt(tx, "account:a", policy, NOON).await.unwrap();
            attempt(tx, "account:b", policy, NOON).await.unwrap();
            attempt(tx, "address:x", policy, NOON).await.unwrap();
        }
        let (own, network) = (named("account:a", 2), named("address:x", 2));
        assert!(throttles::settle(tx, &own, std::slice::from_ref(&network), NOON).await.unwrap());
        for (counter, next) in [("account:a", 1), ("address:x", 2), ("account:b", 3)] {
            assert_eq!(attempt(tx, counter, policy, NOON).await, Ok(next), "{counter}");
        }

        // Others have blocked the account since this attempt was counted.
        attempt(tx, "account:a", policy, NOON).await.unwrap();
        attempt(tx, "account:a", policy, NOON).await.unwrap();
        let until = NOON + 30 * SECOND;
        assert_eq!(attempt(tx, "account:a", policy, NOON).await, Err(until));
        let early = named("account:a", 1);
        assert!(!throttles::settle(tx, &early, &[], until - 1).await.unwrap(), "too late");
        assert_eq!(throttles::blocked_until(tx, "account:a").await.unwrap(), Some(until));
        // The attempt that blocked it is not too late, and none is once the block is over.
        assert!(throttles::settle(tx, &named("account:a", 3), &[], NOON).await.unwrap());
        for _ in 0..3 {
            attempt(tx, "account:a", policy, NOON).await.unwrap();
        }
        assert!(throttles::settle(tx, &early, &[], until).await.unwrap());
        assert!(!throttles::settle(tx, &named("account:c", 1), &[], NOON).await.unwrap());
    })
    .await;
}

#[tokio::test]
async fn what_is_given_back_is_one_attempt_and_never_below_none() {
    on_both(async |database| {
        let scene = Scene::on(database).await;
        let mut tx = scene.db.write().await.unwrap();
        let policy = Policy::account(2);
        for _ in 0..2 {
            attempt(&mut tx, "account:a", policy, NOON).await.unwrap();
        }
        assert!(attempt(&mut tx, "account:a", policy, NOON).await.is_err());
        let spent = Attempt { counter: "account:a".to_owned(), number: 2 };
        throttles::give_back(&mut tx, &spent).await.unwrap();
        assert_eq!(attempt(&mut tx, "account:a", policy, NOON).await, Ok(2));
        for _ in 0..5 {
            throttles::give_back(&mut tx, &spent).await.unwrap();
        }
        assert_eq!(attempt(&mut tx, "account:a", policy, NOON).await, Ok(1), "not below none");
    })
    .await;
}

#[tokio::test]
async fn counters_are_forgotten_when_untouched() {
    on_both(async |database| {
        let scene = Scene::on(database).await;
        let mut tx = scene.db.write().await.unwrap();
        attempt(&mut tx, "account:old", Policy::account(5), NOON).await.unwrap();
        attempt(&mut tx, "account:new", Policy::account(5), NOON + 1).await.unwrap();
        assert_eq!(throttles::prune(&mut tx, NOON).await.unwrap(), 0);
        assert_eq!(throttles::prune(&mut tx, NOON + 1).await.unwrap(), 1);
        assert_eq!(throttles::blocked_until(&mut tx, "account:old").await.unwrap(), None);
        assert!(throttles::blocked_until(&mut tx, "account:new").await.unwrap().is_some());
    })
    .await;
}
