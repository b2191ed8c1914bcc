//! The same in Firefox: the redirect, the window and the frame. It has no FedCM.
//!
//! A hostile page in Firefox: `strangers`.

use harness::firefox::{Firefox, Mode};
use serde_json::{Value, json};

use crate::{
    popup,
    scene::{Scene, until},
    table,
};

const MODES: [Mode; 3] = [Mode::Default, Mode::Private, Mode::Open];

async fn reads(scene: &Scene<Firefox>, words: &str) {
    until(words, async || scene.browser.text().await.contains(words)).await;
}

/// What a silent step says by itself, and why: nobody is let in by asking so.
async fn by_itself(scene: &Scene<Firefox>, name: &str) -> (Value, Value) {
    let steps = scene.run("passport.explain()").await;
    let all = steps.as_array().unwrap_or_else(|| panic!("{steps}"));
    let found = all.iter().find(|step| step["step"] == name).unwrap_or_else(|| panic!("{steps}"));
    (found["status"].clone(), found["why"].clone())
}

// The way of aw: the whole page goes to Passport and comes back. The second app asks nothing more.
#[actix_web::test]
async fn the_redirect_signs_in_at_one_app_and_then_at_the_other() {
    for mode in MODES {
        let scene = Scene::in_firefox(mode).await;
        scene.browser.open(&format!("{}/members", scene.family.aw)).await;
        let at = scene.browser.ask("location.origin").await;
        assert_eq!(at, scene.family.passport.url.as_str(), "{mode:?}");
        scene.type_password().await;
        reads(&scene, "Shown to goal").await;
        assert_eq!(scene.browser.ask("location.origin").await, scene.family.aw.as_str());
        assert_eq!(scene.browser.ask("location.pathname + location.search").await, "/members");

        scene.browser.open(&format!("{}/sso/login?next=/", scene.family.bw)).await;
        reads(&scene, "Hello, goal").await;
        // And out of both again.
        scene.browser.find("#logout-everywhere").await.click().await.unwrap();
        until("out", async || scene.session().await["status"] == "signed_out").await;
        scene.browser.open(&format!("{}/members", scene.family.aw)).await;
        scene.browser.find("#username").await;
        scene.browser.quit().await;
    }
}

// The way of bw: a click opens Passport's window, which lets go of its opener and closes by itself.
#[actix_web::test]
async fn a_window_opens_signs_in_and_closes_in_firefox() {
    for mode in MODES {
        let scene = Scene::in_firefox(mode).await;
        let (page, _) = popup::opened(&scene).await;
        scene.browser.find("#username").await;
        assert_eq!(scene.browser.ask("window.opener").await, json!(null), "nobody is there");
        scene.type_password().await;
        until("it closes", async || scene.browser.driver.windows().await.unwrap().len() == 1).await;
        scene.browser.driver.switch_to_window(page).await.unwrap();
        reads(&scene, "Hello, goal").await;
        scene.browser.quit().await;
    }
}

// As it comes, and in a private window: blocked is not out. Where cookies go along everywhere the same
// frame knows, and so it does once the person has said yes to this one site.
#[actix_web::test]
async fn the_frame_knows_as_soon_as_firefox_lets_it() {
    let blocked = (json!("unknown"), json!("blocked"));
    for mode in [Mode::Default, Mode::Private] {
        let scene = Scene::in_firefox(mode).await;
        scene.sign_in().await;
        scene.at_bw("/how").await;
        for step in ["check", "frame"] {
            assert_eq!(by_itself(&scene, step).await, blocked, "{mode:?} {step}");
        }
        if mode == Mode::Default {
            scene.grant_for_bw().await;
            assert_eq!(by_itself(&scene, "frame").await.0, "signed_in");
        }
        assert_eq!(scene.session().await["status"], "signed_out", "explaining lets nobody in");
        scene.browser.quit().await;
    }

    let scene = Scene::in_firefox(Mode::Open).await;
    scene.sign_in().await;
    scene.at_bw("/how").await;
    // The page is in by itself, is made anew, says so, and is made anew again for whoever leaves. What is
    // wished of a page that is just going does not happen, although that says it, too.
    let made_for_goal = "document.querySelector('[data-passport=login]') === null
                         && document.body?.innerText.includes('You are goal')";
    until("in", async || scene.browser.ask(made_for_goal).await == true).await;
    scene.browser.ask("void passport.logout({ everywhere: false })").await;
    scene.browser.find("[data-passport=login]").await;
    assert_eq!(scene.session().await["status"], "signed_out");
    scene.at_bw("/how").await;
    for step in ["check", "frame"] {
        assert_eq!(by_itself(&scene, step).await.0, "signed_in", "{step}");
    }
    scene.browser.quit().await;
}

/// The rows, by visitor. Firefox remembers what a visitor has done: a trip or a click may open the way
/// for the next visit.
const VISITORS: [&[&str]; 4] = [
    &["nobody is signed in, silent", "nobody is signed in, a trip allowed"],
    &[
        "signed in at Passport, silent",
        "signed in at Passport, a trip allowed",
        "the next visit after the trip, silent",
    ],
    &["signed in at Passport, by a click", "the next visit after the click, silent"],
    &["signed in at Passport, cookies allowed for bw, silent"],
];

/// What is not tried, and why.
fn left_out(mode: Mode, row: &str) -> Option<&'static str> {
    let (granted, again) = (row.contains("allowed for bw"), row.contains("next visit"));
    match mode {
        // The driver neither says yes nor removes a cookie in a private window.
        Mode::Private if granted || again => Some("(not tried)"),
        Mode::Open if granted || again || row.ends_with("by a click") => Some("(not needed)"),
        _ => None,
    }
}

async fn cell(scene: &Scene<Firefox>, mode: Mode, row: &str) -> String {
    if row.contains("allowed for bw") {
        scene.grant_for_bw().await;
    }
    if mode != Mode::Private {
        scene.new_at_bw().await;
    }
    match row {
        row if mode != Mode::Open && row.ends_with("a trip allowed") => table::by_trip(scene).await,
        row if row.ends_with("by a click") => table::by_window(scene).await,
        row if row.contains("allowed for bw") => as_in_153(scene, table::silent(scene).await),
        _ => table::silent(scene).await,
    }
}

/// The docs have the table of the newer ESR, and a sentence on what the older one does otherwise.
fn as_in_153(scene: &Scene<Firefox>, by: String) -> String {
    if !scene.browser.agent.contains("Firefox/140.") {
        return by;
    }
    assert_eq!(by, "in (frame)");
    "in (check)".to_owned()
}

#[actix_web::test]
async fn the_table_of_what_works_in_firefox_is_the_one_in_the_docs() {
    let mut rows: Vec<_> = VISITORS.concat().iter().map(|row| vec![(*row).to_owned()]).collect();
    for mode in MODES {
        let mut cells = Vec::new();
        for (visitor, names) in VISITORS.iter().enumerate() {
            let mut scene = None;
            for name in *names {
                if let Some(why) = left_out(mode, name) {
                    cells.push(why.to_owned());
                    continue;
                }
                if scene.is_none() {
                    let fresh = Scene::in_firefox(mode).await;
                    if visitor > 0 {
                        fresh.sign_in().await;
                    }
                    scene = Some(fresh);
                }
                cells.push(cell(scene.as_ref().unwrap(), mode, name).await);
            }
            if let Some(scene) = scene {
                scene.browser.quit().await;
            }
        }
        for (row, cell) in rows.iter_mut().zip(cells) {
            row.push(cell);
        }
    }
    table::is_kept(["bw's page", "as it comes", "private window", "all cookies allowed"], &rows);
}
