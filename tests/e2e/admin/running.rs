//! The picture of a logout of many while it is carried out: what has ended, and what is left.

use client_sdk::wire::Cause;
use harness::{Answer, Passport, on_both};
use scraper::{Html, Selector};
use sso_server::{
    domain::{app::AppId, device::DeviceClass, id::LogoutId, reach::Reach},
    flows::{
        end_session::Ending,
        log_out_many::{carry_out, order_in},
    },
};

use crate::scene::{add_admin, member};

/// An order that nobody has begun to carry out.
async fn order(passport: &Passport, reach: &Reach) -> LogoutId {
    let mut tx = passport.app.db.write().await.unwrap();
    let why = Ending { reason: Some("breach"), ..Ending::by_operator(Cause::Admin) };
    let id = order_in(&passport.app, &mut tx, reach, why, harness::NOON).await.unwrap();
    tx.commit().await.unwrap();
    id
}

/// The bar: so much of so much, and what is written below it.
fn bar(page: &Answer) -> Option<(String, String, String)> {
    let html = Html::parse_document(&page.body);
    let bar = Selector::parse("progress#bar").unwrap();
    let bar = html.select(&bar).next()?;
    let below = Selector::parse("#bar-text").unwrap();
    let text = html.select(&below).next().unwrap().text().collect();
    let value = |name| bar.value().attr(name).unwrap().to_owned();
    Some((value("value"), value("max"), text))
}

fn is(value: &str, max: &str, text: &str) -> Option<(String, String, String)> {
    Some((value.to_owned(), max.to_owned(), text.to_owned()))
}

#[actix_web::test]
async fn a_logout_of_many_shows_how_much_is_left() {
    on_both(async |database| {
        let passport = Passport::on(database).await;
        let (aw, bw) = (passport.add_app("aw").await, passport.add_app("bw").await);
        add_admin(&passport, "admin").await;
        for name in ["ann", "ben", "cid"] {
            let mut person = member(&passport, name, &aw).await;
            bw.enter(&mut person.browser).await;
        }
        let mut admin = passport.signed_in("admin").await;
        let app = AppId::parse("aw").unwrap();
        for (reach, left) in [
            (Reach::App { app }, "3"),
            (Reach::DeviceClass { class: DeviceClass::Phone }, "0"),
            (Reach::DeviceClass { class: DeviceClass::Desktop }, "4"),
        ] {
            let id = order(&passport, &reach).await;
            let at = format!("/admin/logouts/{id}");
            let page = admin.get(&at).await;
            let text = format!("Sessions ended: 0 of {left}");
            let wanted = is("0", left, &text).filter(|_| left != "0");
            assert_eq!(bar(&page), wanted, "{reach:?}");
            assert!(page.text().contains("Under way"), "{}", page.text());
            assert!(page.body.contains("http-equiv=\"refresh\""), "without script, too");
            carry_out(&passport.app, &id).await.unwrap();
            if left == "4" {
                // The admin is on a computer, too.
                admin = passport.signed_in("admin").await;
            }
            let page = admin.get(&at).await;
            // Nobody was on a phone; and at the end only bw was left, everybody being out of aw.
            let sites = is("0", "1", "Sites that are done: 0 of 1").filter(|_| left != "0");
            assert_eq!(bar(&page), sites, "{reach:?}: {}", page.text());
            assert!(!page.text().contains("Under way"));
        }
        assert!(!admin.get("/admin/logouts").await.text().contains("Nothing has been ended"));
    })
    .await;
}
