//! What the person sees of a logout that is on its way to the apps.

use std::time::Duration;

use harness::{Browser, MINUTE, Passport, on_both};

/// The list on the page, as text, and where it can be asked for again.
async fn list(browser: &mut Browser, path: &str) -> (String, String) {
    let page = browser.get(path).await;
    assert_eq!(page.status, 200, "{}", page.body);
    let found = page.body.split_once("id=\"progress\"").expect("a list").1;
    let found = found.split_once("</ul>").unwrap().0;
    let follow = found.split_once("data-follow=\"").map_or("", |(_, rest)| rest);
    let follow = follow.split_once('"').map_or("", |(follow, _)| follow);
    (page.text(), follow.replace("&amp;", "&").replace("&#x2F;", "/"))
}

#[actix_web::test]
async fn the_signed_out_page_fills_in_as_the_apps_confirm() {
    on_both(async |database| {
        let passport = Passport::on(database).await;
        let (aw, bw) = (passport.add_app("aw").await, passport.add_app("bw").await);
        passport.add_user("member").await;
        let mut browser = passport.signed_in("member").await;
        for app in [&aw, &bw] {
            app.poll("one", "0", &[("max_staleness", "60")]).await;
            app.enter(&mut browser).await;
        }
        let form = browser.get("/logout").await.form("/logout");
        let sent = browser.submit(&form).await;
        assert_eq!(sent.status, 303);
        let signed_out = sent.location().to_owned();
        let (text, follow) = list(&mut browser, &signed_out).await;
        assert!(text.contains("What the sites say"), "{text}");
        assert_eq!(text.matches("not confirmed yet").count(), 2, "{text}");

        passport.advance(40);
        let mut waiting = browser.clone();
        let waits = async { waiting.get(&follow).await };
        let obeys = async {
            let news = aw.poll("one", "0", &[]).await;
            aw.poll("one", &news.cursor, &[]).await;
        };
        let (piece, ()) = futures_util::future::join(waits, obeys).await;
        assert!(piece.body.contains("confirmed after"), "{} {}", piece.status, piece.body);
        assert!(piece.body.contains("40"), "{}", piece.body);
        let (text, follow) = list(&mut browser, &signed_out).await;
        assert_eq!(text.matches("not confirmed yet").count(), 1, "{text}");

        // The other one is cut off: it refuses by itself, and the page says so too.
        passport.advance(2 * MINUTE);
        let piece = browser.get(&follow).await;
        assert!(piece.body.contains("confirmed after"), "{}", piece.body);
        let (_, follow) = list(&mut browser, &signed_out).await;
        assert_eq!(follow, "", "nothing is left to be followed");
    })
    .await;
}

#[actix_web::test]
async fn the_account_page_shows_it_for_an_other_device() {
    let passport = Passport::start().await;
    let aw = passport.add_app("aw").await;
    aw.poll("one", "0", &[]).await;
    passport.add_user("member").await;
    let mut lost = passport.signed_in("member").await;
    aw.enter(&mut lost).await;
    let mut here = passport.signed_in("member").await;
    let forms = here.get("/account").await.forms("/account/sessions/end");
    let of_lost = forms.iter().rfind(|form| !form.field("session").is_empty()).unwrap();
    let sent = here.submit(of_lost).await;
    let (text, _) = list(&mut here, sent.location()).await;
    assert!(text.contains("That device is signed out."), "{text}");
    assert!(text.contains("not confirmed yet"), "{text}");
    assert!(!lost.is_signed_in().await);
}

// A logout's name alone shows nothing: it has to come with our stamp.
#[actix_web::test]
async fn nobody_follows_somebody_elses_logout() {
    let passport = Passport::start().await;
    let aw = passport.add_app("aw").await;
    passport.add_user("member").await;
    let mut browser = passport.signed_in("member").await;
    aw.enter(&mut browser).await;
    let form = browser.get("/logout").await.form("/logout");
    let good = browser.submit(&form).await.location().to_owned();
    let name = good.split_once("logout=").unwrap().1.to_owned();
    let (id, stamp) = name.split_once('.').unwrap();
    assert!(browser.get(&good).await.text().contains("cannot confirm"), "the control");
    for wrong in [id.to_owned(), format!("{id}."), format!("x{id}.{stamp}"), format!("{id}.{id}")] {
        let page = browser.get(&format!("/logout?logout={wrong}")).await;
        assert_eq!(page.status, 200);
        assert!(!page.text().contains("cannot confirm"), "{wrong}");
        let piece = browser.get(&format!("/logout/progress?logout={wrong}&settled=9")).await;
        assert_eq!(piece.status, 404, "{wrong}");
    }
}

// `session end --wait`, by another process, as an operator sees it.
#[actix_web::test]
async fn an_operator_waits_at_the_terminal() {
    on_both(async |database| {
        let home = harness::process::Home::new(database).await;
        home.add_user("member", harness::PASSWORD);
        let node = home.serve();
        let aw = home.add_app("aw", &node);
        let mut browser = node.browser();
        browser.sign_in("member").await;
        let entered = aw.enter(&mut browser).await;
        aw.poll("one", "0", &[("max_staleness", "60")]).await;

        let id = entered.session.clone();
        let mut command = home.command(&["session", "end", &id, "--wait", "--reason", "stolen"]);
        let waits = std::thread::spawn(move || command.output().unwrap());
        let path = "/api/v1/events?after=0&instance=one&wait=20";
        let news = aw.call(reqwest::Method::GET, path, None, &[]).await.json();
        assert_eq!(news["events"][0]["cause"], "admin");
        tokio::time::timeout(Duration::from_secs(60), async {
            aw.poll("one", news["cursor"].as_str().unwrap(), &[]).await
        })
        .await
        .unwrap();
        let output = waits.join().unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{said}");
        assert!(said.contains("aw: confirmed after"), "{said}");

        // Nobody listens: it says until when, and refuses to call it done.
        let mut browser = node.browser();
        browser.sign_in("member").await;
        let entered = aw.enter(&mut browser).await;
        let arguments = ["session", "end", &entered.session, "--wait", "--within", "1s"];
        let output = home.run(&arguments);
        assert_eq!(output.status.code(), Some(1));
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(said.contains("refuses by itself at"), "{said}");
    })
    .await;
}
