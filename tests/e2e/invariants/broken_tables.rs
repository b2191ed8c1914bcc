//! The database answers, but not as it should: tables are gone, writes fail in the middle of a
//! transaction, somebody holds the file. It is never a reason to let anybody in or out.

use harness::{Database, MINUTE, PASSWORD, Passport, on_both};
use sqlx::{AnyConnection, Connection, Executor};

use crate::scene::{ALL, Outcome, Walk, settings};

/// Whoever else has the database open.
async fn somebody_else(passport: &Passport) -> AnyConnection {
    AnyConnection::connect(&passport.app.config.database.url).await.unwrap()
}

async fn run(connection: &mut AnyConnection, sql: String) {
    connection.execute(sqlx::AssertSqlSafe(sql)).await.unwrap();
}

// SECURITY-CASES INV-12: each table away, by each way in; on both databases.
#[actix_web::test]
async fn without_a_table_nobody_gets_in_and_nobody_is_refused() {
    const TABLES: [&str; 15] = [
        "users",
        "apps",
        "sessions",
        "app_sessions",
        "spent_tickets",
        "throttles",
        "audit",
        "registry",
        "one_time_links",
        "pending_logins",
        "logouts",
        "identities",
        "pending_upstream_logins",
        "openid_nonces",
        "openid_wanted_associations",
    ];
    on_both(async |database| {
        let passport = Passport::with(database, settings).await;
        let mut somebody = somebody_else(&passport).await;
        for table in TABLES {
            let app = passport.add_app(&format!("for-{}", table.replace('_', "-"))).await;
            let mut walks = Vec::new();
            for (number, way) in ALL.into_iter().enumerate() {
                let name = format!("{}{number}", table.replace('_', ""));
                let mut walk = Walk::prepare(&passport, way, &name, &app).await;
                walk.first_step().await;
                walks.push(walk);
            }
            run(&mut somebody, format!("ALTER TABLE {table} RENAME TO {table}_gone")).await;
            let mut unknown = 0;
            for walk in &mut walks {
                let case = format!("{:?} without {table}", walk.way);
                let before = walk.browser.cookies.clone();
                let answer = walk.last_step().await;
                match walk.outcome(&answer) {
                    // This way does not need this table.
                    Outcome::Entered => {}
                    Outcome::Refused => panic!("{case}: {}", answer.body),
                    Outcome::Unavailable => {
                        unknown += 1;
                        let kept =
                            before.keys().all(|name| walk.browser.cookies.contains_key(name));
                        assert!(kept || walk.set_up_is_done(), "{case}: a cookie is gone");
                        assert!(!answer.body.contains(table), "{case}: {}", answer.body);
                    }
                }
            }
            assert!(unknown > 0, "nobody needs {table}");
            run(&mut somebody, format!("ALTER TABLE {table}_gone RENAME TO {table}")).await;
            // Failed attempts stay counted: let their waits go by.
            passport.advance(20 * MINUTE);
            for way in ALL {
                let name = format!("after{}{way:?}", table.replace('_', "")).to_lowercase();
                let mut walk = Walk::prepare(&passport, way, &name, &app).await;
                let answer = walk.go().await;
                assert_eq!(walk.outcome(&answer), Outcome::Entered, "{way:?} after {table}");
            }
        }
    })
    .await;
}

// SECURITY-CASES W-05, Q-06: one write of many fails, with and without the database undoing the
// whole transaction by itself (as SQLite does when the disk is full).
#[actix_web::test]
async fn a_write_that_fails_half_way_leaves_nothing() {
    for raise in ["ABORT", "ROLLBACK"] {
        let passport = Passport::start().await;
        passport.add_user("member").await;
        let aw = passport.add_app("aw").await;
        let mut browser = passport.signed_in("member").await;
        let entered = aw.enter(&mut browser).await;
        let ticket = aw.send(&mut browser).await.ticket();
        let mut somebody = somebody_else(&passport).await;
        let trigger = format!(
            "CREATE TRIGGER full BEFORE INSERT ON audit BEGIN SELECT RAISE({raise}, 'disk'); END"
        );
        run(&mut somebody, trigger).await;

        assert_eq!(passport.browser().try_password("member", PASSWORD).await, 503);
        assert_eq!(aw.redeem(&ticket).await.json()["code"], "unavailable");
        for scope in ["app", "session"] {
            assert_eq!(aw.end(&entered.app_session, scope).await.json()["code"], "unavailable");
        }
        let form = browser.get("/logout").await.form("/logout");
        assert_eq!(browser.submit(&form).await.status, 503);
        assert!(browser.is_signed_in().await, "{raise}: not out, as nobody said that it was done");
        assert_eq!(aw.status(&entered.app_session).await.json()["state"], "active");
        assert_eq!(passport.count("SELECT COUNT(*) FROM sessions").await, 1);
        assert_eq!(passport.count("SELECT COUNT(*) FROM spent_tickets").await, 1);
        assert!(aw.events("0").await.events.is_empty());

        run(&mut somebody, "DROP TRIGGER full".to_owned()).await;
        assert_eq!(aw.redeem(&ticket).await.status, 200, "{raise}: the ticket was not spent");
        browser.sign_out().await;
        assert_eq!(aw.events("0").await.events.len(), 2);
    }
}

// SQLite's writers share transactions: whoever fails, or has all undone, takes nobody along who is
// told of success.
#[actix_web::test]
async fn those_who_share_a_transaction_hear_the_truth_about_it() {
    for raise in ["ABORT", "ROLLBACK"] {
        let passport = Passport::start().await;
        passport.add_user("unlucky").await;
        let unlucky = passport.text("SELECT id FROM users").await;
        let mut forms = Vec::new();
        for number in 0..40 {
            let name = if number % 10 == 9 { "unlucky" } else { &format!("lucky{number}") };
            if name != "unlucky" {
                passport.add_user(name).await;
            }
            let mut browser = passport.browser();
            let form = browser.login_form("", name, PASSWORD).await;
            forms.push((name.to_owned(), browser, form));
        }
        let mut somebody = somebody_else(&passport).await;
        let trigger = format!(
            "CREATE TRIGGER full BEFORE INSERT ON sessions WHEN NEW.user_id = '{unlucky}'
             BEGIN SELECT RAISE({raise}, 'disk'); END"
        );
        run(&mut somebody, trigger).await;
        let log_ins = forms.into_iter().map(|(name, mut browser, form)| async move {
            let answer = browser.submit(&form).await;
            (name, answer.status.as_u16(), browser)
        });
        let mut told = 0;
        for (name, status, mut browser) in futures_util::future::join_all(log_ins).await {
            match status {
                303 => {
                    assert_ne!(name, "unlucky");
                    assert!(browser.is_signed_in().await, "{raise}: {name} was told so");
                    told += 1;
                }
                503 => {}
                other => panic!("{raise}: {name}: {other}"),
            }
        }
        assert!(told > 0, "{raise}: somebody got in");
        assert_eq!(passport.count("SELECT COUNT(*) FROM sessions").await, told, "{raise}");
        run(&mut somebody, "DROP TRIGGER full".to_owned()).await;
        passport.advance(20 * MINUTE);
        passport.signed_in("unlucky").await;
    }
}

// SECURITY-CASES INV-12: another program holds the file. Who reads goes on; who writes is told that
// it was not done, within its deadline, and all is well when the file is free.
#[actix_web::test]
async fn a_held_file_stops_writers_only_and_only_as_long() {
    let passport = Passport::on(Database::Sqlite).await;
    passport.add_user("member").await;
    let aw = passport.add_app("aw").await;
    let mut browser = passport.signed_in("member").await;
    let ticket = aw.send(&mut browser).await.ticket();
    let logout = browser.get("/logout").await.form("/logout");
    let mut somebody = somebody_else(&passport).await;
    run(&mut somebody, "BEGIN IMMEDIATE".to_owned()).await;

    let mut fresh = passport.browser();
    let login = fresh.login_form("", "member", PASSWORD).await;
    let mut leaving = browser.clone();
    let (login, redeemed, logout) =
        tokio::join!(fresh.submit(&login), aw.redeem(&ticket), leaving.submit(&logout));
    assert_eq!(login.status, 503);
    assert_eq!(redeemed.json()["code"], "unavailable");
    assert_eq!(logout.status, 503);
    assert_eq!(leaving.cookies, browser.cookies, "the cookie stays");
    assert!(browser.is_signed_in().await, "readers go on");
    let second = aw.send(&mut browser).await.ticket();

    run(&mut somebody, "ROLLBACK".to_owned()).await;
    assert_eq!(aw.redeem(&ticket).await.status, 200);
    assert_eq!(aw.redeem(&second).await.status, 200);
    passport.signed_in("member").await;
    browser.sign_out().await;
}
