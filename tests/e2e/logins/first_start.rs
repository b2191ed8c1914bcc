//! The first administrator: a link at the first start, once, and no default credentials.

use futures_util::future::join_all;
use harness::{Browser, Database, HOUR, Node, PASSWORD, Passport, SECOND, on_both, process::Home};
use sso_server::flows::{
    one_time_link::{self, choose_password},
    users::{self, AddUser},
};

/// What stands behind the public URL in a link.
fn path(link: &str) -> String {
    link[link.find("/setup?token=").unwrap()..].to_owned()
}

/// Opens the link; answers the form, filled in.
async fn opened(browser: &mut Browser, link: &str, name: &str) -> harness::Form {
    let moved = browser.get(&path(link)).await;
    assert_eq!((moved.status.as_u16(), moved.location()), (303, "/setup"), "out of the URL");
    let page = browser.get("/setup").await;
    assert_eq!(page.status, 200, "{}", page.text());
    let form = page.form("/setup");
    let form = form.with("password", PASSWORD).with("repeat", PASSWORD);
    if name.is_empty() { form } else { form.with("username", name) }
}

async fn admins(passport: &Passport) -> i64 {
    passport.count("SELECT COUNT(*) FROM users WHERE admin_since IS NOT NULL").await
}

// SECURITY-CASES L-21: of fifty who use the link at once one becomes the administrator.
#[actix_web::test]
async fn one_link_makes_one_administrator() {
    on_both(async |database| {
        let passport = Passport::on(database).await;
        assert_eq!(passport.count("SELECT COUNT(*) FROM users").await, 0, "nobody by default");
        let link = one_time_link::first_admin(&passport.app).await.unwrap().unwrap();
        let mut all = Vec::new();
        for n in 0..50 {
            let mut browser = passport.browser();
            let form = opened(&mut browser, &link, &format!("admin{n}x{n}")).await;
            all.push((browser, form));
        }
        assert_eq!(admins(&passport).await, 0, "looking uses nothing up");
        let answers =
            join_all(all.iter_mut().map(async |(browser, form)| browser.submit(form).await)).await;
        let used: Vec<_> = answers.iter().filter(|one| one.status == 303).collect();
        assert_eq!(used.len(), 1);
        assert_eq!(used[0].location(), "/login?notice=admin-added");
        assert!(answers.iter().all(|one| [303, 410].contains(&one.status.as_u16())));
        assert_eq!(admins(&passport).await, 1);
        assert_eq!(passport.count("SELECT COUNT(*) FROM users").await, 1);

        // Gone afterwards, in every browser; and no further one is offered.
        assert_eq!(passport.browser().get("/setup").await.status, 410);
        let mut late = passport.browser();
        late.get(&path(&link)).await;
        assert_eq!(late.get("/setup").await.status, 410);
        assert_eq!(one_time_link::first_admin(&passport.app).await.unwrap(), None);

        let name = passport.text("SELECT username FROM users").await;
        assert_eq!(passport.browser().try_password(&name, PASSWORD).await, 303);
        assert!(!passport.audited("set_up").await.detail.contains("token"));
    })
    .await;
}

// SECURITY-CASES L-21: a day, and not a moment longer.
#[actix_web::test]
async fn the_link_expires() {
    on_both(async |database| {
        let passport = Passport::on(database).await;
        let link = one_time_link::first_admin(&passport.app).await.unwrap().unwrap();
        let mut browser = passport.browser();
        let form = opened(&mut browser, &link, "admin").await;
        passport.advance(24 * HOUR - 1);
        assert_eq!(browser.get("/setup").await.status, 200);
        passport.advance(1);
        assert_eq!(browser.get("/setup").await.status, 410);
        assert_eq!(browser.submit(&form).await.status, 410);
        assert_eq!(admins(&passport).await, 0);
        // The next start offers another.
        let link = one_time_link::first_admin(&passport.app).await.unwrap().unwrap();
        let form = opened(&mut browser, &link, "admin").await;
        assert_eq!(browser.submit(&form).await.status, 303);
    })
    .await;
}

// SECURITY-CASES L-21: several starts, several links; the first one used voids the rest.
#[actix_web::test]
async fn links_of_several_starts_make_one_administrator() {
    on_both(async |database| {
        let passport = Passport::on(database).await;
        let mut forms = Vec::new();
        for n in 0..4 {
            let link = one_time_link::first_admin(&passport.app).await.unwrap().unwrap();
            let mut browser = passport.browser();
            let form = opened(&mut browser, &link, ["ann", "ben", "cid", "dee"][n]).await;
            forms.push((browser, form));
        }
        let answers = join_all(
            forms
                .iter_mut()
                .map(async |(browser, form)| browser.submit(form).await.status.as_u16()),
        )
        .await;
        assert_eq!(admins(&passport).await, 1, "{answers:?}");
        assert_eq!(answers.iter().filter(|one| **one == 303).count(), 1, "{answers:?}");
        assert_eq!(answers.iter().filter(|one| **one == 410).count(), 3, "{answers:?}");
    })
    .await;
}

// A slip is told and uses nothing up; another site's form is refused (SECURITY-CASES L-19).
#[actix_web::test]
async fn a_slip_does_not_cost_the_link() {
    let passport = Passport::start().await;
    let link = one_time_link::first_admin(&passport.app).await.unwrap().unwrap();
    let mut browser = passport.browser();
    let form = opened(&mut browser, &link, "admin").await;
    passport.add_user("taken").await;
    for (field, value, status) in [
        ("password", "other horse battery", 422),
        ("username", "taken", 422),
        ("username", "TAKEN", 422),
        ("username", "ad min", 422),
        ("username", "", 422),
        ("csrf", "", 403),
        ("csrf", "x", 403),
    ] {
        let answer = browser.submit(&form.clone().with(field, value)).await;
        assert_eq!(answer.status, status, "{field}={value}");
        assert!(!answer.body.contains("horse"), "{field}={value}");
    }
    for weak in ["short", "admin", "a\u{202e}bcdefgh"] {
        let slip = form.clone().with("password", weak).with("repeat", weak);
        assert_eq!(browser.submit(&slip).await.status, 422, "{weak}");
    }
    let body = harness::browser::encode(form.fields.iter().map(|(n, v)| (n.as_str(), v.as_str())));
    let cross_site = [("sec-fetch-site", "cross-site")];
    assert_eq!(browser.post_body("/setup", body, &cross_site).await.status, 403);
    assert_eq!(admins(&passport).await, 0);
    assert_eq!(browser.submit(&form).await.status, 303);
    assert_eq!(admins(&passport).await, 1);
}

// SECURITY-CASES S-05, L-24: a link to choose a password ends every session of the old one, works
// once, and voids those before it.
#[actix_web::test]
async fn choosing_a_password_by_a_link() {
    on_both(async |database| {
        let passport = Passport::on(database).await;
        let new = AddUser { username: "silent", email: None, admin: false, password: None };
        let first = users::add(&passport.app, new).await.unwrap().setup_url.unwrap();
        let user = users::named(&passport.app, "silent").await.unwrap().id;
        let mut tx = passport.app.db.write().await.unwrap();
        let link = choose_password(&passport.app, &mut tx, &user, passport.app.clock.now()).await;
        tx.commit().await.unwrap();
        let link = link.unwrap();
        let mut late = passport.browser();
        late.get(&path(&first)).await;
        assert_eq!(late.get("/setup").await.status, 410, "an older link");

        let mut browser = passport.browser();
        let form = opened(&mut browser, &link, "").await;
        assert_eq!(browser.submit(&form).await.status, 303);
        assert!(!browser.is_signed_in().await, "the link itself signs nobody in");
        assert_eq!(browser.submit(&form).await.status, 410, "once");
        let mut browser = passport.signed_in("silent").await;

        passport.advance(SECOND);
        let mut tx = passport.app.db.write().await.unwrap();
        let link = choose_password(&passport.app, &mut tx, &user, passport.app.clock.now()).await;
        tx.commit().await.unwrap();
        let mut elsewhere = passport.browser();
        let form = opened(&mut elsewhere, &link.unwrap(), "").await;
        assert!(browser.is_signed_in().await);
        let form = form.with("password", "another horse").with("repeat", "another horse");
        assert_eq!(elsewhere.submit(&form).await.status, 303);
        assert!(!browser.is_signed_in().await);
        let ended = passport.audited("session.ended").await;
        assert!(ended.detail.contains("password_changed"), "{}", ended.detail);
        assert_eq!(passport.browser().try_password("silent", PASSWORD).await, 401);
        assert_eq!(passport.browser().try_password("silent", "another horse").await, 303);
    })
    .await;
}

// SECURITY-CASES L-21: of many who use one link at once one chooses the password.
#[actix_web::test]
async fn a_link_chooses_one_password() {
    on_both(async |database| {
        let passport = Passport::on(database).await;
        let new = AddUser { username: "silent", email: None, admin: false, password: None };
        let link = users::add(&passport.app, new).await.unwrap().setup_url.unwrap();
        let mut all = Vec::new();
        for n in 0..12 {
            let mut browser = passport.browser();
            let form = opened(&mut browser, &link, "").await;
            let chosen = format!("{PASSWORD} {n}");
            all.push((browser, form.with("password", &chosen).with("repeat", &chosen)));
        }
        let statuses = join_all(
            all.iter_mut().map(async |(browser, form)| browser.submit(form).await.status.as_u16()),
        )
        .await;
        let chosen: Vec<usize> = (0..12).filter(|n| statuses[*n] == 303).collect();
        assert_eq!(chosen.len(), 1, "{statuses:?}");
        assert_eq!(statuses.iter().filter(|status| **status == 410).count(), 11, "{statuses:?}");
        let password = format!("{PASSWORD} {}", chosen[0]);
        assert_eq!(passport.browser().try_password("silent", &password).await, 303);
    })
    .await;
}

// SECURITY-CASES L-21: the program says the link where only the operator reads it, and only while
// there is no administrator.
#[actix_web::test]
async fn the_program_prints_the_link_to_its_operator() {
    let home = Home::new(Database::Sqlite).await;
    let log = home.folder.path().join("log");
    let start = || {
        let file = std::fs::File::create(&log).unwrap();
        let node = Node::start_logging(home.command(&["serve"]), file);
        (node, std::fs::read_to_string(&log).unwrap())
    };
    let (node, said) = start();
    assert!(!node.line.contains("token"), "not on standard output: {}", node.line);
    let link = said.split_whitespace().find(|word| word.contains("/setup?token=")).unwrap();
    assert!(link.starts_with("http://sso.localhost:8800/setup?token="), "{link}");
    let token = link.rsplit('=').next().unwrap();
    let mut browser = node.browser();
    let form = opened(&mut browser, link, "admin").await;
    assert_eq!(browser.submit(&form).await.status, 303);
    assert_eq!(browser.try_password("admin", PASSWORD).await, 303);
    node.kill();
    for file in std::fs::read_dir(home.folder.path()).unwrap().flatten() {
        let bytes = std::fs::read(file.path()).unwrap();
        let found = bytes.windows(token.len()).any(|window| window == token.as_bytes());
        assert_eq!(found, file.path() == log, "{}", file.path().display());
    }
    let times = std::fs::read_to_string(&log).unwrap().matches(token).count();
    assert_eq!(times, 1, "once, and in no request log");

    let (_node, said) = start();
    assert!(!said.contains("/setup"), "{said}");
}
