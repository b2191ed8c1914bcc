//! What an app hears, what it makes of it, and what it does when it hears nothing.

use std::time::Duration;

use client_sdk::{
    events::{Knowledge, Moment, Verdict},
    session::AppSession,
    settings::WhenStale,
    wire::{Cause, Event, EventKind, EventPage, User},
};
use sso_server::flows::users;

use super::{Scene, says};
use crate::scene::until;

#[actix_web::test]
async fn names_below_localhost_need_no_hosts_file() {
    let scene = Scene::new().await;
    assert!(scene.passport.url.starts_with("http://sso.localhost:"));
    let hosts = std::fs::read_to_string("/etc/hosts").unwrap_or_default();
    assert!(!hosts.contains("sso.localhost"), "or this would prove nothing");
    let aw = scene.shop("aw").await;
    assert!(aw.passport.is_current());
}

#[actix_web::test]
async fn an_end_is_for_the_session_it_names_and_never_for_a_newer_one() {
    let scene = Scene::new().await;
    let aw = scene.shop("aw").await;
    let mut person = scene.person();
    let mut first = person.enter(&aw).await;
    let mut second = person.enter(&aw).await;
    let mut other_device = scene.person().enter(&aw).await;
    let all = scene.passport.text("SELECT id FROM app_sessions ORDER BY id LIMIT 1").await;
    assert_eq!(aw.app.end(&all, "app").await.status, 200);
    until("the first is out", async || says(&mut first).await == "nobody").await;
    assert_eq!(says(&mut second).await, "member", "signed in later in the same browser");
    assert_eq!(says(&mut other_device).await, "member");

    users::logout(&scene.passport.app, "member").await.unwrap();
    for browser in [&mut second, &mut other_device] {
        until("everybody is out", async || says(browser).await == "nobody").await;
    }
    // A new copy reads the whole log and still lets the new session live.
    let mut third = person.enter(&aw).await;
    let copy = aw.copy().await;
    until("the copy has caught up", async || copy.passport.is_current()).await;
    let mut there = copy.browser();
    there.cookies = third.cookies.clone();
    assert_eq!(says(&mut there).await, "member");
    there.cookies = second.cookies.clone();
    assert_eq!(says(&mut there).await, "nobody");
    assert_eq!(says(&mut third).await, "member");
}

#[actix_web::test]
async fn each_running_copy_of_an_app_hears() {
    let scene = Scene::new().await;
    let aw = scene.shop("aw").await;
    let copy = aw.copy().await;
    until("the copy has caught up", async || copy.passport.is_current()).await;
    let mut here = scene.person().enter(&aw).await;
    let mut there = copy.browser();
    there.cookies = here.cookies.clone();
    assert_eq!(says(&mut there).await, "member");
    assert_eq!(scene.passport.count("SELECT COUNT(*) FROM app_instances").await, 2);
    users::logout(&scene.passport.app, "member").await.unwrap();
    for browser in [&mut here, &mut there] {
        until("it is out", async || says(browser).await == "nobody").await;
    }
}

#[actix_web::test]
async fn a_cut_connection_and_a_restart_are_caught_up_with() {
    let scene = Scene::new().await;
    let aw = scene.shop("aw").await;
    let mut during_cut = scene.person().enter(&aw).await;
    scene.cable.unplug();
    users::logout(&scene.passport.app, "member").await.unwrap();
    assert_eq!(
        says(&mut during_cut).await,
        "member",
        "it cannot know yet, and its trust still holds"
    );
    scene.cable.plug(scene.passport.address);
    until("it has caught up", async || says(&mut during_cut).await == "nobody").await;

    let mut during_restart = scene.person().enter(&aw).await;
    let scene = scene.restart().await;
    assert_eq!(says(&mut during_restart).await, "member");
    users::logout(&scene.passport.app, "member").await.unwrap();
    until("it follows the new one", async || says(&mut during_restart).await == "nobody").await;
}

// SECURITY-CASES Y-09, Y-15.
#[actix_web::test]
async fn whoever_hears_nothing_does_not_know_and_says_so() {
    let scene = Scene::new().await;
    let strict = |settings: &mut client_sdk::Settings| {
        settings.max_staleness = Some(Duration::from_secs(2));
    };
    let aw = scene.shop_with("aw", strict).await;
    let easy = |settings: &mut client_sdk::Settings| {
        settings.max_staleness = Some(Duration::from_secs(2));
        settings.when_stale = WhenStale::Continue;
    };
    let bw = scene.shop_with("bw", easy).await;
    let mut person = scene.person();
    let (mut at_aw, mut at_bw) = (person.enter(&aw).await, person.enter(&bw).await);
    let sent = person.fetch(&mut at_aw, "/sso/login").await;
    scene.cable.unplug();

    // Nobody is let in because Passport is away.
    let mut stranger = aw.browser();
    stranger.cookies = at_aw.cookies.clone();
    let refused = stranger.get(aw.path(sent.location())).await;
    assert_eq!(refused.status, 503, "{}", refused.body);

    until("its trust runs out", async || says(&mut at_aw).await == "503").await;
    let unknown = at_aw.get("/members").await;
    assert_eq!(unknown.status, 503);
    assert!(!unknown.header("retry-after").is_empty() && unknown.body.contains("not signed out"));
    assert_eq!(says(&mut aw.browser()).await, "nobody", "of a stranger there is nothing to know");
    assert_eq!(says(&mut at_bw).await, "member", "this app prefers to go on");

    // A copy that starts now has never heard anything: it judges nobody, whatever it prefers.
    for (shop, browser) in [(&aw, &at_aw), (&bw, &at_bw)] {
        let copy = shop.copy().await;
        let mut there = copy.browser();
        there.cookies = browser.cookies.clone();
        assert_eq!(says(&mut there).await, "503");
        copy.close().await;
    }

    scene.cable.plug(scene.passport.address);
    until("it knows again", async || says(&mut at_aw).await == "member").await;
}

#[test]
fn events_may_come_twice_late_and_with_gaps() {
    let session = |id: &str| AppSession {
        id: id.into(),
        session: "s".into(),
        user: User::default(),
        auth_time: 0,
        amr: vec![],
        since: 0,
        expires_at: 1_000,
    };
    let event = |cursor: &str, kind, id: Option<&str>| Event {
        id: format!("event-{cursor}"),
        cursor: cursor.into(),
        kind,
        app_session: id.map(str::to_owned),
        session: None,
        user: "u".into(),
        cause: Some(Cause::User),
        at: 1,
        expires_at: None,
        replaced_by: None,
    };
    let ended = |cursor, id| event(cursor, EventKind::SessionEnded, Some(id));
    let page = |events: &[Event], cursor: &str| EventPage {
        events: events.to_vec(),
        cursor: cursor.into(),
        lease_seconds: 60,
    };
    let (a, b) = (ended("3", "a"), ended("9", "b"));
    let noise = [
        event("4", EventKind::Unknown, Some("c")),
        event("5", EventKind::UserUpdated, Some("c")),
        event("6", EventKind::SessionEnded, None),
    ];
    let orders = [
        vec![page(&[a.clone(), b.clone()], "9")],
        vec![page(std::slice::from_ref(&a), "3"), page(std::slice::from_ref(&b), "9")],
        vec![page(std::slice::from_ref(&b), "9"), page(std::slice::from_ref(&a), "3")],
        vec![page(&[a.clone(), a.clone(), b.clone(), a.clone()], "9")],
        vec![page(&[a.clone(), b.clone()], "9"), page(&[a, b], "9")],
    ];
    for pages in orders {
        let mut knowledge = Knowledge::new(None, WhenStale::Refuse);
        let now = Moment { unix: 11, steady: 11 };
        for page in pages.iter().chain([&page(&noise, "10"), &page(&[], "10")]) {
            let question = knowledge.question();
            knowledge.apply(&question, page, Moment { unix: 10, steady: 10 });
        }
        for id in ["a", "b"] {
            assert_eq!(
                knowledge.judge(&session(id), now),
                Verdict::Ended(Some(Cause::User)),
                "{id}"
            );
        }
        assert_eq!(knowledge.judge(&session("c"), now), Verdict::Valid);
        assert_eq!(knowledge.question().after, "10");
    }
}
