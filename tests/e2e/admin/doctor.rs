//! The logout doctor as a button, and what the console says of pushing.

use harness::{
    Answer, Browser, Database, HOUR, MINUTE, NOON, Passport, Play, Receiver, SECOND, TestApp,
    on_both,
};
use reqwest::Method;
use sso_server::domain::admin::Scope;

use crate::scene::{Program, add_admin, member};

const DOCTOR: &str = "/admin/apps/aw/doctor";

async fn passport(database: Database) -> Passport {
    Passport::with(database, |config| config.outgoing.allow_loopback = true).await
}

/// Presses the button on the app's page.
async fn press(admin: &mut Browser) -> Answer {
    let form = admin.get("/admin/apps/aw").await.form(DOCTOR);
    admin.submit(&form).await
}

fn says(page: &Answer, all: &[&str]) {
    let text = page.text();
    for said in all {
        assert!(text.contains(said), "{said:?} in {text}");
    }
}

#[actix_web::test]
async fn one_click_says_how_fast_an_app_obeys_and_where_it_stops() {
    on_both(async |database| {
        let passport = passport(database).await;
        let receiver = Receiver::start().await;
        passport.add_pushed("aw", &receiver.url()).await;
        let id = add_admin(&passport, "admin").await;
        let mut admin = passport.signed_in("admin").await;
        let page = press(&mut admin).await;
        assert_eq!(page.status, 200, "{}", page.text());
        let origin = format!("http://aw.localhost:{}", receiver.address.port());
        says(&page, &[&origin, "Everybody who listens has obeyed", "obeyed after 0 ms"]);
        assert!(!page.text().contains("failed here") && !page.body.contains("/events<"));
        let line = passport.audited("app.examined").await;
        assert!(line.detail.contains(&format!("\"by\":\"{id}\"")), "{}", line.detail);
        assert_eq!((line.address.as_deref(), line.app.as_deref()), (Some("127.0.0.1"), Some("aw")));
        let shown = admin.get("/admin/audit?kind=app.examined").await.text();
        assert!(shown.contains("app.examined aw"), "{shown}");

        for (play, failed, remedy) in [
            (Play::Status(401), "It takes the event failed here", "does not believe the signature"),
            (Play::Status(404), "It takes the event failed here", "see whether the events URL"),
            (
                Play::With(301, "location", "/elsewhere?x=1".to_owned()),
                "It takes the event failed here",
                "app set aw --events-url URL",
            ),
            (Play::Reset, "It answers in time failed here", "the site’s own log"),
        ] {
            receiver.otherwise(play.clone());
            let page = press(&mut admin).await;
            says(
                &page,
                &["Not everybody who listens", "It takes the connection done", failed, remedy],
            );
            assert!(!page.text().contains("x=1"), "{play:?}");
        }
        // Nobody was signed out, and no list shows the tests.
        assert!(admin.get("/admin/logouts").await.text().contains("Nothing has been ended yet"));
    })
    .await;
}

#[actix_web::test]
async fn of_two_running_copies_one_obeys() {
    let passport = passport(Database::Sqlite).await;
    let aw = passport.add_app("aw").await;
    for instance in ["quick", "stuck"] {
        aw.poll(instance, "0", &[("version", "2.1"), ("max_staleness", "60")]).await;
    }
    add_admin(&passport, "admin").await;
    let mut admin = passport.signed_in("admin").await;
    passport.advance(SECOND);
    let quick = async {
        let news = aw.poll("quick", "0", &[("wait", "10"), ("version", "2.1")]).await;
        aw.poll("quick", &news.cursor, &[("version", "2.1")]).await;
    };
    let (page, ()) = tokio::join!(press(&mut admin), quick);
    says(
        &page,
        &[
            "quick 2.1 by pull obeyed after",
            "stuck 2.1 by pull not obeyed within",
            "It asks for news failed here",
            "It confirms the end not reached",
            "can reach Passport",
        ],
    );
}

// SECURITY-CASES D-08, D-09: the button is an act like the others.
#[actix_web::test]
async fn the_button_needs_its_form_and_a_fresh_password() {
    let passport = passport(Database::Sqlite).await;
    let receiver = Receiver::start().await;
    passport.add_pushed("aw", &receiver.url()).await;
    add_admin(&passport, "admin").await;
    let mut admin = passport.signed_in("admin").await;
    let form = admin.get("/admin/apps/aw").await.form(DOCTOR);
    for wrong in [form.clone().without("csrf"), form.clone().with("csrf", "x")] {
        assert_eq!(admin.submit(&wrong).await.status, 403);
    }
    passport.advance(10 * MINUTE + SECOND);
    let asked = admin.submit(&form).await;
    assert!(asked.location().starts_with("/login?back=%2Fadmin%2Fapps%2Faw"), "{asked:?}");
    assert!(receiver.got().is_empty());
    assert_eq!(admin.get("/admin/apps/nowhere/doctor").await.status, 404);

    // In another language: the page with the button, nothing is sent.
    let page = admin.get(&format!("{DOCTOR}?ui_locales=ru")).await;
    says(&page, &["Проверка выхода", "Проверить выход"]);
    assert!(receiver.got().is_empty());
    let mut again = passport.signed_in("admin").await;
    sso_server::flows::apps::disable(&passport.app, "aw").await.unwrap();
    says(&press(&mut again).await, &["This site is shut off"]);
    assert!(receiver.got().is_empty());
    sso_server::flows::apps::enable(&passport.app, "aw").await.unwrap();
    says(&press(&mut again).await, &["has obeyed"]);
    assert_eq!(receiver.got().len(), 1, "the control");
}

async fn forced_out(passport: &Passport, admin: &mut Browser, aw: &TestApp, name: &str) -> String {
    let person = member(passport, name, aw).await;
    let page = admin.get(&format!("/admin/people/{}", person.id)).await;
    let form = page.form(&format!("/admin/people/{}/logout", person.id)).with("reason", "lost");
    admin.submit(&form).await.location().to_owned()
}

// What stands in the way of a logout is said where the logout is looked at, at the app, and to
// programs: whom it waits for, what went wrong, when it is tried again, what to do; and when the
// sessions ran out first, that nobody was told.
#[actix_web::test]
async fn a_push_that_fails_and_is_given_up_is_seen_everywhere() {
    on_both(async |database| {
        let passport = passport(database).await;
        let receiver = Receiver::start().await;
        receiver.otherwise(Play::Status(500));
        let (aw, _) = passport.add_pushed("aw", &receiver.url()).await;
        add_admin(&passport, "admin").await;
        let mut admin = passport.signed_in("admin").await;
        let at = forced_out(&passport, &mut admin, &aw, "member").await;
        passport.until("SELECT attempt FROM push_streams", 1).await;
        let origin = format!("http://aw.localhost:{}", receiver.address.port());
        let page = admin.get(&at).await;
        says(
            &page,
            &[
                &format!("pushed to {origin}; not taken since"),
                "One attempt failed: answered 500. Next attempt",
                "See what the site’s own log says",
                "refuses by itself at the latest on",
                "Sites that are done: 0 of 1",
            ],
        );
        assert!(page.body.contains("http-equiv=\"refresh\""), "without script, too");
        let page = admin.get("/admin/apps/aw").await;
        says(&page, &[&origin, "push is failing", "answered 500", "Failing since"]);
        says(&admin.get("/admin/apps").await, &["push is failing"]);
        let program = Program::new(&passport, "watch", &[Scope::LogoutsRead]).await;
        let path = at.strip_prefix("/admin").unwrap();
        let proof = program.call(Method::GET, path, None).await.json();
        let waits = &proof["apps"][0]["waiting_for"][0];
        assert_eq!(waits["origin"], origin.as_str(), "{proof}");
        assert_eq!(
            (&waits["push"]["state"], &waits["push"]["failures"]),
            (&"failing".into(), &1.into())
        );

        // The sessions have run out, and the app never knew.
        passport.advance(13 * HOUR);
        passport.until("SELECT dead_events FROM push_streams", 1).await;
        let mut admin = passport.signed_in("admin").await;
        let given_up =
            "One logout was given up: its sessions ran out before the site took it. Since";
        says(&admin.get(&at).await, &["had run out already", given_up]);
        let page = admin.get("/admin/apps/aw").await;
        says(&page, &["logouts were given up", given_up, "then test the logout"]);
        says(&admin.get("/admin/apps").await, &["logouts were given up"]);

        // Put right and tested, the alarm is over; how many there were is remembered.
        receiver.otherwise(Play::Status(204));
        says(&press(&mut admin).await, &["Everybody who listens has obeyed"]);
        let text = admin.get("/admin/apps/aw").await.text();
        assert!(text.contains("Pushing works") && text.contains("Given up so far: 1"), "{text}");
        assert!(!text.contains("logouts were given up"), "{text}");
    })
    .await;
}

// The person sees that servers have not answered; their names and troubles are the operators'.
#[actix_web::test]
async fn persons_see_how_many_servers_are_waited_for() {
    let passport = Passport::start().await;
    let aw = passport.add_app("aw").await;
    for instance in ["internal-7", "internal-8"] {
        aw.poll(instance, "0", &[("max_staleness", "60")]).await;
    }
    let mut person = member(&passport, "member", &aw).await;
    let form = person.browser.get("/logout").await.form("/logout");
    let out = person.browser.submit(&form).await.location().to_owned();
    let page = person.browser.get(&out).await;
    says(&page, &["2 of its servers have not answered since"]);
    assert!(!page.body.contains("internal-7"), "{}", page.body);
    passport.advance(40);
    for instance in ["internal-7", "internal-8"] {
        let news = aw.poll(instance, "0", &[]).await;
        aw.poll(instance, &news.cursor, &[]).await;
    }
    let page = person.browser.get(&out).await;
    says(&page, &["confirmed after 40 ms"]);
    assert!(page.body.contains(&iso(NOON)), "and when: {}", page.body);
}

fn iso(at: i64) -> String {
    sso_server::web::view::iso(at)
}
