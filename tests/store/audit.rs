//! `audit`: every line is kept, the latest first, and only ever added to.

use harness::{NOON, on_both};
use sso_server::{
    domain::{
        app::AppId,
        audit::{Act, Entry},
        id::SessionId,
    },
    random::Random,
    store::audit,
};

use crate::scene::{CROWD, Scene, crowd, fresh_user};

#[tokio::test]
async fn lines_come_back_whole_the_latest_first() {
    on_both(async |database| {
        let scene = Scene::on(database).await;
        let (user, session) = (fresh_user(), SessionId::fresh(NOON, &Random::system()));
        let app = AppId::parse("aw").unwrap();
        let full = Entry::new(NOON + 100, Act::TicketRedeemed)
            .user(&user)
            .session(&session)
            .app(&app)
            .address("2001:db8::1")
            .fact("amr", vec!["pwd"])
            .fact("why", "it's \"so\"");
        scene
            .write(async |tx| {
                // More than one statement takes, written out of order.
                let many: Vec<Entry> =
                    (0..70).rev().map(|n| Entry::new(NOON + n, Act::LoggedIn)).collect();
                audit::append(tx, &many, &Random::system()).await.unwrap();
                audit::append(tx, &[], &Random::system()).await.unwrap();
                audit::append(tx, &[full], &Random::system()).await.unwrap();
            })
            .await;
        let mut conn = scene.db.read().await.unwrap();
        let lines = audit::latest(&mut conn, 1_000).await.unwrap();
        let times: Vec<i64> = lines.iter().map(|line| line.at).collect();
        let wanted: Vec<i64> = [100].into_iter().chain((0..70).rev()).map(|n| NOON + n).collect();
        assert_eq!(times, wanted);
        assert_eq!(audit::latest(&mut conn, 3).await.unwrap(), lines[..3]);
        let line = &lines[0];
        assert_eq!(
            (line.kind.as_str(), line.user.as_deref()),
            ("ticket.redeemed", Some(user.as_str()))
        );
        assert_eq!(
            (line.session.as_deref(), line.app.as_deref()),
            (Some(session.as_str()), Some("aw"))
        );
        assert_eq!(line.address.as_deref(), Some("2001:db8::1"));
        let detail: serde_json::Value = serde_json::from_str(&line.detail).unwrap();
        assert_eq!(detail, serde_json::json!({ "amr": ["pwd"], "why": "it's \"so\"" }));
        assert_eq!((lines[1].user.as_deref(), lines[1].detail.as_str()), (None, "{}"));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_line_is_lost_among_many_writers_and_none_stays_of_what_was_taken_back() {
    on_both(async |database| {
        let scene = Scene::on(database).await;
        crowd(&scene.both_sides().await, CROWD, |db, number| async move {
            let mut tx = db.write().await.unwrap();
            let entries = [Entry::new(NOON, Act::LoggedIn), Entry::new(NOON, Act::SessionEnded)];
            audit::append(&mut tx, &entries, &Random::system()).await.unwrap();
            if number % 4 != 0 {
                tx.commit().await.unwrap();
            }
        })
        .await;
        let lines = audit::latest(&mut scene.db.read().await.unwrap(), 1_000).await.unwrap();
        assert_eq!(lines.len(), CROWD * 3 / 4 * 2);
    })
    .await;
}
