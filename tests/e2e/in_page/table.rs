//! The results, as a table: printed here, and kept in docs/browsers.md, which is compared with it.

use std::ops::Deref;

use harness::page::Page;
use serde_json::Value;

use crate::scene::{Cookies, Scene, until};

const KEPT: &str = include_str!("../../../docs/browsers.md");

/// What the ladder comes to by itself at bw, and by which step: `in (check)`.
pub async fn silent(scene: &Scene<impl Deref<Target = Page>>) -> String {
    scene.at_bw("/how").await;
    // Where the page is made anew for whoever has come in, it still knows how. One that is just going
    // knows nothing any more: so what it has said once is not asked again.
    let mut last = Value::Null;
    until("told", async || {
        last = scene.browser.ask("window.passport?.last ?? null").await;
        !last.is_null()
    })
    .await;
    words(&last)
}

fn words(said: &Value) -> String {
    let status = match said["status"].as_str() {
        Some("signed_in") => "in",
        Some("signed_out") => "surely out",
        _ => "cannot tell",
    };
    match said["via"].as_str() {
        Some(via) => format!("{status} ({via})"),
        None => status.to_owned(),
    }
}

pub async fn by_trip(scene: &Scene<impl Deref<Target = Page>>) -> String {
    scene.at_bw("/how").await;
    // A page knows that it is still the one that goes.
    scene.browser.ask("void (window.goes = true, passport.check({ redirect: true }))").await;
    let back = "!window.goes && document.readyState === 'complete' && 'passport' in window";
    until("back", async || {
        scene.browser.ask("sessionStorage.getItem('passport.redirected')").await == "1"
            && scene.browser.ask(back).await == true
    })
    .await;
    until("told", async || scene.session().await["status"].is_string()).await;
    match scene.session().await["status"].as_str() {
        Some("signed_in") => "in (redirect)".to_owned(),
        _ => words(&scene.run("passport.check({ redirect: true })").await),
    }
}

pub async fn by_window(scene: &Scene<impl Deref<Target = Page>>) -> String {
    scene.at_bw("/").await;
    scene.browser.find("#in-page").await.click().await.unwrap();
    until("in", async || scene.browser.text().await.contains("Hello, goal")).await;
    "in (popup)".to_owned()
}

async fn by_one_tap(scene: &Scene) -> String {
    scene.at_bw("/").await;
    scene.browser.dialog("AccountChooser").await;
    scene.browser.select_account(0).await;
    until("in", async || scene.browser.text().await.contains("Hello, goal")).await;
    words(&scene.browser.ask("passport.last").await)
}

/// The rows: what is the matter, and whether somebody is signed in at Passport.
const ROWS: [(&str, bool); 8] = [
    ("nobody is signed in, silent", false),
    ("nobody is signed in, a trip allowed", false),
    ("signed in at Passport, silent", true),
    ("signed in at Passport, a trip allowed", true),
    ("signed in at Passport, by a click", true),
    ("signed in at Passport, one tap in the browser's dialog", true),
    ("the next visit, silent", true),
    ("signed in at Passport, cookies allowed for bw, silent", true),
];

async fn cell(scene: &Scene, cookies: Cookies, row: usize) -> String {
    scene.new_at_bw().await;
    if row < 5 {
        scene.without_fedcm().await;
    }
    match row {
        1 | 3 if cookies != Cookies::Allowed => by_trip(scene).await,
        4 if cookies == Cookies::Allowed => "(not needed)".to_owned(),
        4 => by_window(scene).await,
        5 | 6 if cookies == Cookies::Allowed => "(not needed)".to_owned(),
        5 => by_one_tap(scene).await,
        // What is granted here is granted to windows that are not private.
        7 if cookies == Cookies::Incognito => "(not tried)".to_owned(),
        7 => {
            scene.grant(&scene.family.bw).await;
            silent(scene).await
        }
        _ => silent(scene).await,
    }
}

#[actix_web::test]
async fn the_table_of_what_works_where_is_the_one_in_the_docs() {
    let columns = [Cookies::Allowed, Cookies::Blocked, Cookies::Incognito];
    let mut rows = ROWS.map(|(name, _)| vec![name.to_owned()]);
    for cookies in columns {
        let scene = Scene::start(cookies).await;
        scene.browser.without_delays().await;
        let mut signed_in = false;
        for (row, (_, needs)) in ROWS.iter().enumerate() {
            if *needs && !signed_in {
                scene.sign_in().await;
                signed_in = true;
            }
            rows[row].push(cell(&scene, cookies, row).await);
        }
        scene.browser.quit().await;
    }
    is_kept(["bw's page", "cookies allowed", "blocked", "incognito"], &rows);
}

/// Prints the table, and looks for it in the docs.
pub fn is_kept(head: [&str; 4], rows: &[Vec<String>]) {
    let mut table = format!("| {} |\n|---|---|---|---|\n", head.join(" | "));
    for row in rows {
        table.push_str(&format!("| {} |\n", row.join(" | ")));
    }
    println!("\n{table}");
    assert!(KEPT.contains(&table), "docs/browsers.md does not hold this table:\n{table}");
}
