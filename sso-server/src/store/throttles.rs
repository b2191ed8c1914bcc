//! `throttles`: counted attempts, under keys such as `account:…` and `address:…`.

use std::sync::LazyLock;

use super::{Conn, Stored};
use crate::domain::{
    Millis,
    throttle::{Attempt, FORGOTTEN_AFTER, LONGEST_WAIT, Policy},
};

/// What a counter answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The attempt was counted; go ahead.
    Granted(Attempt),
    /// Not before this time.
    Blocked {
        /// When the next attempt is free.
        until: Millis,
    },
}

/// Counts an attempt if the counter is not blocked: one statement, so that of parallel attempts
/// exactly the allowed number is granted (SECURITY-CASES L-07). [`Policy::count`] and
/// [`Policy::wait_after`] say in Rust what the `CASE`s say here; a test compares them. Without a wait
/// `blocked_until` is 0 and not the present: of two attempts at once, the one whose clock was read
/// first may be counted last.
pub async fn attempt(
    conn: &mut Conn,
    counter: &str,
    policy: Policy,
    now: Millis,
) -> Stored<Answer> {
    static SQL: LazyLock<String> = LazyLock::new(|| {
        let elapsed = "(CASE WHEN $3 > throttles.last_failure_at THEN $3 - throttles.last_failure_at ELSE 0 END)";
        let count = format!(
            "(CASE WHEN throttles.last_failure_at < $4 OR throttles.failures <= {elapsed} / $10 THEN 1
                   ELSE throttles.failures - {elapsed} / $10 + 1 END)"
        );
        format!(
            "INSERT INTO throttles (id, failures, blocked_until, last_failure_at)
             VALUES ($1, 1, $2, $3)
             ON CONFLICT (id) DO UPDATE SET
                 failures = {count},
                 blocked_until = CASE WHEN {count} < $5 THEN 0
                                      WHEN {count} < $5 + 3 THEN $3 + $6
                                      WHEN {count} < $5 + 6 THEN $3 + $7
                                      ELSE $3 + $8 END,
                 last_failure_at = CASE WHEN throttles.last_failure_at < $4 THEN $3
                                        ELSE $3 - {elapsed} % $11 END
             WHERE throttles.blocked_until <= $3 OR throttles.blocked_until > $3 + $9
             RETURNING failures"
        )
    });
    let row: Option<(i64,)> = sqlx::query_as(SQL.as_str())
        .bind(counter)
        .bind(match policy.wait_after(1) {
            0 => 0,
            wait => now + wait,
        })
        .bind(now)
        .bind(now - FORGOTTEN_AFTER)
        .bind(policy.free)
        .bind(policy.waits[0])
        .bind(policy.waits[1])
        .bind(policy.waits[2])
        .bind(LONGEST_WAIT)
        // Without a leak nothing is ever forgotten, and no time is left over.
        .bind(policy.leak.unwrap_or(Millis::MAX))
        .bind(policy.leak.unwrap_or(1))
        .fetch_optional(&mut *conn)
        .await?;
    if let Some((number,)) = row {
        return Ok(Answer::Granted(Attempt { counter: counter.to_owned(), number }));
    }
    let until = blocked_until(conn, counter).await?.unwrap_or(now);
    Ok(Answer::Blocked { until })
}

/// Until when a counter is blocked; it may lie in the past.
pub async fn blocked_until(conn: &mut Conn, counter: &str) -> Stored<Option<Millis>> {
    let row: Option<(i64,)> = sqlx::query_as("SELECT blocked_until FROM throttles WHERE id = $1")
        .bind(counter)
        .fetch_optional(conn)
        .await?;
    Ok(row.map(|(until,)| until))
}

/// A success: wipes the account's (or device's) counter, and gives back the one attempt that each
/// counter which many share (the network, the app) spent on it, and no other: signing in to an own account does not buy guesses at others
/// (SECURITY-CASES L-09). `false` when others' attempts have blocked the account since this one was
/// counted: then this login comes too late (INV-03), and the caller drops the transaction.
///
/// The shared ones first and in the order in which they were counted: two logins of one person from
/// one place would otherwise each hold the row that the other one wants.
pub async fn settle(
    conn: &mut Conn,
    account: &Attempt,
    shared: &[Attempt],
    now: Millis,
) -> Stored<bool> {
    for attempt in shared {
        give_back(conn, attempt).await?;
    }
    let done = sqlx::query(
        "UPDATE throttles SET failures = 0, blocked_until = 0
         WHERE id = $2 AND (failures <= $3 OR blocked_until <= $1)",
    )
    .bind(now)
    .bind(&account.counter)
    .bind(account.number)
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// An attempt that was counted was not made after all.
pub async fn give_back(conn: &mut Conn, attempt: &Attempt) -> Stored<()> {
    sqlx::query(
        "UPDATE throttles SET failures = failures - 1, blocked_until = 0
         WHERE id = $1 AND failures > 0",
    )
    .bind(&attempt.counter)
    .execute(conn)
    .await?;
    Ok(())
}

/// Forgets counters that nobody has touched for a long time.
pub async fn prune(conn: &mut Conn, untouched_since: Millis) -> Stored<u64> {
    let done = sqlx::query("DELETE FROM throttles WHERE last_failure_at < $1")
        .bind(untouched_since)
        .execute(conn)
        .await?;
    Ok(done.rows_affected())
}
