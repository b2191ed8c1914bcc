//! The audit log's chain: what is done to sealed lines is noticed, and where.

use harness::{Database, Passport, SECOND, on_both, process::Home};
use sso_server::flows::audit_log::{Broken, Verified, seal, verify};

async fn execute(passport: &Passport, sql: &'static str) {
    let mut tx = passport.app.db.write().await.unwrap();
    sqlx::query(sql).execute(&mut *tx).await.unwrap();
    tx.commit().await.unwrap();
}

/// Makes lines, and lets the time for sealing come.
async fn filled(database: Database) -> Passport {
    let passport = Passport::on(database).await;
    for name in ["ann", "ben", "cid", "dan", "eve"] {
        passport.add_user(name).await;
    }
    passport.advance(5 * SECOND);
    seal(&passport.app).await.unwrap();
    // The server's own sealer may have been the one.
    passport.until("SELECT COUNT(*) FROM audit WHERE seq IS NULL", 0).await;
    passport
}

async fn look(passport: &Passport) -> Verified {
    verify(&passport.app, None).await.unwrap()
}

// SECURITY-CASES H-13.
#[actix_web::test]
async fn whatever_is_done_to_a_sealed_line_is_noticed_at_its_place() {
    let altered = |seq: i64| move |broken: &Broken| matches!(broken, Broken::Altered { seq: at, .. } if *at == seq);
    let missing = |seq: i64| move |broken: &Broken| *broken == Broken::Missing { seq };
    type Check = Box<dyn Fn(&Broken) -> bool>;
    let cases: Vec<(&'static str, Check)> = vec![
        ("UPDATE audit SET detail = '{}' WHERE seq = 2", Box::new(altered(2))),
        ("UPDATE audit SET at = at + 1 WHERE seq = 3", Box::new(altered(3))),
        ("UPDATE audit SET user_id = NULL WHERE seq = 2", Box::new(altered(2))),
        ("UPDATE audit SET address = '' WHERE seq = 4", Box::new(altered(4))),
        ("UPDATE audit SET hash = 'x' WHERE seq = 4", Box::new(altered(4))),
        ("DELETE FROM audit WHERE seq = 3", Box::new(missing(3))),
        ("DELETE FROM audit WHERE seq >= 5", Box::new(missing(5))),
        ("DELETE FROM audit", Box::new(missing(1))),
        ("UPDATE audit SET seq = seq + 100 WHERE seq = 2", Box::new(missing(2))),
        ("UPDATE audit SET seq = NULL WHERE seq = 2", Box::new(missing(2))),
        (
            "INSERT INTO audit (id, at, kind, detail, seq, hash)
             SELECT 'f' || id, at, kind, detail, seq + 900, hash FROM audit WHERE seq = 1",
            Box::new(|broken| matches!(broken, Broken::Surplus { .. })),
        ),
        (
            "UPDATE audit_chain SET seq = 4, hash = (SELECT hash FROM audit WHERE seq = 4)",
            Box::new(|broken| *broken == Broken::Head),
        ),
        (
            "UPDATE audit_chain SET seq = 0, hash = '', stamp = ''",
            Box::new(|broken| matches!(broken, Broken::Surplus { .. })),
        ),
        ("UPDATE audit_chain SET stamp = 'x'", Box::new(|broken| *broken == Broken::Head)),
        ("DELETE FROM audit_chain", Box::new(|broken| *broken == Broken::Head)),
    ];
    let passport = filled(Database::Sqlite).await;
    let good = look(&passport).await;
    assert!(good.broken.is_none() && good.good >= 5, "the control: {good:?}");
    drop(passport);
    for (sql, expected) in cases {
        let passport = filled(Database::Sqlite).await;
        execute(&passport, sql).await;
        let broken = look(&passport).await.broken;
        assert!(broken.as_ref().is_some_and(&expected), "{sql}: {broken:?}");
    }
}

// Whoever can write to the database can compute links anew, but not the stamp; and the server does not
// do it for them.
#[actix_web::test]
async fn the_sealer_does_not_stamp_what_it_did_not_seal() {
    on_both(async |database| {
        let passport = filled(database).await;
        execute(&passport, "UPDATE audit_chain SET hash = 'forged' WHERE id = 'head'").await;
        passport.add_user("fay").await;
        passport.advance(5 * SECOND);
        seal(&passport.app).await.unwrap();
        let found = look(&passport).await;
        assert_eq!(found.broken, Some(Broken::Head), "{found:?}");
        assert!(found.unsealed > 0, "and the line waits: {found:?}");
    })
    .await;
}

// Two lines that change places; and the whole log put back to an older state, which only a link
// that was kept elsewhere shows.
#[actix_web::test]
async fn places_count_and_an_older_log_is_known_by_a_kept_link() {
    on_both(async |database| {
        let passport = filled(database).await;
        let kept = look(&passport).await.last;
        assert!(verify(&passport.app, Some(kept.clone())).await.unwrap().broken.is_none());
        let other = (kept.0, kept.1.replace(&kept.1[..4], "AAAA"));
        for wrong in [other, (kept.0 + 1, kept.1.clone()), (0, String::new())] {
            let found = verify(&passport.app, Some(wrong.clone())).await.unwrap().broken;
            assert!(matches!(found, Some(Broken::NotTheKept { .. })), "{wrong:?}: {found:?}");
        }
        execute(&passport, "UPDATE audit SET seq = -2 WHERE seq = 2").await;
        execute(&passport, "UPDATE audit SET seq = 2 WHERE seq = 3").await;
        execute(&passport, "UPDATE audit SET seq = 3 WHERE seq = -2").await;
        let broken = look(&passport).await.broken;
        assert!(matches!(broken, Some(Broken::Altered { seq: 2, .. })), "{broken:?}");
    })
    .await;
}

// What README says the chain cannot show, and what shows it: whoever has kept an older end of the
// chain, or takes all links away, has the server itself seal what they have changed since.
#[actix_web::test]
async fn an_older_end_and_no_end_at_all_are_known_by_a_kept_link() {
    let older =
        "UPDATE audit_chain SET seq = (SELECT seq FROM kept), hash = (SELECT hash FROM kept),
             stamp = (SELECT stamp FROM kept)";
    let none = "UPDATE audit_chain SET seq = 0, hash = '', stamp = ''";
    for (unsealed, end) in [
        ("UPDATE audit SET seq = NULL, hash = NULL WHERE seq > (SELECT seq FROM kept)", older),
        ("UPDATE audit SET seq = NULL, hash = NULL", none),
    ] {
        let passport = filled(Database::Sqlite).await;
        execute(&passport, "CREATE TABLE kept AS SELECT * FROM audit_chain").await;
        passport.add_user("fay").await;
        passport.advance(5 * SECOND);
        seal(&passport.app).await.unwrap();
        passport.until("SELECT COUNT(*) FROM audit WHERE seq IS NULL", 0).await;
        let elsewhere = look(&passport).await.last;

        let mut tx = passport.app.db.write().await.unwrap();
        let last = "UPDATE audit SET detail = '{}' WHERE seq = (SELECT MAX(seq) FROM audit)";
        for sql in [last, unsealed, end] {
            sqlx::query(sql).execute(&mut *tx).await.unwrap();
        }
        tx.commit().await.unwrap();
        passport.advance(5 * SECOND);
        seal(&passport.app).await.unwrap();
        passport.until("SELECT COUNT(*) FROM audit WHERE seq IS NULL", 0).await;
        let found = look(&passport).await;
        assert!(found.broken.is_none() && found.unsealed == 0, "by itself it holds: {found:?}");
        let found = verify(&passport.app, Some(elsewhere)).await.unwrap().broken;
        assert!(matches!(found, Some(Broken::NotTheKept { .. })), "{found:?}");
    }
}

// SECURITY-CASES H-16: numbers without gaps, each once, whoever seals and however many at once.
#[actix_web::test]
async fn many_sealers_make_one_chain_and_leave_nothing_out() {
    on_both(async |database| {
        let passport = Passport::on(database).await;
        let other = passport.second_node().await;
        for round in 0..4 {
            for number in 0..6 {
                passport.add_user(&format!("u{round}x{number}")).await;
            }
            passport.advance(3 * SECOND);
            let sealers =
                (0..8).map(|which| seal(if which % 2 == 0 { &passport.app } else { &other.app }));
            for sealed in futures_util::future::join_all(sealers).await {
                sealed.unwrap();
            }
        }
        passport.until("SELECT COUNT(*) FROM audit WHERE seq IS NULL", 0).await;
        let lines = passport.count("SELECT COUNT(*) FROM audit").await;
        assert_eq!(passport.count("SELECT MAX(seq) FROM audit").await, lines);
        let found = look(&passport).await;
        assert!(found.broken.is_none(), "{found:?}");
        assert_eq!((found.good, found.unsealed), (lines, 0));

        // A line that comes late, from a clock that is behind, is sealed behind the others.
        execute(
            &passport,
            "INSERT INTO audit (id, at, kind, detail) VALUES ('00000000-late', 5, 'login', '{}')",
        )
        .await;
        passport.advance(3 * SECOND);
        seal(&passport.app).await.unwrap();
        passport.until("SELECT COUNT(*) FROM audit WHERE seq IS NULL", 0).await;
        let place = passport.count("SELECT seq FROM audit WHERE id = '00000000-late'").await;
        assert_eq!(place, lines + 1);
        assert!(look(&passport).await.broken.is_none());
    })
    .await;
}

// More than one portion, and more than one page of looking.
#[actix_web::test]
async fn a_long_log_is_sealed_and_verified_in_portions() {
    on_both(async |database| {
        let passport = filled(database).await;
        for _ in 0..9 {
            execute(
                &passport,
                "INSERT INTO audit (id, at, kind, detail)
                 SELECT '0' || id || '-' || (SELECT COUNT(*) FROM audit), at, kind, detail FROM audit
                 LIMIT 300",
            )
            .await;
        }
        passport.advance(3 * SECOND);
        seal(&passport.app).await.unwrap();
        passport.until("SELECT COUNT(*) FROM audit WHERE seq IS NULL", 0).await;
        let found = look(&passport).await;
        assert!(found.broken.is_none() && found.good > 1_000, "{found:?}");
    })
    .await;
}

// As an operator sees it, beside a running server.
#[actix_web::test]
async fn at_the_terminal() {
    let home = Home::new(Database::Sqlite).await;
    home.add_user("member", harness::PASSWORD);
    let node = home.serve();
    node.browser().sign_in("member").await;
    let made =
        home.json(&["admin-token", "add", "siem", "--scopes", "audit:read,users:read", "--json"]);
    let token = made["token"].as_str().unwrap().to_owned();
    assert!(token.starts_with("passport_admin_"));
    let listed = home.say(&["admin-token", "list", "--json"]);
    assert!(listed.contains("audit:read") && !listed.contains(&token));
    let authorization = format!("Bearer {token}");
    let headers = [("authorization", authorization.as_str())];
    let lines = node.browser().get_with("/api/v1/admin/audit?kind=login", &headers).await.json();
    assert_eq!(lines["lines"].as_array().unwrap().len(), 1, "{lines}");

    let said =
        home.say(&["audit", "list", "--kind", "admin_token.added", "--since", "1h", "--json"]);
    let line: serde_json::Value = serde_json::from_str(said.lines().next().unwrap()).unwrap();
    assert_eq!(line["detail"]["name"], "siem");
    assert_eq!(
        home.say(&["audit", "list", "--user", "member", "--kind", "login"]).lines().count(),
        1
    );
    loop {
        let found = home.json(&["audit", "verify", "--json"]);
        assert_eq!(found["broken"], serde_json::Value::Null);
        if found["unsealed"] == 0 {
            let last = found["last"].as_str().unwrap().to_owned();
            home.say(&["audit", "verify", "--expect", &last]);
            break;
        }
    }
    assert_eq!(home.run(&["audit", "verify", "--expect", "1:nothing"]).status.code(), Some(1));
    home.refused(2, &["admin-token", "add", "x", "--scopes", "users:*"]);
    home.say(&["admin-token", "revoke", "siem"]);
    let refused = node.browser().get_with("/api/v1/admin/audit", &headers).await;
    assert_eq!(refused.status, 401);
    drop(node);
    let database = home.file("passport.db");
    let url = format!("sqlite://{}", database.display());
    sqlx::any::install_default_drivers();
    let pool = sqlx::AnyPool::connect(&url).await.unwrap();
    sqlx::query("UPDATE audit SET kind = 'nothing' WHERE seq = 1").execute(&pool).await.unwrap();
    pool.close().await;
    let found = home.run(&["audit", "verify"]);
    let said = String::from_utf8_lossy(&found.stderr).into_owned();
    assert_eq!(found.status.code(), Some(1), "{said}");
    assert!(said.contains("line 1 "), "{said}");
}
