//! Settings at their limits, and what prints of them.

use harness::{DAY, SECOND};
use sso_server::config::{Config, Period, load};

/// What is wrong when one key is set so.
fn problems(key: &'static str, value: &str) -> String {
    match load(None, [], &[(key.to_owned(), value.to_owned())]) {
        Ok(_) => String::new(),
        Err(problems) => problems.iter().map(|problem| problem.0.as_str()).collect(),
    }
}

#[test]
fn no_length_of_time_reaches_the_end_of_the_numbers() {
    let years = |days: i64| (days * DAY / SECOND).to_string();
    for key in [
        "server.shutdown_within",
        "session.lifetime",
        "app_session.lifetime",
        "events.lease",
        "password.wait",
    ] {
        assert_eq!(problems(key, &years(3_650)), "", "{key}");
        for beyond in [years(3_651), (i64::MAX / 1_000).to_string()] {
            assert_eq!(problems(key, &beyond), format!("{key}: at most 10 years"));
        }
    }
    assert_eq!(problems("events.lease", "10s"), "");
    assert_eq!(problems("events.lease", "9s"), "events.lease: at least 10 seconds");
}

// SECURITY-CASES K-09: whatever prints a configuration keeps its secret.
#[test]
fn the_password_of_the_database_does_not_print() {
    let mut config = Config::default();
    config.database.url = "postgres://passport:s3cret@db/passport".to_owned();
    config.session.lifetime = Period::seconds(60);
    let shown = format!("{config:?}");
    assert!(shown.contains("postgres://passport:…@db/passport"), "{shown}");
    assert!(!shown.contains("s3cret"));
}
