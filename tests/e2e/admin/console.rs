//! `/admin`: who may, and what the pages do.

use harness::{Answer, Browser, HOUR, MINUTE, PASSWORD, Passport, SECOND, on_both};
use reqwest::Method;
use scraper::{Html, Selector};

use crate::scene::{Member, add_admin, member};

/// Every page of the console, by GET and by POST.
fn routes(person: &Member, logout: &str) -> Vec<(Method, String)> {
    let id = &person.id;
    let get = |path: &str| (Method::GET, path.to_owned());
    let post = |path: &str| (Method::POST, path.to_owned());
    vec![
        get("/admin"),
        get("/admin/people"),
        get(&format!("/admin/people/{id}")),
        post(&format!("/admin/people/{id}/logout")),
        post(&format!("/admin/people/{id}/disable")),
        post(&format!("/admin/people/{id}/enable")),
        get("/admin/apps"),
        get("/admin/apps/aw"),
        post("/admin/apps/aw/logout"),
        get("/admin/apps/aw/doctor"),
        post("/admin/apps/aw/doctor"),
        get("/admin/everybody"),
        post("/admin/everybody"),
        get("/admin/logouts"),
        get(&format!("/admin/logouts/{logout}")),
        get(&format!("/admin/logouts/{logout}/progress?seen=x")),
        get("/admin/audit"),
        get("/admin/audit/export"),
    ]
}

async fn ask(browser: &mut Browser, method: &Method, path: &str) -> Answer {
    match *method {
        Method::POST => browser.post(path, &[("reason", "x"), ("reach", "everybody")]).await,
        _ => browser.get(path).await,
    }
}

/// Where the login page leads back to.
fn back(answer: &Answer) -> Option<String> {
    let query = answer.location().strip_prefix("/login?")?;
    let mut pairs = url::form_urlencoded::parse(query.as_bytes());
    pairs.find(|(name, _)| name == "back").map(|(_, value)| value.into_owned())
}

async fn sessions(passport: &Passport) -> i64 {
    passport.count("SELECT COUNT(*) FROM sessions WHERE ended_at IS NULL").await
}

// SECURITY-CASES D-01, D-02, D-08, D-09, D-15.
#[actix_web::test]
async fn nobody_members_stale_fresh_and_revoked_admins_at_every_page() {
    on_both(async |database| {
        let passport = Passport::on(database).await;
        let aw = passport.add_app("aw").await;
        let admin_id = add_admin(&passport, "admin").await;
        add_admin(&passport, "second").await;
        let mut nobody = passport.browser();
        let lost = member(&passport, "lost", &aw).await;
        let mut stale = passport.signed_in("admin").await;
        let done = force(&mut stale, &lost, "x").await;
        let logout = done.strip_prefix("/admin/logouts/").unwrap().to_owned();
        passport.advance(12 * HOUR + SECOND);
        let mut person = member(&passport, "member", &aw).await;
        let mut fresh = passport.signed_in("admin").await;
        let before = sessions(&passport).await;
        let nothing = person.browser.get("/nowhere").await;

        for (method, path) in routes(&person, &logout) {
            let case = format!("{method} {path}");
            let wanted = if method == Method::GET { path.as_str() } else { "/admin" };
            for who in [&mut nobody, &mut stale] {
                let answer = ask(who, &method, &path).await;
                assert_eq!(answer.status, 303, "{case}: {}", answer.text());
                assert_eq!(back(&answer).as_deref(), Some(wanted), "{case}");
            }
            let refused = ask(&mut person.browser, &method, &path).await;
            assert_eq!(refused.status, 404, "{case}");
            assert_eq!(refused.text(), nothing.text(), "{case}: no hint");
            for odd in ["PUT", "DELETE", "OPTIONS", "PATCH", "HEAD"] {
                let odd = Method::from_bytes(odd.as_bytes()).unwrap();
                let refused = person.browser.request(odd, &path, None, &[]).await;
                assert_eq!(refused.status, 404, "{case}");
            }
            let answer = ask(&mut fresh, &method, &path).await;
            if method == Method::POST {
                // Without the form's token: nothing, not even for an admin.
                assert_eq!(answer.status, 403, "{case}");
            } else if path == "/admin" {
                assert_eq!(answer.location(), "/admin/people");
            } else {
                assert_eq!(answer.status, 200, "{case}: {}", answer.body);
            }
        }
        assert_eq!(sessions(&passport).await, before, "none of it ended anything");

        // Taken away, the very next request is refused: by the row, on every node.
        let other = passport.second_node().await;
        let mut elsewhere = fresh.clone().at(&other);
        assert_eq!(elsewhere.get("/admin/people").await.status, 200, "the control");
        let mut tx = passport.app.db.write().await.unwrap();
        sqlx::query("UPDATE users SET admin_since = NULL WHERE id = $1")
            .bind(&admin_id)
            .execute(&mut *tx)
            .await
            .unwrap();
        tx.commit().await.unwrap();
        for (method, path) in routes(&person, &logout) {
            assert_eq!(ask(&mut fresh, &method, &path).await.status, 404, "{method} {path}");
            assert_eq!(ask(&mut elsewhere, &method, &path).await.status, 404, "{method} {path}");
        }
    })
    .await;
}

/// An admin ends somebody's session by the form; answers where that leads to.
async fn force(admin: &mut Browser, whom: &Member, reason: &str) -> String {
    let page = admin.get(&format!("/admin/people/{}", whom.id)).await;
    let forms = page.forms(&format!("/admin/people/{}/logout", whom.id));
    let one = forms.into_iter().find(|form| form.field("session") == whom.session).unwrap();
    let answer = admin.submit(&one.with("reason", reason)).await;
    assert_eq!(answer.status, 303, "{}", answer.text());
    answer.location().to_owned()
}

// SECURITY-CASES D-09, and open redirects by `back`.
#[actix_web::test]
async fn the_password_is_asked_for_before_acts_and_leads_back() {
    let passport = Passport::start().await;
    let aw = passport.add_app("aw").await;
    add_admin(&passport, "admin").await;
    let mut person = member(&passport, "member", &aw).await;
    let mut admin = passport.signed_in("admin").await;
    passport.advance(10 * MINUTE + SECOND);
    let here = format!("/admin/people/{}", person.id);
    let page = admin.get(&here).await;
    assert_eq!(page.status, 200, "looking is allowed");
    let form = page.form(&format!("{here}/logout")).with("reason", "x");
    let asked = admin.submit(&form).await;
    assert_eq!(back(&asked).as_deref(), Some(here.as_str()));
    assert!(person.browser.is_signed_in().await);
    assert_eq!(back(&admin.get("/admin/audit/export").await).as_deref(), Some("/admin/audit"));

    let login = admin.get(asked.location()).await;
    assert!(login.text().contains("once more"), "{}", login.text());
    let typed = login.form("/login").with("username", "admin").with("password", PASSWORD);
    let done = admin.submit(&typed).await;
    assert_eq!(done.location(), here);
    let form = admin.get(&here).await.form(&format!("{here}/logout")).with("reason", "x");
    assert!(admin.submit(&form).await.location().starts_with("/admin/logouts/"));
    assert!(!person.browser.is_signed_in().await);

    for elsewhere in [
        "https://evil.example",
        "//evil.example",
        "/admin/../logout",
        "/admin//evil.example",
        "/adminevil",
        "/account",
        "/admin\\evil",
        "/admin@evil",
    ] {
        let query = harness::browser::encode([("back", elsewhere)]);
        let mut browser = passport.browser();
        let form = browser.login_form(&format!("?{query}"), "admin", PASSWORD).await;
        assert_eq!(browser.submit(&form).await.location(), "/account", "{elsewhere}");
    }
}

// SECURITY-CASES D-08.
#[actix_web::test]
async fn forms_of_others_and_from_elsewhere_do_nothing() {
    let passport = Passport::start().await;
    let aw = passport.add_app("aw").await;
    add_admin(&passport, "admin").await;
    let mut person = member(&passport, "member", &aw).await;
    let mut admin = passport.signed_in("admin").await;
    let mut other = passport.signed_in("admin").await;
    let path = format!("/admin/people/{}/logout", person.id);
    let here = format!("/admin/people/{}", person.id);
    let form = admin.get(&here).await.form(&path).with("reason", "x");
    let foreign = other.get(&here).await.form(&path).with("reason", "x");
    let mine = admin.get("/account").await.forms("/account/sessions/end")[0].clone();
    for wrong in [
        form.clone().without("csrf"),
        form.clone().with("csrf", "x"),
        form.clone().with("csrf", mine.field("csrf")),
        foreign,
    ] {
        assert_eq!(admin.submit(&wrong).await.status, 403);
    }
    let fields: Vec<(&str, &str)> =
        form.fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let body = harness::browser::encode(fields);
    for header in [("origin", "https://evil.example"), ("sec-fetch-site", "cross-site")] {
        let answer = admin.post_body(&path, body.clone(), &[header]).await;
        assert_eq!(answer.status, 403, "{header:?}");
    }
    // One person's page does nothing to another one's session.
    let own = form.clone().with("session", "01-not-theirs");
    assert_eq!(admin.submit(&own).await.status, 404);
    let without = admin.submit(&form.clone().with("reason", " ")).await;
    assert_eq!(without.location(), format!("{here}?done=reason"));
    let told = admin.get(without.location()).await;
    assert!(told.text().contains("a reason of 1 to 500"), "{}", told.text());
    assert!(person.browser.is_signed_in().await);
    assert!(admin.submit(&form).await.location().starts_with("/admin/logouts/"), "the control");
}

#[actix_web::test]
async fn each_site_turns_to_confirmed_in_the_live_view() {
    on_both(async |database| {
        let passport = Passport::on(database).await;
        let (aw, bw) = (passport.add_app("aw").await, passport.add_app("bw").await);
        for app in [&aw, &bw] {
            app.poll("web-1", "0", &[("max_staleness", "60"), ("version", "1.2")]).await;
        }
        add_admin(&passport, "admin").await;
        let mut person = member(&passport, "member", &aw).await;
        bw.enter(&mut person.browser).await;
        let mut admin = passport.signed_in("admin").await;
        assert!(admin.get("/account").await.body.contains("href=\"/admin\""));
        assert!(!person.browser.get("/account").await.body.contains("href=\"/admin\""));
        let found = admin.get("/admin/people?query=mem").await;
        assert!(found.body.contains(&format!("/admin/people/{}", person.id)), "{}", found.body);

        let at = force(&mut admin, &person, "lost laptop").await;
        assert!(!person.browser.is_signed_in().await);
        let page = admin.get(&at).await;
        let text = page.text();
        for said in ["lost laptop", "member", "admin", "waiting for web-1 (1.2), last heard of"] {
            assert!(text.contains(said), "{said} in {text}");
        }
        let follow = |page: &Answer| {
            let html = Html::parse_document(&page.body);
            let list = Selector::parse("#progress").unwrap();
            let list = html.select(&list).next().unwrap();
            list.value().attr("data-follow").map(str::to_owned)
        };
        let next = follow(&page).unwrap();
        let mut watching = admin.clone();
        passport.advance(40);
        let watches = watching.get(&next);
        let obeys = async {
            let news = aw.poll("web-1", "0", &[]).await;
            aw.poll("web-1", &news.cursor, &[]).await;
        };
        let (seen, ()) = futures_util::future::join(watches, obeys).await;
        assert!(seen.body.contains("confirmed after"), "{}", seen.body);
        let news = bw.poll("web-1", "0", &[]).await;
        bw.poll("web-1", &news.cursor, &[]).await;
        let page = admin.get(&at).await;
        assert_eq!(follow(&page), None, "nothing is left to follow: {}", page.text());
        assert_eq!(page.text().matches("confirmed after").count(), 2);
        let listed = admin.get("/admin/logouts").await.text();
        assert!(listed.contains("lost laptop") && listed.contains("by admin"), "{listed}");
        let line = admin.get("/admin/audit?kind=session.ended&person=member").await.text();
        assert!(line.contains("lost laptop"), "{line}");
        let none = admin.get("/admin/audit?kind=key.rotated&person=member").await.text();
        assert!(none.contains("No line is like this"), "{none}");
        let file = admin.get("/admin/audit/export?person=member").await;
        assert!(file.header("content-disposition").starts_with("attachment"));
        let lines: Vec<serde_json::Value> =
            file.body.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert!(lines.iter().all(|line| line["user"] == person.id.as_str()), "{lines:?}");
        assert!(lines.iter().any(|line| line["kind"] == "session.ended"));
        passport.audited("audit.exported").await;
    })
    .await;
}

#[actix_web::test]
async fn everybody_out_needs_the_word_and_is_seen_after_signing_in_again() {
    on_both(async |database| {
        let passport = Passport::on(database).await;
        let aw = passport.add_app("aw").await;
        add_admin(&passport, "admin").await;
        let mut people = Vec::new();
        for name in ["ann", "ben"] {
            people.push(member(&passport, name, &aw).await);
        }
        let mut admin = passport.signed_in("admin").await;
        let form = admin.get("/admin/everybody").await.form("/admin/everybody");
        let form = form.with("reason", "breach").with("reach", "everybody");
        let slip = admin.submit(&form.clone().with("confirm", "yes")).await;
        assert_eq!(slip.location(), "/admin/everybody?done=confirm");
        assert!(people[0].browser.is_signed_in().await);
        let sent = admin.submit(&form.with("confirm", "everybody")).await;
        let at = sent.location().to_owned();
        passport.until("SELECT COUNT(*) FROM logouts WHERE finished_at IS NOT NULL", 1).await;
        for person in &mut people {
            assert!(!person.browser.is_signed_in().await);
        }
        let asked = admin.get(&at).await;
        assert_eq!(back(&asked).as_deref(), Some(at.as_str()));
        let login = admin.get(asked.location()).await.form("/login");
        let login = login.with("username", "admin").with("password", PASSWORD);
        assert_eq!(admin.submit(&login).await.location(), at);
        let text = admin.get(&at).await.text();
        assert!(text.contains("Sessions ended: 3, at sites: 2"), "{text}");

        // The same for one site.
        let mut again = passport.signed_in("ann").await;
        aw.enter(&mut again).await;
        let form = admin.get("/admin/apps/aw").await.form("/admin/apps/aw/logout");
        let sent = admin.submit(&form.with("reason", "breach at aw")).await;
        assert!(sent.location().starts_with("/admin/logouts/"));
        passport.until("SELECT COUNT(*) FROM logouts WHERE finished_at IS NOT NULL", 2).await;
        assert!(again.is_signed_in().await);
        let live = "SELECT COUNT(*) FROM app_sessions WHERE ended_at IS NULL";
        assert_eq!(passport.count(live).await, 0);
    })
    .await;
}

// SECURITY-CASES X-01: what strangers and apps can put there stays text, in every language.
#[actix_web::test]
async fn pages_are_sound_in_every_language_and_hostile_names_stay_text() {
    let hostile = "\"><svg/onload=1>";
    let passport = Passport::start().await;
    let aw = passport.add_app_with("aw", |new| new.name = "\"><svg/onload=1>").await;
    aw.poll("web-1", "0", &[("version", "1.2")]).await;
    add_admin(&passport, "admin").await;
    let person = member(&passport, "member", &aw).await;
    let mut admin = passport.signed_in("admin").await;
    let at = force(&mut admin, &person, hostile).await;
    let second = member(&passport, "second", &aw).await;
    let mut seen = std::collections::BTreeSet::new();
    for tag in ["en", "zh", "ru"] {
        let filter = harness::browser::encode([("person", hostile), ("app", hostile)]);
        let search = harness::browser::encode([("query", hostile)]);
        for path in [
            "/admin/people".to_owned(),
            format!("/admin/people?{search}"),
            format!("/admin/people/{}", second.id),
            format!("/admin/people/{}?done=reason", person.id),
            "/admin/apps".to_owned(),
            "/admin/apps/aw".to_owned(),
            "/admin/apps/aw/doctor".to_owned(),
            "/admin/everybody".to_owned(),
            "/admin/logouts".to_owned(),
            at.clone(),
            "/admin/audit".to_owned(),
            format!("/admin/audit?{filter}"),
        ] {
            let page = admin.get_with(&path, &[("accept-language", tag)]).await;
            assert_eq!(page.status, 200, "{path} in {tag}: {}", page.text());
            let html = Html::parse_document(&page.body);
            assert!(html.errors.is_empty(), "{path} in {tag}: {:?}\n{}", html.errors, page.body);
            let select = |css: &str| Selector::parse(css).unwrap();
            assert_eq!(html.select(&select("svg, [onload], [style]")).count(), 0, "{path}");
            assert_eq!(html.select(&select("h1")).count(), 1, "{path}");
            assert_eq!(html.root_element().value().attr("lang"), Some(tag), "{path}");
            for input in html.select(&select("input:not([type=hidden]), select")) {
                let id = input.value().attr("id").unwrap();
                let label = select(&format!("label[for='{id}']"));
                assert_eq!(html.select(&label).count(), 1, "{path}: {id}");
                assert_eq!(html.select(&select(&format!("[id='{id}']"))).count(), 1, "{path}");
            }
            for form in html.select(&select("form[method=post]")) {
                assert_eq!(form.select(&select("input[name=csrf]")).count(), 1, "{path}");
            }
            seen.insert((tag, page.text()));
        }
    }
    assert!(seen.len() > 25, "three languages");
}
