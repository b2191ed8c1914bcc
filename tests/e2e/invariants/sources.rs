//! What no request can show: that there is one function for each thing that counts, and that this
//! suite knows every route.

use std::{collections::BTreeSet, fs, path::Path};

use client_sdk::wire::Cause;
use harness::PASSWORD;
use sso_server::flows::{
    end_session::{Ending, end_session},
    users::{self, AddUser},
};

/// The product's sources, as path below `sso-server/src` and text without its tests.
fn sources() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../sso-server/src");
    let mut found = Vec::new();
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|kind| kind == "rs") {
                let text = fs::read_to_string(&path).unwrap();
                let text = text.split("#[cfg(test)]").next().unwrap().to_owned();
                let name = path.strip_prefix(&root).unwrap().display().to_string();
                found.push((name, text));
            }
        }
    }
    assert!(found.len() > 50, "the sources are where they are looked for");
    found
}

/// Files in which a text occurs as words of its own, whatever the blanks and the case.
fn files_with(sources: &[(String, String)], text: &str) -> Vec<String> {
    let plain = |text: &str| text.to_lowercase().split_whitespace().collect::<Vec<_>>().join(" ");
    let wanted = plain(text);
    let begins_a_word = |source: &str, at: usize| {
        !source[..at].ends_with(|before: char| before == '_' || before.is_alphanumeric())
    };
    let found = sources.iter().filter(|(_, source)| {
        let source = plain(source);
        source.match_indices(&wanted).any(|(at, _)| begins_a_word(&source, at))
    });
    let mut names: Vec<String> = found.map(|(name, _)| name.clone()).collect();
    names.sort();
    names
}

// SECURITY-CASES Z-14: nobody holds one connection while waiting for another. What the head of a loop
// or a match borrows is held until its body is over.
#[test]
fn no_loop_holds_the_connection_that_its_head_read_by() {
    let heads = ["for ", "if let ", "while let ", "match "];
    let holds = |line: &str| {
        let line = line.trim();
        heads.iter().any(|head| line.starts_with(head) || line.contains(&format!("= {head}")))
            && [".read().await", ".write().await"].iter().any(|taken| line.contains(taken))
            && line.ends_with('{')
    };
    assert!(holds("    for one in all(&mut *app.db.read().await?).await? {"));
    assert!(!holds("    let all = all(&mut *app.db.read().await?).await?;"));
    for (name, text) in sources() {
        for line in text.lines() {
            assert!(!holds(line), "{name}: {line}");
        }
    }
}

// SECURITY-CASES INV-10
#[test]
fn one_function_each_issues_sessions_issues_tickets_and_ends_sessions() {
    let sources = sources();
    let rows: [(&str, &[&str]); 36] = [
        // A session begins or is renewed …
        ("INSERT INTO sessions", &["store/sessions/mod.rs"]),
        ("sessions SET digest", &["store/sessions/mod.rs"]),
        ("sessions::insert(", &["flows/issue_session.rs"]),
        ("sessions::renew(", &["flows/issue_session.rs"]),
        // … for those who have proven who they are, and nobody else makes such a proof …
        (
            "issue_session(app,",
            &[
                "flows/choose_session.rs",
                "flows/log_in.rs",
                "flows/log_in_by_app.rs",
                "flows/log_in_by_identity.rs",
                "flows/secure_account.rs",
            ],
        ),
        (
            "Authenticated {",
            &[
                "flows/choose_session.rs",
                "flows/issue_session.rs",
                "flows/log_in.rs",
                "flows/log_in_by_identity.rs",
            ],
        ),
        // (an identity is proven by its provider, and opens an account or becomes one's own) …
        ("log_in_by_identity(app,", &["flows/openid/complete.rs"]),
        ("first_login(", &["flows/log_in_by_identity.rs", "flows/register.rs"]),
        ("INSERT INTO identities", &["store/identities.rs"]),
        ("identities::insert(", &["flows/add_identity.rs", "flows/register.rs"]),
        ("add_identity(app,", &["flows/openid/complete.rs"]),
        ("proven_identities::insert(", &["flows/openid/complete.rs"]),
        // (a new password closes the other ways in, whoever sets it) …
        ("users::set_password(", &["flows/replace_password.rs"]),
        ("replace_password(app,", &["flows/one_time_link.rs", "flows/secure_account.rs"]),
        // (that a proof waits for a choice is written down where it was made) …
        ("INSERT INTO pending_logins", &["store/pending_logins.rs"]),
        ("pending_logins::insert(", &["flows/choose_session.rs"]),
        ("choose_session::offer(app,", &["flows/log_in.rs", "flows/log_in_by_identity.rs"]),
        // … and of one that an app's server began, a browser gets the cookie by a link, once, and by
        // nothing else …
        ("sessions::hand_over(", &["flows/establish_session.rs"]),
        ("INSERT INTO establish_links", &["store/establish_links.rs"]),
        ("establish_links::insert(", &["flows/log_in_by_app.rs"]),
        ("cookies::ARRIVAL", &["web/login_state.rs"]),
        // … and its end is written in one place.
        ("UPDATE sessions SET ended_at", &["store/sessions/mod.rs"]),
        ("UPDATE app_sessions SET ended_at", &["store/app_sessions.rs"]),
        ("sessions::end(", &["flows/end_session.rs"]),
        ("app_sessions::end_of_sessions(", &["flows/end_session.rs"]),
        ("app_sessions::end_these(", &["flows/end_session.rs"]),
        // The doctor tells of a session that never was, a restore of those that nobody knows any more.
        ("events::append(", &["flows/doctor.rs", "flows/end_session.rs", "flows/restore.rs"]),
        // Tickets are signed …
        ("tokens::ticket::sign(", &["flows/issue_ticket.rs"]),
        ("issue_ticket(app,", &["flows/check_login.rs", "web/pages/login_request.rs"]),
        // (the weaker twin of the session cookie is good for questions of pages alone) …
        (
            "cookies::TWIN",
            &[
                "web/fedcm/accounts.rs",
                "web/fedcm/assertion.rs",
                "web/fedcm/disconnect.rs",
                "web/in_page/establish.rs",
                "web/in_page/question.rs",
                "web/login_state.rs",
            ],
        ),
        ("twin::make(", &["web/login_state.rs"]),
        ("twin::read(", &["flows/check_login.rs"]),
        // … spent, and turned into app sessions.
        ("INSERT INTO spent_tickets", &["store/redemptions.rs"]),
        ("INSERT INTO app_sessions", &["store/redemptions.rs"]),
        ("redemptions::record(", &["flows/redeem_ticket/together.rs"]),
        // Whoever holds a live session has read its row.
        ("LiveSession {", &["domain/session.rs", "store/sessions/look_up.rs"]),
    ];
    for (text, only_in) in rows {
        assert_eq!(files_with(&sources, text), only_in, "{text:?}");
    }
}

// SECURITY-CASES Q-08: SQL is never put together from what somebody sent. sqlx refuses texts that
// are not `'static`; two files make such texts, of constants and of our own migrations.
#[test]
fn no_sql_is_put_together_from_what_somebody_sent() {
    let sources = sources();
    assert!(files_with(&sources, "AssertSqlSafe").is_empty());
    assert_eq!(files_with(&sources, "leak()"), ["store/migrate.rs", "store/padded.rs"]);
}

/// What a route is to this suite.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// It leads to a session, a ticket or an app session, or uses one: a line in `scene::ALL`.
    Way,
    /// It takes something away: a line in `faults::ACTS`.
    Act,
    /// It shows, asks, or notes who listens, and lets nobody in or out.
    Asks,
    /// It lets an account be used again and issues nothing: target `admin`.
    GivesBack,
    /// It knows neither people nor sessions.
    Public,
}

/// Every route. Who adds one says here what it is, and adds the line that follows from it.
const ROUTES: &[(&str, &str, Kind)] = &[
    ("get", "/healthz", Kind::Public),
    ("get", "/readyz", Kind::Public),
    ("get", "/metrics", Kind::Public),
    ("get", "/.well-known/passport-configuration", Kind::Public),
    ("get", "/.well-known/jwks.json", Kind::Public),
    ("post", "/api/v1/tickets/redeem", Kind::Way),
    ("post", "/api/v1/logins", Kind::Way),
    ("get", "/api/v1/app-sessions/{id}", Kind::Way),
    ("post", "/api/v1/app-sessions/{id}/end", Kind::Act),
    ("get", "/api/v1/events", Kind::Asks),
    ("post", "/api/v1/events/leave", Kind::Asks),
    ("get", "/sso.js", Kind::Public),
    ("get", "/sso.mjs", Kind::Public),
    ("get", "/sso.d.ts", Kind::Public),
    ("get", "/frame", Kind::Public),
    ("post", "/frame/ticket", Kind::Way),
    ("get", "/check", Kind::Way),
    ("get", "/.well-known/web-identity", Kind::Public),
    ("get", "/fedcm/config.json", Kind::Public),
    ("get", "/fedcm/client-metadata", Kind::Public),
    ("get", "/fedcm/accounts", Kind::Way),
    ("post", "/fedcm/assertion", Kind::Way),
    ("post", "/fedcm/disconnect", Kind::Asks),
    ("get", "/static/{name}", Kind::Public),
    ("get", "/", Kind::Public),
    ("get", "/login", Kind::Way),
    ("post", "/login", Kind::Way),
    ("get", "/login/done", Kind::Asks),
    ("post", "/login/continue", Kind::Way),
    ("get", "/establish", Kind::Asks),
    ("post", "/establish", Kind::Way),
    ("post", "/login/choose", Kind::Way),
    ("get", "/login/openid", Kind::Asks),
    ("post", "/login/openid", Kind::Asks),
    ("get", "/complete/openid", Kind::Way),
    ("post", "/complete/openid", Kind::Asks),
    // It makes an account of one's own, and lets in to that: target `openid`.
    ("get", "/register/openid", Kind::Asks),
    ("post", "/register/openid", Kind::Asks),
    ("get", "/account/identities", Kind::Asks),
    ("post", "/account/identities/add", Kind::Asks),
    ("post", "/account/identities/remove", Kind::Act),
    ("get", "/logout", Kind::Asks),
    ("post", "/logout", Kind::Act),
    ("get", "/logout/progress", Kind::Asks),
    ("get", "/logout/bounce", Kind::Asks),
    ("get", "/account", Kind::Way),
    ("get", "/account/secure", Kind::Asks),
    ("post", "/account/secure", Kind::Way),
    ("post", "/account/sessions/end", Kind::Act),
    ("get", "/setup", Kind::Asks),
    ("post", "/setup", Kind::Way),
    // By token
    ("get", "/api/v1/admin/users", Kind::Asks),
    ("get", "/api/v1/admin/users/{id}", Kind::Asks),
    ("post", "/api/v1/admin/users/{id}/logout", Kind::Act),
    ("post", "/api/v1/admin/users/{id}/disable", Kind::Act),
    ("post", "/api/v1/admin/users/{id}/enable", Kind::GivesBack),
    ("post", "/api/v1/admin/sessions/{id}/end", Kind::Act),
    ("get", "/api/v1/admin/apps", Kind::Asks),
    ("get", "/api/v1/admin/apps/{id}", Kind::Asks),
    ("post", "/api/v1/admin/apps/{id}/logout", Kind::Act),
    ("get", "/api/v1/admin/logouts", Kind::Asks),
    ("post", "/api/v1/admin/logouts", Kind::Act),
    ("get", "/api/v1/admin/logouts/{id}", Kind::Asks),
    ("get", "/api/v1/admin/audit", Kind::Asks),
    // The console
    ("get", "/admin", Kind::Way),
    ("get", "/admin/people", Kind::Way),
    ("get", "/admin/people/{id}", Kind::Way),
    ("post", "/admin/people/{id}/logout", Kind::Act),
    ("post", "/admin/people/{id}/disable", Kind::Act),
    ("post", "/admin/people/{id}/enable", Kind::GivesBack),
    ("get", "/admin/apps", Kind::Way),
    ("get", "/admin/apps/{id}", Kind::Way),
    ("post", "/admin/apps/{id}/logout", Kind::Act),
    ("get", "/admin/apps/{id}/doctor", Kind::Way),
    ("post", "/admin/apps/{id}/doctor", Kind::Asks),
    ("get", "/admin/everybody", Kind::Way),
    ("post", "/admin/everybody", Kind::Act),
    ("get", "/admin/logouts", Kind::Way),
    ("get", "/admin/logouts/{id}", Kind::Way),
    ("get", "/admin/logouts/{id}/progress", Kind::Way),
    ("get", "/admin/audit", Kind::Way),
    ("get", "/admin/audit/export", Kind::Way),
];

/// The table in `web/mod.rs`, read as text: `(method, path)` of each route.
fn registered() -> BTreeSet<(String, String)> {
    let sources = sources();
    let (_, table) = sources.iter().find(|(name, _)| name == "web/mod.rs").unwrap();
    // However it is broken into lines.
    let table: String = table.split_whitespace().collect();
    let mut routes = BTreeSet::new();
    let (mut scope, mut path) = (String::new(), String::new());
    let mut rest = table.as_str();
    let quoted = |text: &str| text.split('"').nth(1).unwrap().to_owned();
    let marks = ["scope(\"", "resource(\"", ".route(get()", ".route(post()", ".route(put()"];
    let others = [".route(patch()", ".route(delete()", ".route(web::"];
    while let Some((at, mark)) =
        marks.iter().chain(&others).filter_map(|mark| rest.find(mark).map(|at| (at, *mark))).min()
    {
        rest = &rest[at..];
        match mark {
            "scope(\"" => scope = quoted(rest),
            "resource(\"" => path = quoted(rest),
            _ => {
                let method = mark.trim_start_matches(".route(").trim_end_matches("()");
                routes.insert((method.to_owned(), format!("{scope}{path}")));
            }
        }
        rest = &rest[mark.len()..];
    }
    // What the reading above would miss: each handler stands once behind a `to(`.
    let handlers = table.matches("().to(").count() - table.matches("route().to(").count();
    assert_eq!(routes.len(), handlers, "a route is registered in a way that this test cannot read");
    routes
}

// SECURITY-CASES INV-11
#[test]
fn every_route_has_its_line_here() {
    let known: BTreeSet<(String, String)> =
        ROUTES.iter().map(|(method, path, _)| ((*method).to_owned(), (*path).to_owned())).collect();
    assert_eq!(known.len(), ROUTES.len(), "one line a route");
    assert_eq!(registered(), known, "left: web/mod.rs, right: ROUTES");
}

// SECURITY-CASES INV-11: routes are registered in one place.
#[test]
fn routes_are_registered_in_one_place() {
    let sources = sources();
    for text in ["resource(\"", ".route(", "scope(\"", "ServiceConfig"] {
        assert_eq!(files_with(&sources, text), ["web/mod.rs"], "{text:?}");
    }
    for text in ["#[get(", "#[post(", "#[actix_web::get", "#[actix_web::post", "#[route("] {
        assert!(files_with(&sources, text).is_empty(), "{text:?}");
    }
}

// The list above against the running server: what is listed answers, and by its method only.
#[actix_web::test]
async fn every_listed_route_is_there_and_nothing_beside() {
    let passport = harness::Passport::start().await;
    // To others than admins the console answers as if there were nothing, whatever the method.
    let new = AddUser { username: "admin", email: None, admin: true, password: Some(PASSWORD) };
    let admin = users::add(&passport.app, new).await.unwrap().id;
    let aw = passport.add_app("aw").await;
    let entered = aw.enter(&mut passport.signed_in("admin").await).await;
    let why = Ending::by_operator(Cause::Admin);
    let ended = end_session(&passport.app, &entered.session.as_str().into(), why).await.unwrap();
    let logout = ended.logout.unwrap();
    let somebody = passport.signed_in("admin").await;
    let fill = |path: &str| {
        let id = match path {
            _ if path.starts_with("/admin/people") => admin.as_str(),
            _ if path.starts_with("/admin/apps") => "aw",
            _ if path.starts_with("/admin/logouts") => logout.as_str(),
            _ => "x",
        };
        path.replace("{id}", id).replace("{name}", "passport.css")
    };
    for (method, path, _) in ROUTES {
        let path = fill(path);
        for (tried, name) in [(reqwest::Method::GET, "get"), (reqwest::Method::POST, "post")] {
            let mut browser = somebody.clone();
            let answer = browser.request(tried, &path, None, &[]).await;
            let listed =
                ROUTES.iter().any(|(method, known, _)| *method == name && fill(known) == path);
            let absent = matches!(answer.status.as_u16(), 404 | 405);
            assert_eq!(listed, !absent, "{name} {path} ({method}): {}", answer.status);
        }
    }
    for nowhere in ["/nowhere", "/admin/nowhere", "/api/v1/nowhere", "/api/v1/admin/nowhere"] {
        assert_eq!(somebody.clone().get(nowhere).await.status, 404, "{nowhere}");
    }
}
