//! `/api/v1/admin`: scopes, tokens, forced logouts and their proof.

use harness::{HOUR, MINUTE, Passport, on_both};
use reqwest::Method;
use serde_json::{Value, json};
use sso_server::{domain::admin::Scope, flows::admin_tokens};

use crate::scene::{Program, add_admin, member};

/// Every call, and the one scope that it needs.
fn calls(user: &str, session: &str, logout: &str) -> Vec<(Method, String, Option<Value>, Scope)> {
    let why = || Some(json!({ "reason": "a test" }));
    let everybody =
        json!({ "reach": { "kind": "device_class", "class": "native" }, "reason": "x" });
    vec![
        (Method::GET, "/users".into(), None, Scope::UsersRead),
        (Method::GET, format!("/users/{user}"), None, Scope::UsersRead),
        (Method::POST, format!("/sessions/{session}/end"), why(), Scope::SessionsEnd),
        (Method::POST, format!("/users/{user}/logout"), why(), Scope::SessionsEnd),
        (Method::POST, format!("/users/{user}/disable"), why(), Scope::UsersDisable),
        (Method::POST, format!("/users/{user}/enable"), why(), Scope::UsersDisable),
        (Method::GET, "/apps".into(), None, Scope::AppsRead),
        (Method::GET, "/apps/aw".into(), None, Scope::AppsRead),
        (Method::POST, "/apps/aw/logout".into(), why(), Scope::LogoutsOrder),
        (Method::POST, "/logouts".into(), Some(everybody), Scope::LogoutsOrder),
        (Method::GET, "/logouts".into(), None, Scope::LogoutsRead),
        (Method::GET, format!("/logouts/{logout}"), None, Scope::LogoutsRead),
        (Method::GET, "/audit".into(), None, Scope::AuditRead),
    ]
}

// SECURITY-CASES D-01, D-02, D-08: one scope opens its calls and no other, whatever else is there.
#[actix_web::test]
async fn each_call_needs_its_one_scope() {
    let passport = Passport::start().await;
    let aw = passport.add_app("aw").await;
    add_admin(&passport, "admin").await;
    let mut admin = passport.signed_in("admin").await;
    let mut programs = Vec::new();
    for (number, scope) in Scope::ALL.into_iter().enumerate() {
        programs.push((scope, Program::new(&passport, &format!("p{number}"), &[scope]).await));
    }
    let all = Program::new(&passport, "all", &Scope::ALL).await;
    let person = member(&passport, "member", &aw).await;
    let other = member(&passport, "other", &aw).await;
    let ended = all.post(&format!("/users/{}/logout", other.id), json!({ "reason": "x" })).await;
    let logout = ended["logout"].as_str().unwrap();
    let before = passport.count("SELECT COUNT(*) FROM sessions WHERE ended_at IS NULL").await;
    // First all that must be refused, then all that must not.
    for granted in [false, true] {
        for (method, path, body, needed) in calls(&person.id, &person.session, logout) {
            for (scope, program) in &programs {
                if (*scope == needed) != granted {
                    continue;
                }
                let answer = program.call(method.clone(), &path, body.clone()).await;
                let case = format!("{method} {path} with {scope:?}: {}", answer.body);
                if granted {
                    assert!(answer.status.is_success(), "{case}");
                } else {
                    assert_eq!(answer.status, 403, "{case}");
                    assert_eq!(answer.json()["code"], "not_allowed", "{case}");
                }
            }
            if !granted {
                // An admin's browser is no program: what it brings is never enough.
                let path = format!("/api/v1/admin{path}");
                let sent = body.as_ref().map(Value::to_string);
                let json = [("content-type", "application/json")];
                let answer = admin.request(method.clone(), &path, sent, &json).await;
                assert_eq!(answer.status, 401, "{method} {path} with a cookie");
                assert!(answer.header("www-authenticate").starts_with("Bearer"), "{path}");
                let at_app = aw.call(method, &path, body, &[]).await;
                assert_eq!(at_app.status, 401, "{path} with an app's secret");
            }
        }
        if !granted {
            let after = "SELECT COUNT(*) FROM sessions WHERE ended_at IS NULL";
            assert_eq!(passport.count(after).await, before, "nothing was done");
        }
    }
}

// SECURITY-CASES D-10, D-11.
#[actix_web::test]
async fn only_a_good_token_is_a_token_and_revoking_is_at_once() {
    on_both(async |database| {
        let passport = Passport::on(database).await;
        let other = passport.second_node().await;
        let program = Program::new(&passport, "siem", &[Scope::UsersRead]).await;
        let token = program.token.clone();
        let bare = token.trim_start_matches("passport_admin_");
        let other_token = program.token.replace(&token[20..24], "AAAA");
        for wrong in ["", bare, &token[..token.len() - 1], &token.to_uppercase(), &other_token] {
            let answer = program.call_with(wrong, Method::GET, "/users", None).await;
            assert_eq!(answer.status, 401, "{wrong}");
            assert_eq!(answer.json()["code"], "invalid_token");
            assert!(!answer.body.contains(bare));
        }
        for query in ["access_token", "token", "api_key"] {
            let path = format!("/api/v1/admin/users?{query}={token}");
            assert_eq!(passport.browser().get(&path).await.status, 401, "{query}");
        }
        program.get("/users").await;
        let row = &admin_tokens::list(&passport.app).await.unwrap()[0];
        assert!(row.last_used_at.is_some());
        let stored = passport.text("SELECT digest || scopes || name FROM admin_tokens").await;
        assert!(!stored.contains(bare), "SECURITY-CASES D-07");

        let short =
            admin_tokens::add(&passport.app, "short", &[Scope::UsersRead], Some(HOUR)).await;
        let short = short.unwrap().expose();
        assert_eq!(program.call_with(&short, Method::GET, "/users", None).await.status, 200);
        passport.advance(HOUR);
        assert_eq!(program.call_with(&short, Method::GET, "/users", None).await.status, 401);

        admin_tokens::revoke(&other.app, "siem").await.unwrap();
        assert_eq!(program.call(Method::GET, "/users", None).await.status, 401);
        assert!(admin_tokens::revoke(&passport.app, "siem").await.is_err(), "once");
        let again = admin_tokens::add(&passport.app, "siem", &[Scope::UsersRead], None).await;
        assert!(again.is_err(), "a name in the audit log means one token");
    })
    .await;
}

// SECURITY-CASES D-17: with a reason, idempotent, and answered by what proves it.
#[actix_web::test]
async fn one_session_or_all_of_a_person_with_proof() {
    on_both(async |database| {
        let passport = Passport::on(database).await;
        let aw = passport.add_app("aw").await;
        aw.poll("web-1", "0", &[("max_staleness", "60"), ("version", "1.2")]).await;
        let program = Program::new(&passport, "desk", &Scope::ALL).await;
        let mut person = member(&passport, "member", &aw).await;
        let mut second = passport.signed_in("member").await;
        aw.enter(&mut second).await;

        let found = program.get(&format!("/users/{}", person.id)).await;
        assert_eq!(found["sessions"].as_array().unwrap().len(), 2);
        assert_eq!(found["sessions"][0]["apps"], json!(["aw"]));

        let path = format!("/sessions/{}/end", person.session);
        for bad in [json!({}), json!({ "reason": " " }), json!({ "reason": "x", "by": "me" })] {
            let refused = program.call(Method::POST, &path, Some(bad)).await;
            assert_eq!(refused.status, 400, "{}", refused.body);
        }
        assert!(person.browser.is_signed_in().await);
        let ended = program.post(&path, json!({ "reason": "lost phone" })).await;
        assert_eq!((&ended["sessions"], &ended["app_sessions"]), (&json!(1), &json!(1)));
        assert!(!person.browser.is_signed_in().await);
        assert!(second.is_signed_in().await, "the other one goes on");
        let again = program.post(&path, json!({ "reason": "lost phone" })).await;
        assert_eq!(again["logout"], ended["logout"], "the same answer");
        assert_eq!(again["sessions"], 0);

        let at = format!("/logouts/{}", ended["logout"].as_str().unwrap());
        let proof = program.get(&at).await;
        assert_eq!(proof["by"], "token:desk");
        assert_eq!(proof["reason"], "lost phone");
        assert_eq!(proof["done"], false);
        let one = &proof["apps"][0];
        assert_eq!(one["state"], "waiting");
        assert_eq!(one["waiting_for"][0]["instance"], "web-1");
        assert!(one["refuses_at_the_latest"].is_i64() && one["since"].is_i64());
        let news = aw.poll("web-1", "0", &[("max_staleness", "60")]).await;
        let waiting = format!("{at}?wait=20");
        let waits = program.get(&waiting);
        let obeys = aw.poll("web-1", &news.cursor, &[("max_staleness", "60")]);
        let (proof, _) = futures_util::future::join(waits, obeys).await;
        assert_eq!(proof["done"], true);
        assert_eq!(proof["apps"][0]["state"], "confirmed");
        let line = passport.audited("session.ended").await;
        for fact in ["token:desk", "lost phone"] {
            assert!(line.detail.contains(fact), "{fact} in {}", line.detail);
        }

        let all = format!("/users/{}/logout", person.id);
        let ended = program.post(&all, json!({ "reason": "left" })).await;
        assert_eq!(ended["sessions"], 1);
        assert!(!second.is_signed_in().await);
        let again = program.post(&all, json!({ "reason": "left" })).await;
        assert_eq!(again["logout"], Value::Null, "nothing was left to end");
        for nobody in ["/users/none/logout", "/sessions/none/end", "/apps/none/logout"] {
            let answer = program.call(Method::POST, nobody, Some(json!({ "reason": "x" }))).await;
            assert_eq!(answer.status, 404, "{nobody}");
        }
        assert_eq!(program.call(Method::GET, "/logouts/none", None).await.status, 404);
    })
    .await;
}

#[actix_web::test]
async fn everybody_out_of_an_app_and_out_of_everything_with_proof() {
    on_both(async |database| {
        let passport = Passport::on(database).await;
        let (aw, bw) = (passport.add_app("aw").await, passport.add_app("bw").await);
        for app in [&aw, &bw] {
            app.poll("web-1", "0", &[("max_staleness", "60")]).await;
        }
        let program = Program::new(&passport, "desk", &Scope::ALL).await;
        let mut people = Vec::new();
        for name in ["ann", "ben", "cid"] {
            let mut person = member(&passport, name, &aw).await;
            bw.enter(&mut person.browser).await;
            people.push(person);
        }
        let seen = program.get("/apps/aw").await;
        assert_eq!(seen["sessions"], 3);
        assert_eq!(seen["listeners"][0]["instance"], "web-1");
        assert_eq!(seen["app_sessions"].as_array().unwrap().len(), 3);
        let page = program.get("/apps/aw?limit=2").await;
        let rest = program.get(&format!("/apps/aw?after={}", page["next"].as_str().unwrap())).await;
        assert_eq!(rest["app_sessions"].as_array().unwrap().len(), 1);

        let order = program.post("/apps/aw/logout", json!({ "reason": "breach at aw" })).await;
        let at = format!("/logouts/{}", order["logout"].as_str().unwrap());
        passport.until("SELECT COUNT(*) FROM logouts WHERE finished_at IS NOT NULL", 1).await;
        let news = aw.poll("web-1", "0", &[("max_staleness", "60")]).await;
        assert_eq!(news.events.len(), 3);
        aw.poll("web-1", &news.cursor, &[("max_staleness", "60")]).await;
        let proof = program.get(&at).await;
        assert_eq!((&proof["sessions"], &proof["app_sessions"]), (&json!(0), &json!(3)));
        assert_eq!(proof["done"], true, "{proof}");
        assert_eq!(proof["reach"], json!({ "kind": "app", "app": "aw" }));
        assert!(people[0].browser.is_signed_in().await, "at Passport they stay");

        passport.advance(1);
        let reach = json!({ "reach": { "kind": "everybody" }, "reason": "breach" });
        let order = program.post("/logouts", reach).await;
        let at = format!("/logouts/{}", order["logout"].as_str().unwrap());
        passport.until("SELECT COUNT(*) FROM logouts WHERE finished_at IS NOT NULL", 2).await;
        for person in &mut people {
            assert!(!person.browser.is_signed_in().await);
        }
        let proof = program.get(&at).await;
        assert_eq!((&proof["sessions"], &proof["app_sessions"]), (&json!(3), &json!(3)));
        assert_eq!(proof["done"], false, "bw has not confirmed");
        // Nobody hears of bw's instance any more: it refuses by itself, and that is proof, too.
        passport.advance(2 * MINUTE);
        assert_eq!(program.get(&at).await["done"], true);
        let listed = program.get("/logouts?limit=1").await;
        assert_eq!(listed["logouts"][0]["id"], order["logout"]);
        assert!(listed["next"].is_string());
    })
    .await;
}

// SECURITY-CASES D-13: bounds, and text that is no pattern.
#[actix_web::test]
async fn people_are_found_by_the_beginning_of_what_they_are_called() {
    on_both(async |database| {
        let passport = Passport::on(database).await;
        let program = Program::new(&passport, "desk", &Scope::ALL).await;
        let mut ids = Vec::new();
        for name in ["anna", "Anton", "ben", "b_n", "zoe"] {
            ids.push(passport.add_user(name).await);
        }
        let names = async |query: &str| -> Vec<String> {
            let found = program.get(&format!("/users?{query}")).await;
            let users = found["users"].as_array().unwrap().clone();
            users.iter().map(|user| user["username"].as_str().unwrap().to_owned()).collect()
        };
        assert_eq!(names("query=an").await, ["anna", "Anton"]);
        assert_eq!(names("query=AN").await, ["anna", "Anton"]);
        assert_eq!(names("query=%25").await, [""; 0]);
        assert_eq!(names("query=_").await, [""; 0]);
        assert_eq!(names("query=b_").await, ["b_n"], "and not ben");
        assert_eq!(names("query=zoe%40exam").await, ["zoe"]);
        assert_eq!(names(&format!("query={}", ids[2])).await, ["ben"]);
        let mut all = Vec::new();
        let mut after = String::new();
        loop {
            let page = program.get(&format!("/users?limit=2&after={after}")).await;
            for user in page["users"].as_array().unwrap() {
                all.push(user["username"].as_str().unwrap().to_owned());
            }
            let Some(next) = page["next"].as_str() else { break };
            next.clone_into(&mut after);
        }
        all.sort();
        assert_eq!(all, ["Anton", "anna", "b_n", "ben", "zoe"]);
        for bad in ["limit=0", "limit=-1", "limit=2147483648", "limit=x", "order=password_hash"] {
            let answer = program.call(Method::GET, &format!("/users?{bad}"), None).await;
            assert_eq!(answer.status, 400, "{bad}");
        }
        // SECURITY-CASES D-07.
        let found = program.get(&format!("/users/{}", ids[0])).await.to_string();
        for never in ["argon2", "digest", "password", "hash"] {
            assert!(!found.contains(never), "{never} in {found}");
        }
    })
    .await;
}

#[actix_web::test]
async fn disabling_and_enabling_is_told_whose_doing_it_was() {
    let passport = Passport::start().await;
    let aw = passport.add_app("aw").await;
    let admin = add_admin(&passport, "admin").await;
    let program = Program::new(&passport, "desk", &Scope::ALL).await;
    let mut person = member(&passport, "member", &aw).await;
    let why = || json!({ "reason": "spam" });
    let done = program.post(&format!("/users/{}/disable", person.id), why()).await;
    assert_eq!(done["sessions"], 1);
    assert!(!person.browser.is_signed_in().await);
    let line = passport.audited("user.disabled").await;
    assert!(line.detail.contains("token:desk") && line.detail.contains("spam"), "{}", line.detail);
    let twice =
        program.call(Method::POST, &format!("/users/{}/disable", person.id), Some(why())).await;
    assert_eq!(twice.status, 409);
    program.post(&format!("/users/{}/enable", person.id), why()).await;
    person.browser.sign_in("member").await;
    // SECURITY-CASES D-18.
    let last = program.call(Method::POST, &format!("/users/{admin}/disable"), Some(why())).await;
    assert_eq!(last.status, 409, "the last admin");
    // A deleted account is not brought back.
    sso_server::flows::users::delete(&passport.app, "member", false).await.unwrap();
    let dead =
        program.call(Method::POST, &format!("/users/{}/enable", person.id), Some(why())).await;
    assert_eq!(dead.status, 409, "{}", dead.body);
}

// No id holds such bytes, and PostgreSQL stores no NUL: nothing is there, and nothing has failed.
#[actix_web::test]
async fn an_id_with_odd_bytes_is_not_there() {
    on_both(async |database| {
        let passport = Passport::on(database).await;
        let program = Program::new(&passport, "desk", &Scope::ALL).await;
        let aw = passport.add_app("aw").await;
        add_admin(&passport, "boss").await;
        let mut boss = passport.signed_in("boss").await;
        for odd in ["%00", "a%00b", "%ff", "%0a", "%F0%9F%98%80"] {
            let expected = if odd.contains("%00") { 400 } else { 404 };
            let because = Some(json!({ "reason": "x" }));
            for (method, path, body) in [
                (Method::GET, format!("/users/{odd}"), None),
                (Method::GET, format!("/apps/{odd}"), None),
                (Method::GET, format!("/logouts/{odd}"), None),
                (Method::POST, format!("/users/{odd}/logout"), because.clone()),
                (Method::POST, format!("/users/{odd}/disable"), because.clone()),
                (Method::POST, format!("/sessions/{odd}/end"), because.clone()),
            ] {
                let answer = program.call(method, &path, body).await;
                assert_eq!(answer.status, expected, "{path}: {}", answer.body);
            }
            let path = format!("/api/v1/app-sessions/{odd}");
            assert_eq!(aw.call(Method::GET, &path, None, &[]).await.status, expected, "{path}");
            for page in ["people", "apps", "logouts"] {
                let path = format!("/admin/{page}/{odd}");
                assert_eq!(boss.get(&path).await.status, expected, "{path}");
            }
        }
    })
    .await;
}
