//! `kill -9` at random moments under load, and the books afterwards (SECURITY-CASES 4.2).
//!
//! Clients write down what they are about to do and what was acknowledged. After each kill and
//! restart: nothing acknowledged is lost, nothing is half done. `PASSPORT_KILLS=500` makes a long
//! run; `PASSPORT_SEED` repeats the moments of one (the load itself is as the system schedules it).

use std::{
    cell::RefCell,
    hash::{BuildHasher, Hasher, RandomState},
    rc::Rc,
    time::Duration,
};

use harness::{Answer, Browser, Database, Node, PASSWORD, TestApp, browser::encode, process::Home};
use reqwest::Method;
use serde_json::json;
use sqlx::{Connection, PgConnection};
use sso_server::store::{Db, Options, audit};

/// Clients at a time.
const CLIENTS: usize = 8;
/// Kills of a short run, on each database.
const KILLS: usize = 4;

/// Chance that can be repeated (SplitMix64).
#[derive(Clone)]
struct Chance(u64);

impl Chance {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % end
    }
}

fn from_environment<T: std::str::FromStr>(name: &str) -> Option<T> {
    std::env::var(name).ok().map(|text| text.parse().ok().unwrap_or_else(|| panic!("{name}")))
}

/// How far something got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mark {
    /// Not begun.
    Not,
    /// Sent; no answer came.
    Intended,
    /// Answered.
    Acknowledged,
}

/// A ticket and what became of it.
#[derive(Clone, Debug)]
struct Ticket {
    app: usize,
    text: String,
    /// Under which it may be asked for again.
    key: String,
    /// The app session, once it was acknowledged.
    opened: Option<String>,
}

/// A session whose beginning was acknowledged.
#[derive(Clone, Debug)]
struct Login {
    browser: Browser,
    /// Its name, learned from the first redemption.
    session: Option<String>,
    tickets: Vec<Ticket>,
    logout: Mark,
}

/// What the clients wrote down.
#[derive(Default)]
struct Ledger {
    logins: Vec<Login>,
    /// Acts that were acknowledged in all.
    acknowledged: usize,
}

type Shared = Rc<RefCell<Ledger>>;

/// Goes on until the server is gone.
async fn client(
    node: Browser,
    user: String,
    apps: Rc<[TestApp]>,
    ledger: Shared,
    mut chance: Chance,
) {
    loop {
        let many = ledger.borrow().logins.len();
        let done = match chance.below(10) {
            0..=3 => log_in(&node, &user, &ledger).await,
            4..=7 if many > 0 => {
                let (login, app) = (chance.below(many as u64), chance.below(2));
                enter(login as usize, app as usize, &apps, &ledger, &mut chance).await
            }
            _ if many > 0 => log_out(chance.below(many as u64) as usize, &ledger).await,
            _ => Ok(()),
        };
        if done.is_err() {
            return;
        }
    }
}

async fn log_in(node: &Browser, user: &str, ledger: &Shared) -> reqwest::Result<()> {
    let mut browser = node.clone();
    let page = browser.try_request(Method::GET, "/login", None, &[]).await?;
    let form = page.form("/login").with("username", user).with("password", PASSWORD);
    let answer = submit(&mut browser, &form.fields, "/login").await?;
    assert_eq!(answer.status, 303, "{}", answer.body);
    let mut ledger = ledger.borrow_mut();
    ledger.acknowledged += 1;
    let (session, tickets, logout) = (None, Vec::new(), Mark::Not);
    ledger.logins.push(Login { browser, session, tickets, logout });
    Ok(())
}

async fn submit(
    browser: &mut Browser,
    fields: &[(String, String)],
    action: &str,
) -> reqwest::Result<Answer> {
    let body = encode(fields.iter().map(|(name, value)| (name.as_str(), value.as_str())));
    let kind = [("content-type", "application/x-www-form-urlencoded")];
    browser.try_request(Method::POST, action, Some(body.into_bytes()), &kind).await
}

async fn enter(
    login: usize,
    app: usize,
    apps: &[TestApp],
    ledger: &Shared,
    chance: &mut Chance,
) -> reqwest::Result<()> {
    let mut browser = ledger.borrow().logins[login].browser.clone();
    let path = format!("/login{}", apps[app].login_query(&[]));
    let sent = browser.try_request(Method::GET, &path, None, &[]).await?;
    let Some(text) = sent.sent("ticket") else {
        assert_ne!(ledger.borrow().logins[login].logout, Mark::Not, "{}", sent.body);
        return Ok(());
    };
    let key = format!("key-{}", chance.below(u64::MAX));
    let place = {
        let ticket = Ticket { app, text: text.clone(), key: key.clone(), opened: None };
        let tickets = &mut ledger.borrow_mut().logins[login].tickets;
        tickets.push(ticket);
        tickets.len() - 1
    };
    let answer = redeem(&mut browser, &apps[app], &text, &key).await?;
    let mut ledger = ledger.borrow_mut();
    let Ledger { logins, acknowledged } = &mut *ledger;
    let login = &mut logins[login];
    if answer.status == 200 {
        *acknowledged += 1;
        let told = answer.json();
        login.session = told["session"].as_str().map(str::to_owned);
        login.tickets[place].opened = told["app_session"].as_str().map(str::to_owned);
    } else {
        // Refused, because somebody else was logging the session out.
        assert_eq!(answer.json()["code"], "invalid_ticket");
        assert_ne!(login.logout, Mark::Not, "{}", answer.body);
    }
    Ok(())
}

async fn redeem(
    browser: &mut Browser,
    app: &TestApp,
    ticket: &str,
    key: &str,
) -> reqwest::Result<Answer> {
    let body = json!({ "ticket": ticket, "return_to": app.return_to }).to_string();
    let authorization = app.authorization();
    let headers = [
        ("authorization", authorization.as_str()),
        ("content-type", "application/json"),
        ("idempotency-key", key),
    ];
    browser
        .try_request(Method::POST, "/api/v1/tickets/redeem", Some(body.into_bytes()), &headers)
        .await
}

async fn log_out(login: usize, ledger: &Shared) -> reqwest::Result<()> {
    let mut browser = ledger.borrow().logins[login].browser.clone();
    if ledger.borrow().logins[login].logout != Mark::Not {
        return Ok(());
    }
    ledger.borrow_mut().logins[login].logout = Mark::Intended;
    let page = browser.try_request(Method::GET, "/logout", None, &[]).await?;
    let answer = submit(&mut browser, &page.form("/logout").fields, "/logout").await?;
    assert_eq!(answer.status, 303, "{}", answer.body);
    let mut ledger = ledger.borrow_mut();
    ledger.logins[login].logout = Mark::Acknowledged;
    ledger.acknowledged += 1;
    Ok(())
}

/// Compares the ledger with the server that came back.
async fn balance(node: &Node, apps: &[TestApp], ledger: &mut Ledger, db: &Db) {
    let told: Vec<Vec<String>> = {
        let mut logs = Vec::new();
        for app in apps {
            logs.push(all_events(app).await);
        }
        logs
    };
    let audit = audit::latest(&mut db.read().await.unwrap(), 1_000_000).await.unwrap();
    let audited = |kind: &str, what: &str| {
        audit.iter().any(|line| {
            line.kind == kind
                && (line.session.as_deref() == Some(what) || line.detail.contains(what))
        })
    };
    for login in &mut ledger.logins {
        let mut browser = node.browser();
        browser.cookies = login.browser.cookies.clone();
        let lives = browser.is_signed_in().await;
        match login.logout {
            Mark::Not => assert!(lives, "an acknowledged login is lost: {login:?}"),
            Mark::Acknowledged => assert!(!lives, "an acknowledged log-out is lost: {login:?}"),
            // Now it is known.
            Mark::Intended if !lives => login.logout = Mark::Acknowledged,
            Mark::Intended => login.logout = Mark::Not,
        }
        if let (false, Some(session)) = (lives, &login.session) {
            assert!(audited("session.ended", session), "no line about the end of {session}");
        }
        for ticket in &mut login.tickets {
            let app = &apps[ticket.app];
            if let Some(opened) = &ticket.opened {
                assert!(audited("ticket.redeemed", opened), "no line about {opened}");
            }
            let again = redeem(&mut node.browser(), app, &ticket.text, &ticket.key).await.unwrap();
            if lives {
                // Happened once, or happens now; the answer names the same session again.
                assert_eq!(again.status, 200, "{}", again.body);
                let opened = again.json()["app_session"].as_str().unwrap().to_owned();
                assert_eq!(ticket.opened.get_or_insert(opened.clone()), &opened);
                login.session = again.json()["session"].as_str().map(str::to_owned);
            } else {
                assert_eq!(again.json()["code"], "invalid_ticket", "{}", again.body);
            }
            let other_key =
                redeem(&mut node.browser(), app, &ticket.text, "another").await.unwrap();
            assert_eq!(other_key.json()["code"], "invalid_ticket", "spent twice");
            let Some(opened) = &ticket.opened else { continue };
            let state = app.status(opened).await.json()["state"].as_str().unwrap().to_owned();
            assert_eq!(state, if lives { "active" } else { "ended" });
            let events = told[ticket.app].iter().filter(|id| *id == opened).count();
            assert_eq!(events, usize::from(!lives), "events about {opened}");
        }
    }
    whole(db).await;
}

/// Nothing is half done, whoever holds it.
async fn whole(db: &Db) {
    let rows: [(&'static str, &str); 5] = [
        (
            "SELECT COUNT(*) FROM app_sessions a JOIN sessions s ON s.id = a.session_id
             WHERE a.ended_at IS NULL AND s.ended_at IS NOT NULL",
            "app sessions outlive their session",
        ),
        (
            "SELECT COUNT(*) FROM app_sessions a WHERE a.ended_at IS NOT NULL
             AND (SELECT COUNT(*) FROM events e WHERE e.app_session_id = a.id) <> 1",
            "ends that are not told once",
        ),
        (
            "SELECT COUNT(*) FROM events e JOIN app_sessions a ON a.id = e.app_session_id
             WHERE a.ended_at IS NULL",
            "events about what goes on",
        ),
        (
            "SELECT COUNT(*) FROM app_sessions a
             LEFT JOIN spent_tickets t ON t.app_session_id = a.id WHERE t.jti IS NULL",
            "app sessions without a spent ticket",
        ),
        (
            "SELECT COUNT(*) FROM event_logs l
             WHERE l.head <> (SELECT COUNT(*) FROM events e WHERE e.app_id = l.app_id)",
            "logs with gaps",
        ),
    ];
    let mut connection = db.read().await.unwrap();
    for (sql, what) in rows {
        let (found,): (i64,) = sqlx::query_as(sql).fetch_one(&mut *connection).await.unwrap();
        assert_eq!(found, 0, "{what}");
    }
    if db.is_sqlite() {
        // SECURITY-CASES W-13
        let (found,): (String,) =
            sqlx::query_as("PRAGMA integrity_check").fetch_one(&mut *connection).await.unwrap();
        assert_eq!(found, "ok");
        let broken = sqlx::query("PRAGMA foreign_key_check").fetch_all(&mut *connection).await;
        assert!(broken.unwrap().is_empty());
    }
}

/// The app sessions that an app's log names, in order.
async fn all_events(app: &TestApp) -> Vec<String> {
    let (mut cursor, mut found) = ("0".to_owned(), Vec::new());
    loop {
        let page = app.events(&cursor).await;
        if page.events.is_empty() {
            return found;
        }
        found.extend(page.events.into_iter().filter_map(|event| event.app_session));
        cursor = page.cursor;
    }
}

async fn survives_being_killed(database: Database) {
    let seed = from_environment("PASSPORT_SEED");
    let seed = seed.unwrap_or_else(|| RandomState::new().build_hasher().finish());
    let kills = from_environment("PASSPORT_KILLS").unwrap_or(KILLS);
    eprintln!("PASSPORT_SEED={seed} PASSPORT_KILLS={kills} on {database:?}");
    let mut chance = Chance(seed);

    let mut home = Home::new(database).await;
    // Logins that were killed count as failed ones; here they are many.
    home.set("SSO_THROTTLE__ADDRESS_ATTEMPTS", "1000000");
    home.set("SSO_THROTTLE__REFUSED_TICKETS_PER_MINUTE", "1000000");
    home.set("SSO_THROTTLE__ACCOUNT_ATTEMPTS", "100");
    let mut node = home.serve();
    for number in 0..CLIENTS {
        home.add_user(&format!("user{number}"), PASSWORD);
    }
    let registered = [home.add_app("aw", &node), home.add_app("bw", &node)];
    let ledger = Shared::default();
    let (mut acknowledged, mut rounds) = (0, 0);
    // On a busy machine the first rounds may be over before anything is acknowledged.
    while rounds < kills || acknowledged <= kills && rounds < 10 * kills {
        rounds += 1;
        let apps: Rc<[TestApp]> = registered.iter().map(|app| at(app, &node)).collect();
        let load: Vec<_> = (0..CLIENTS)
            .map(|number| {
                let (user, chance) = (format!("user{number}"), Chance(chance.below(u64::MAX)));
                let work = client(node.browser(), user, apps.clone(), ledger.clone(), chance);
                tokio::task::spawn_local(work)
            })
            .collect();
        // The moment is what is tried here; there is nothing to wait for.
        tokio::time::sleep(Duration::from_millis(20 + chance.below(400))).await;
        node.kill();
        for client in load {
            client.await.unwrap();
        }
        if database == Database::Postgres {
            until_nobody_is_connected(&home.url).await;
        }
        node = home.serve();
        let db = Db::open(&Options { url: home.url.clone(), max_connections: 1 }).await.unwrap();
        let apps: Vec<TestApp> = registered.iter().map(|app| at(app, &node)).collect();
        let mut books = ledger.take();
        balance(&node, &apps, &mut books, &db).await;
        db.close().await;
        acknowledged = books.acknowledged;
        // The books are closed over what is out; the rest goes on, at the new address.
        books.logins.retain(|login| login.logout == Mark::Not);
        books.logins.truncate(60);
        for login in &mut books.logins {
            let cookies = std::mem::take(&mut login.browser.cookies);
            login.browser = node.browser();
            login.browser.cookies = cookies;
            login.tickets.clear();
        }
        ledger.replace(books);
    }
    eprintln!("{acknowledged} acts acknowledged over {rounds} kills");
    assert!(acknowledged > kills, "there was load");
}

/// What PostgreSQL was told before the kill it may still be doing: its answer is nobody's, its effect
/// counts.
async fn until_nobody_is_connected(url: &str) {
    let mut connection = PgConnection::connect(url).await.unwrap();
    loop {
        let (others,): (i64,) = sqlx::query_as(
            "SELECT COUNT(*) FROM pg_stat_activity WHERE datname = current_database()
             AND backend_type = 'client backend' AND pid <> pg_backend_pid()",
        )
        .fetch_one(&mut connection)
        .await
        .unwrap();
        if others == 0 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

fn at(app: &TestApp, node: &Node) -> TestApp {
    TestApp::new(node.address, "http://sso.localhost:8800", &app.id, &app.secret, &app.return_to)
}

// SECURITY-CASES W-01, W-02 (the log), W-13 (kills)
#[actix_web::test]
async fn sqlite_survives_being_killed() {
    survives_being_killed(Database::Sqlite).await;
}

// SECURITY-CASES W-01, W-02 (the log)
#[actix_web::test]
async fn postgres_survives_being_killed() {
    survives_being_killed(Database::Postgres).await;
}
