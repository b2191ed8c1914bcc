//! Passport is killed while it pushes.

use std::time::Duration;

use harness::{Database, Play, Receiver};
use tokio::task::spawn_blocking;

use super::{
    books::{Books, Chance, begin_to_end, let_in},
    scene::{Scene, kills},
};

/// How the app answers: mostly well, so that kills find something to interrupt.
fn plays(chance: &mut Chance) -> Vec<Play> {
    let one = |chance: &mut Chance| match chance.below(12) {
        0 => Play::Status(500),
        1 => Play::Reset,
        2 => Play::Slow(Duration::from_millis(30)),
        _ => Play::Status(204),
    };
    (0..12).map(|_| one(chance)).collect()
}

/// Each round has an app of its own: the stream of a server that was killed is claimed for a while
/// yet, and what follows would find nothing under way.
async fn told_whenever_it_is_killed(database: Database) {
    let mut chance = Chance::new();
    let mut scene = Scene::on(database).await;
    let receiver = Receiver::start().await;
    let mut books = Books::default();
    for round in 0..kills(4) {
        let app = scene.register(&format!("app{round}"), Some(&receiver.url()));
        let entered = let_in(&scene, &scene.app(&app), 7).await;
        let (stays, leave) = entered.split_first().unwrap();
        let ids: Vec<String> = leave.iter().map(|one| one.app_session.clone()).collect();
        receiver.script(plays(&mut chance));

        let ends = begin_to_end(&scene, &scene.app(&app), &ids);
        let (node, moment) = (scene.node.take().unwrap(), Duration::from_millis(chance.below(90)));
        // Beside: this thread is the receiver's, which is to answer until the last moment.
        spawn_blocking(move || {
            std::thread::sleep(moment);
            node.kill();
        })
        .await
        .unwrap();
        scene.serve();
        let at = scene.app(&app);
        for (id, end) in ids.iter().zip(ends) {
            if end.await.unwrap() {
                assert_eq!(at.status(id).await.json()["state"], "ended", "said to be done");
            }
            assert_eq!(at.end(id, "app").await.status, 200);
        }
        assert_eq!(at.status(&stays.app_session).await.json()["state"], "active");
        books.ended.push((app, ids));
    }
    books.balance(&scene, &receiver).await;
}

// SECURITY-CASES W-01, W-02, W-03, W-13, B-06. Both at a time: most of it is waiting for claims to run
// out.
#[actix_web::test]
async fn everything_is_told_whenever_passport_is_killed() {
    tokio::join!(
        told_whenever_it_is_killed(Database::Sqlite),
        told_whenever_it_is_killed(Database::Postgres),
    );
}
