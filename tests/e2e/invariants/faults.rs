//! The database goes away in the middle of everything: the answer is 503, or it is true.

use client_sdk::wire::Event;
use harness::{
    Answer, Browser, Database, MINUTE, PASSWORD, Passport, TestApp, faults::FaultyPostgres,
};
use reqwest::Method;
use sso_server::{
    config::Config,
    domain::{admin::Scope, identity::Identity},
    flows::{
        admin_tokens,
        end_session::{Ending, end_session},
        log_out_many,
        users::{self, AddUser},
    },
    store::identities,
    web::cookies::SESSION,
};

use crate::scene::{ALL, Outcome, Walk, Way, live_sessions_of, settings};

/// More questions than any single act asks.
const MOST: i64 = 60;

/// What the cut takes away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cut {
    /// The database never hears the question.
    Question,
    /// It does what it was told, a commit perhaps, and nobody hears of it.
    Answer,
}

const CUTS: [Cut; 2] = [Cut::Question, Cut::Answer];

/// A Passport whose second node reaches PostgreSQL only through something that cuts.
struct Shaky {
    /// Sees the truth.
    steady: Passport,
    /// With one connection: no act needs two at a time, and after a cut there is one to be replaced.
    shaky: Passport,
    faults: FaultyPostgres,
}

impl Shaky {
    async fn start() -> Self {
        Self::with(|_| {}).await
    }

    async fn with(change: fn(&mut Config)) -> Self {
        let steady = Passport::with(Database::Postgres, change).await;
        let (faults, url) = FaultyPostgres::before(&steady.app.config.database.url).await;
        let public_url = steady.url.clone();
        let shaky = Passport::over(
            Database::Postgres,
            &url,
            steady.folder.clone(),
            steady.clock.clone(),
            |config| {
                change(config);
                config.server.public_url = public_url;
                config.database.max_connections = 1;
            },
        )
        .await;
        Self { steady, shaky, faults }
    }

    fn fail_at(&self, cut: Cut, question: i64) {
        match cut {
            Cut::Question => self.faults.fail_at(question),
            Cut::Answer => self.faults.lose_answer_at(question),
        }
    }

    /// Heals, and waits until the node has noticed. Answers whether the cut had come.
    async fn heal(&self) -> bool {
        let cut = self.faults.heal();
        let mut machine = self.shaky.browser();
        for _ in 0..20 {
            if machine.get("/readyz").await.status == 200 {
                return cut;
            }
        }
        panic!("the node does not recover");
    }
}

/// A page that does not know says so, and takes nothing from the browser. (A login that was done
/// before the database went may have given it something.)
fn assert_does_not_know(answer: &Answer, browser: &Browser, before: &Browser, case: &str) {
    assert_eq!(answer.status, 503, "{case}: {}", answer.body);
    assert!(!answer.header("retry-after").is_empty(), "{case}: no Retry-After");
    assert_eq!(answer.location(), "", "{case}");
    let kept = before.cookies.keys().all(|name| browser.cookies.contains_key(name));
    assert!(kept, "{case}: a cookie is gone: {:?}", browser.set_cookies);
    for secret in ["postgres://", "passport_", "panicked"] {
        assert!(!answer.body.contains(secret), "{case}: {}", answer.body);
    }
}

// SECURITY-CASES INV-12, W-05, W-07: the matrix once more, with the connection cut at every question.
#[actix_web::test]
async fn a_way_in_that_loses_its_database_never_lets_in() {
    let passport = Shaky::with(settings).await;
    let app = passport.steady.add_app("aw").await;
    for (way, loses) in ALL.into_iter().flat_map(|way| CUTS.map(|cut| (way, cut))) {
        let mut cuts = 0;
        for question in 1.. {
            assert!(question < MOST, "{way:?} asks without end");
            let case = format!("{way:?}, {loses:?} {question} lost");
            let name = format!("{way:?}{loses:?}{question}").to_lowercase();
            let mut walk = Walk::prepare(&passport.steady, way, &name, &app).await;
            walk.first_step().await;
            let mut walk = walk.at(&passport.shaky);
            let before = walk.browser.clone();

            passport.fail_at(loses, question);
            let answer = walk.last_step().await;
            let cut = passport.heal().await;
            match walk.outcome(&answer) {
                // Perhaps the cut came to something that goes on beside, or after all was done.
                Outcome::Entered => walk.prove(&passport.steady, &answer).await,
                Outcome::Unavailable => {
                    assert!(cut, "{case}: 503 without a fault");
                    cuts += 1;
                    if walk.set_up_is_done() {
                        // The login behind it failed; its own page is what was answered.
                        assert_eq!(answer.status, 503, "{case}");
                    } else if way.is_api() {
                        assert_eq!(answer.json()["code"], "unavailable", "{case}");
                        assert!(!answer.header("retry-after").is_empty(), "{case}");
                    } else {
                        assert_does_not_know(&answer, &walk.browser, &before, &case);
                        // Whose commit nobody heard of may have voided the old cookie.
                        let may_be_renewed = matches!(way, Way::LoginAgain | Way::SecureAccount)
                            && loses == Cut::Answer;
                        if walk.browser.cookies.contains_key(SESSION) && !may_be_renewed {
                            let mut browser = walk.browser.clone().at(&passport.steady);
                            assert!(browser.is_signed_in().await, "{case}: the session is gone");
                        }
                    }
                }
                Outcome::Refused => panic!("{case}: a definite no: {}", answer.body),
            }
            // Failed attempts stay counted: let their waits go by.
            passport.steady.advance(20 * MINUTE);
            if !cut {
                break;
            }
        }
        assert!(cuts > 0, "{way:?} asks nothing of the database");
    }
}

/// Acts that take something away, by the door through which they are done.
#[derive(Clone, Copy, Debug)]
enum Act {
    LogoutPage,
    EndOwnSession,
    /// The loser came in by it.
    RemoveIdentity,
    EndByApp(&'static str),
    EndByOperator,
    LogoutByOperator,
    Disable,
    Delete,
    LogoutByConsole,
    DisableByConsole,
    LogoutByToken,
    DisableByToken,
    /// Of everybody at an app: written down when it is answered, and carried out beside.
    OrderByToken,
}

const ACTS: [Act; 15] = [
    Act::LogoutPage,
    Act::EndOwnSession,
    Act::RemoveIdentity,
    Act::EndByApp("app"),
    Act::EndByApp("session"),
    Act::EndByApp("user"),
    Act::EndByOperator,
    Act::LogoutByOperator,
    Act::Disable,
    Act::Delete,
    Act::LogoutByConsole,
    Act::DisableByConsole,
    Act::LogoutByToken,
    Act::DisableByToken,
    Act::OrderByToken,
];

/// Somebody about to lose a session.
struct Loser {
    id: String,
    name: String,
    browser: Browser,
    /// Another browser of the same person's.
    second: Browser,
    session: String,
    app_session: String,
}

/// Makes a session one that was proven by an identity of the person's.
async fn prove_by_identity(passport: &Passport, user: &str, session: &str) {
    let identity = Identity {
        backend: "openid".to_owned(),
        subject: format!("https://{user}.example/"),
        shown: user.to_owned(),
        provider: "op.example".to_owned(),
    };
    let mut tx = passport.app.db.write().await.unwrap();
    let now = passport.app.clock.now();
    assert!(identities::insert(&mut tx, &identity, &user.into(), now).await.unwrap());
    sqlx::query("UPDATE sessions SET identity_id = $1 WHERE id = $2")
        .bind(identity.id().as_str())
        .bind(session)
        .execute(&mut *tx)
        .await
        .unwrap();
    tx.commit().await.unwrap();
}

/// Who can do it to others.
struct Admins {
    browser: Browser,
    token: String,
}

impl Admins {
    async fn of(passport: &Passport) -> Self {
        let admin =
            AddUser { username: "admin", email: None, admin: true, password: Some(PASSWORD) };
        users::add(&passport.app, admin).await.unwrap();
        let token = admin_tokens::add(&passport.app, "program", &Scope::ALL, None).await.unwrap();
        Self { browser: passport.signed_in("admin").await, token: token.expose() }
    }
}

impl Act {
    /// Whether the session at Passport goes on.
    fn spares_session(self) -> bool {
        matches!(self, Self::EndByApp("app") | Self::OrderByToken)
    }

    /// Answers whether it was told to be done.
    async fn go(self, shaky: &Passport, app: &TestApp, loser: &Loser, admins: &Admins) -> bool {
        let operator = &shaky.app;
        match self {
            Self::LogoutPage | Self::EndOwnSession => {
                let mut browser = loser.browser.clone().at(shaky);
                let before = browser.clone();
                let (page, action) = match self {
                    Self::LogoutPage => ("/logout", "/logout"),
                    _ => ("/account", "/account/sessions/end"),
                };
                let page = browser.get(page).await;
                let answer = match page.forms(action).into_iter().next() {
                    Some(form) => browser.submit(&form.with("session", &loser.session)).await,
                    None => page,
                };
                if answer.status != 303 {
                    assert_does_not_know(&answer, &browser, &before, &format!("{self:?}"));
                }
                answer.status == 303
            }
            Self::RemoveIdentity => {
                let mut browser = loser.second.clone().at(shaky);
                let before = browser.clone();
                let page = browser.get("/account/identities").await;
                let answer = match page.forms("/account/identities/remove").into_iter().next() {
                    Some(form) => browser.submit(&form.with("ends", "on")).await,
                    None => page,
                };
                if answer.status != 303 {
                    assert_does_not_know(&answer, &browser, &before, &format!("{self:?}"));
                }
                answer.status == 303
            }
            Self::EndByApp(scope) => {
                let answer = app.at(shaky).end(&loser.app_session, scope).await;
                assert!(matches!(answer.status.as_u16(), 200 | 503), "{}", answer.body);
                answer.status == 200
            }
            Self::LogoutByConsole | Self::DisableByConsole => {
                let mut browser = admins.browser.clone().at(shaky);
                let before = browser.clone();
                let here = format!("/admin/people/{}", loser.id);
                let act = if matches!(self, Self::LogoutByConsole) { "logout" } else { "disable" };
                let page = browser.get(&here).await;
                let answer = match page.forms(&format!("{here}/{act}")).into_iter().next() {
                    Some(form) => browser.submit(&form.with("reason", "why")).await,
                    None => page,
                };
                if answer.status != 303 {
                    assert_does_not_know(&answer, &browser, &before, &format!("{self:?}"));
                }
                answer.status == 303
            }
            Self::LogoutByToken | Self::DisableByToken | Self::OrderByToken => {
                let path = match self {
                    Self::LogoutByToken => format!("users/{}/logout", loser.id),
                    Self::DisableByToken => format!("users/{}/disable", loser.id),
                    _ => format!("apps/{}/logout", app.id),
                };
                let authorization = format!("Bearer {}", admins.token);
                let headers =
                    [("authorization", &*authorization), ("content-type", "application/json")];
                let (path, body) = (format!("/api/v1/admin/{path}"), r#"{"reason":"why"}"#);
                let mut machine = shaky.browser();
                let answer =
                    machine.request(Method::POST, &path, Some(body.to_owned()), &headers).await;
                assert!(matches!(answer.status.as_u16(), 200 | 202 | 503), "{}", answer.body);
                answer.status != 503
            }
            Self::EndByOperator => {
                let why = Ending::by_operator(client_sdk::wire::Cause::Admin);
                end_session(operator, &loser.session.as_str().into(), why).await.is_ok()
            }
            Self::LogoutByOperator => users::logout(operator, &loser.name).await.is_ok(),
            Self::Disable => users::disable(operator, &loser.name, false).await.is_ok(),
            Self::Delete => users::delete(operator, &loser.name, false).await.is_ok(),
        }
    }
}

/// The other nodes take up what a node has begun and could not go on with.
async fn carried_out(steady: &Passport) {
    const UNFINISHED: &str =
        "SELECT COUNT(*) FROM logouts WHERE reach IS NOT NULL AND finished_at IS NULL";
    for _ in 0..20 {
        if steady.count(UNFINISHED).await == 0 {
            return;
        }
        steady.advance(MINUTE);
        log_out_many::resume(&steady.app).await.unwrap();
    }
    panic!("an order that nobody carries out");
}

// SECURITY-CASES W-05: no false success. What was told to be done is done, with its event; what
// failed is not half done.
#[actix_web::test]
async fn what_takes_away_is_done_or_says_that_it_is_not() {
    let passport = Shaky::start().await;
    let steady = &passport.steady;
    let app = steady.add_app_with("aw", |app| app.may_end_user = true).await;
    let admins = Admins::of(steady).await;
    for (act, loses) in ACTS.into_iter().flat_map(|act| CUTS.map(|cut| (act, cut))) {
        let mut failures = 0;
        for question in 1.. {
            assert!(question < MOST, "{act:?} asks without end");
            let case = format!("{act:?}, {loses:?} {question} lost");
            let name = format!("{act:?}{loses:?}{question}").to_lowercase();
            let name = name.replace(['(', ')', '"'], "");
            let id = steady.add_user(&name).await;
            let mut browser = steady.signed_in(&name).await;
            let entered = app.enter(&mut browser).await;
            let cursor = app.events("0").await.cursor;
            let (session, app_session) = (entered.session, entered.app_session);
            let second = steady.signed_in(&name).await;
            if matches!(act, Act::RemoveIdentity) {
                prove_by_identity(steady, &id, &session).await;
            }
            let loser = Loser { id, name, browser, second, session, app_session };

            passport.fail_at(loses, question);
            let done = act.go(&passport.shaky, &app, &loser, &admins).await;
            let cut = passport.heal().await;
            if matches!(act, Act::OrderByToken) {
                carried_out(steady).await;
            }

            let over = app.status(&loser.app_session).await.json()["state"] == "ended";
            let events = app.events(&cursor).await.events;
            let about = |event: &&Event| event.app_session.as_ref() == Some(&loser.app_session);
            let told = events.iter().filter(about).count();
            assert_eq!(told, usize::from(over), "{case}: the end and its event go together");
            if done {
                assert!(over, "{case}: told that it is done, and it is not");
                if !act.spares_session() {
                    assert!(!loser.browser.clone().at(steady).is_signed_in().await, "{case}");
                }
            } else {
                failures += 1;
                assert!(cut, "{case}: failed without a fault");
                // All or nothing, also where the commit's answer was lost.
                let live = loser.browser.clone().at(steady).is_signed_in().await;
                if !act.spares_session() {
                    assert_eq!(live, !over, "{case}: half done");
                }
            }
            if !cut {
                break;
            }
        }
        assert!(failures > 0, "{act:?} asks nothing of the database");
    }
}

// SECURITY-CASES W-08, T-10: the answer to a redemption was lost, and the app asks again under the
// same key. Whatever the cut hit, there is one app session in the end.
#[actix_web::test]
async fn a_redemption_whose_answer_was_lost_happened_once() {
    let passport = Shaky::start().await;
    let app = passport.steady.add_app("aw").await;
    passport.steady.add_user("member").await;
    let mut opened = 0;
    for (question, loses) in (1..MOST).flat_map(|question| CUTS.map(|cut| (question, cut))) {
        let mut browser = passport.steady.signed_in("member").await;
        let ticket = app.send(&mut browser).await.ticket();
        let body = serde_json::json!({ "ticket": ticket, "return_to": app.return_to });
        let key = [("idempotency-key", "once")];

        passport.fail_at(loses, question);
        let first = app.at(&passport.shaky).redeem_body(body.clone(), &key).await;
        let cut = passport.heal().await;
        assert!(matches!(first.status.as_u16(), 200 | 503), "{}", first.body);

        let again = app.redeem_body(body, &key).await;
        assert_eq!(again.status, 200, "{loses:?} {question} lost: {}", again.body);
        if first.status == 200 {
            assert_eq!(first.json()["app_session"], again.json()["app_session"]);
        }
        opened += 1;
        let recorded = passport.steady.count("SELECT COUNT(*) FROM app_sessions").await;
        assert_eq!(recorded, opened, "{loses:?} {question} lost: one for each ticket");
        if !cut {
            return;
        }
    }
    panic!("a redemption asks without end");
}

// SECURITY-CASES W-07: while the database is away, the process lives and is not ready.
#[actix_web::test]
async fn health_tells_apart_being_alive_and_being_ready() {
    let passport = Shaky::start().await;
    passport.steady.add_user("member").await;
    let mut browser = passport.steady.signed_in("member").await.at(&passport.shaky);
    let mut machine = passport.shaky.browser();
    assert_eq!(machine.get("/readyz").await.status, 200);

    passport.faults.fail_at(1);
    assert_eq!(machine.get("/readyz").await.status, 503);
    assert_eq!(machine.get("/healthz").await.status, 200);
    let before = browser.clone();
    let page = browser.get("/account").await;
    assert_does_not_know(&page, &browser, &before, "/account");

    passport.heal().await;
    assert!(browser.is_signed_in().await, "nobody was logged out by it");
    assert_eq!(live_sessions_of(&passport.steady, "member").await, 1);
}
