//! What must not come back with a backup.

use client_sdk::wire::{Cause, EventKind, Redeemed};
use harness::{Browser, Database, TestApp, on_both};
use sqlx::Connection;

use super::scene::Scene;

/// A backup, and what happened after it.
struct Lost {
    scene: Scene,
    aw: TestApp,
    backup: std::path::PathBuf,
    /// Signed in before the backup, and still so.
    stays: Browser,
    known: Redeemed,
    /// Signed in before the backup, and out after it.
    left: Browser,
    /// Signed in after the backup.
    newcomer: Browser,
    unknown: Redeemed,
    /// Tickets from after the backup.
    spent: String,
    unspent: String,
    /// Of the app's log, as far as it had grown.
    ahead: String,
    /// Where a one-time link leads that was used after the backup.
    link: String,
}

impl Lost {
    async fn on(database: Database) -> Self {
        let scene = Scene::on(database).await;
        let aw = scene.aw();
        let mut stays = scene.signed_in("ann").await;
        let known = aw.enter(&mut stays).await;
        let left = scene.signed_in("ben").await;
        let said = scene.home.say(&["user", "link", "cid"]);
        let link = said.split_whitespace().find(|word| word.contains("/setup?")).unwrap();
        let link = link.strip_prefix(&scene.url).unwrap().to_owned();
        assert!(leads_on(&scene, &link).await);
        let backup = scene.back_up("backup");

        // Whoever has kept the cookie gets nowhere with it.
        left.clone().sign_out().await;
        let spent = aw.send(&mut stays).await.ticket();
        assert_eq!(aw.redeem(&spent).await.status, 200);
        assert_eq!(aw.redeem(&spent).await.status, 400, "once");
        let mut newcomer = scene.signed_in("cid").await;
        let unknown = aw.enter(&mut newcomer).await;
        for _ in 0..4 {
            let mut passing = scene.signed_in("ben").await;
            aw.enter(&mut passing).await;
            passing.sign_out().await;
        }
        let ahead = aw.poll("web-1", "0", &[]).await.cursor;
        assert_eq!(ahead, "4");
        assert!(aw.poll("web-1", &ahead, &[]).await.events.is_empty());
        let unspent = aw.send(&mut stays).await.ticket();
        Self {
            scene,
            aw,
            backup,
            stays,
            known,
            left,
            newcomer,
            unknown,
            spent,
            unspent,
            ahead,
            link,
        }
    }

    async fn signed_in(&mut self) -> [bool; 3] {
        [
            self.stays.is_signed_in().await,
            self.left.is_signed_in().await,
            self.newcomer.is_signed_in().await,
        ]
    }
}

/// Whether a one-time link leads to a form.
async fn leads_on(scene: &Scene, link: &str) -> bool {
    let mut browser = scene.browser();
    let answer = browser.get(link).await;
    let answer = if answer.status == 303 { browser.get(answer.location()).await } else { answer };
    answer.status == 200
}

// SECURITY-CASES Q-15, W-14, H-13.
#[actix_web::test]
async fn nobody_is_brought_back_and_everybody_hears() {
    on_both(async |database| {
        let mut lost = Lost::on(database).await;
        assert_eq!(lost.signed_in().await, [true, false, true]);
        let backup = lost.backup.clone();
        let said = lost.scene.put_back(&backup, &[]).await;
        assert_eq!((&said["sessions"], &said["app_sessions"]), (&2.into(), &1.into()), "{said}");
        assert_eq!(said["links"], 2, "and that of the first start");
        assert_eq!(lost.signed_in().await, [false, false, false]);
        for ticket in [&lost.spent, &lost.unspent] {
            let answer = lost.aw.redeem(ticket).await;
            assert_eq!(answer.status, 400);
            assert_eq!(answer.json()["code"], "invalid_ticket");
        }
        assert!(!leads_on(&lost.scene, &lost.link).await);
        let status = lost.aw.status(&lost.known.app_session).await.json();
        assert_eq!((&status["state"], &status["cause"]), (&"ended".into(), &"restored".into()));
        assert_eq!(lost.aw.status(&lost.unknown.app_session).await.status, 404);

        // The instance has read further than the restored log went: it misses nothing.
        let page = lost.aw.poll("web-1", &lost.ahead, &[]).await;
        let [restored, ended] = &page.events[..] else { panic!("{page:?}") };
        assert_eq!(
            (restored.kind, restored.cause),
            (EventKind::LogRestored, Some(Cause::Restored))
        );
        assert_eq!((restored.user.as_str(), &restored.app_session), ("", &None));
        let began = lost.unknown.check_after - lost.unknown.lease_seconds;
        assert!(began <= restored.at, "what nobody knows any more is meant, too");
        assert_eq!(ended.kind, EventKind::SessionEnded);
        assert_eq!(ended.app_session.as_deref(), Some(lost.known.app_session.as_str()));
        assert_eq!(ended.cause, Some(Cause::Restored));
        let number = |cursor: &str| cursor.parse::<i64>().unwrap();
        assert!(number(&restored.cursor) > number(&lost.ahead));
        let from_the_beginning = lost.aw.poll("web-2", "0", &[]).await;
        assert_eq!(from_the_beginning.events, page.events, "a new copy hears the same");

        // Life goes on, and the log with it.
        lost.stays.sign_in("ann").await;
        let again = lost.aw.enter(&mut lost.stays).await;
        assert!(again.check_after - again.lease_seconds > restored.at, "not meant");
        assert!(lost.aw.poll("web-1", &page.cursor, &[]).await.events.is_empty());
        assert_eq!(lost.aw.end(&again.app_session, "session").await.status, 200);
        let next = lost.aw.poll("web-1", &page.cursor, &[]).await;
        assert_eq!(next.events[0].app_session.as_deref(), Some(again.app_session.as_str()));

        // The audit log holds, and says where something is missing.
        lost.scene.home.say(&["audit", "verify"]);
        let marker = lost.scene.audited("database.restored");
        assert_eq!(marker["detail"]["sessions_kept"], false, "{marker}");
        assert_eq!(marker["detail"]["logout"], said["logout"]);
        assert!(marker["seq"].as_i64().is_some_and(|seq| seq > 1), "in the chain: {marker}");
    })
    .await;
}

// The other choice; and so the control that it is the ending which keeps people out above.
#[actix_web::test]
async fn sessions_are_kept_when_asked_for_but_no_ticket_is() {
    on_both(async |database| {
        let mut lost = Lost::on(database).await;
        let backup = lost.backup.clone();
        let said = lost.scene.put_back(&backup, &["--keep-sessions"]).await;
        assert_eq!((&said["sessions"], &said["sessions_kept"]), (&0.into(), &true.into()));
        assert_eq!(lost.signed_in().await, [true, true, false], "who left is back");
        for ticket in [&lost.spent, &lost.unspent] {
            assert_eq!(lost.aw.redeem(ticket).await.status, 400);
            let line = lost.scene.audited("ticket.refused");
            assert_eq!(line["detail"]["why"], "before_restore", "{line}");
        }
        assert!(!leads_on(&lost.scene, &lost.link).await);
        let fresh = lost.aw.enter(&mut lost.stays).await;
        assert!(lost.aw.poll("web-1", &lost.ahead, &[]).await.events.is_empty(), "and no refusal");
        assert_eq!(lost.aw.end(&fresh.app_session, "app").await.status, 200);
        let page = lost.aw.poll("web-1", &lost.ahead, &[]).await;
        assert_eq!(page.events[0].app_session.as_deref(), Some(fresh.app_session.as_str()));
        lost.scene.home.say(&["audit", "verify"]);
        assert_eq!(lost.scene.audited("database.restored")["detail"]["sessions_kept"], true);
    })
    .await;
}

// The control to all of it: what a file put back by hand brings back, and that `--done` mends it.
#[actix_web::test]
async fn a_file_put_back_by_hand_is_mended_by_done() {
    let mut lost = Lost::on(Database::Sqlite).await;
    let by_hand = |lost: &mut Lost| {
        lost.scene.stop();
        std::fs::copy(&lost.backup, lost.scene.file()).unwrap();
    };
    by_hand(&mut lost);
    lost.scene.serve().await;
    assert_eq!(lost.signed_in().await, [true, true, false]);
    assert_eq!(lost.aw.redeem(&lost.spent).await.status, 200, "a second time");
    let path = format!("/api/v1/events?after={}&instance=web-1", lost.ahead);
    assert_eq!(lost.aw.call(reqwest::Method::GET, &path, None, &[]).await.status, 400);

    by_hand(&mut lost);
    lost.scene.home.say(&["restore", "--done"]);
    lost.scene.serve().await;
    assert_eq!(lost.signed_in().await, [false, false, false]);
    assert_eq!(lost.aw.redeem(&lost.spent).await.status, 400);
    assert_eq!(lost.aw.poll("web-1", &lost.ahead, &[]).await.events.len(), 2);
}

// Once more from the same backup: its log goes on behind what the first restore has given out.
#[actix_web::test]
async fn a_second_restore_is_ahead_of_the_first() {
    let mut lost = Lost::on(Database::Sqlite).await;
    let backup = lost.backup.clone();
    lost.scene.put_back(&backup, &[]).await;
    let first = lost.aw.poll("web-1", &lost.ahead, &[]).await;
    let said = lost.scene.put_back(&backup, &[]).await;
    let second = lost.aw.poll("web-1", &first.cursor, &[]).await;
    assert_eq!(second.events.len(), 2, "{second:?}");
    assert!(second.events[0].at > first.events[0].at);
    // The log that was replaced ended at this link; there is a copy of it.
    let marker = lost.scene.audited("database.restored");
    let replaced = marker["detail"]["replaced_log_ended_at"].as_str().unwrap();
    let aside = said["aside"].as_str().unwrap();
    let other = format!("sqlite://{aside}");
    let verify = || lost.scene.home.command(&["audit", "verify", "--expect", replaced]);
    let output = verify().env("SSO_DATABASE__URL", other).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(!verify().status().unwrap().success(), "what was replaced is not in this one");
}

// Nobody can be in at an app that was deleted: the proof of the restore does not wait for it.
#[actix_web::test]
async fn an_app_that_is_gone_is_not_waited_for() {
    on_both(async |database| {
        let mut scene = Scene::on(database).await;
        let aw = scene.aw();
        scene.add_app("gone", "http://gone.localhost/sso/callback");
        scene.home.say(&["app", "delete", "gone"]);
        let backup = scene.back_up("backup");
        let said = scene.put_back(&backup, &[]).await;
        assert_eq!(said["apps"], 1, "{said}");
        let page = aw.poll("web-1", "0", &[]).await;
        assert_eq!(page.events.len(), 1, "the control: aw hears");
        assert!(aw.poll("web-1", &page.cursor, &[]).await.events.is_empty());
        sqlx::any::install_default_drivers();
        let mut connection = sqlx::AnyConnection::connect(&scene.home.url).await.unwrap();
        let open = "SELECT COUNT(*) FROM confirmations WHERE confirmed_at IS NULL";
        let (open,): (i64,) = sqlx::query_as(open).fetch_one(&mut connection).await.unwrap();
        assert_eq!(open, 0, "nobody is waited for");
    })
    .await;
}
