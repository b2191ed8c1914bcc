//! The database is killed while sessions end and apps acknowledge.

use std::time::Duration;

use harness::{PrivatePostgres, Receiver, database, process::Home};
use sqlx::{Connection, Executor, PgConnection};
use tokio::task::spawn_blocking;

use super::{
    books::{Books, Chance, begin_to_end, let_in},
    scene::{Scene, Verdict, kills, until},
};

/// Every connection to the databases is cut off by the server.
async fn terminate_all(server: &str) {
    let mut admin = PgConnection::connect(&format!("{server}/postgres")).await.unwrap();
    let all = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
               WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()";
    admin.execute(all).await.unwrap();
    admin.close().await.unwrap();
}

// SECURITY-CASES W-01, W-02, W-05, W-06
#[actix_web::test]
async fn nothing_is_lost_whenever_postgres_is_killed() {
    let mut chance = Chance::new();
    let server = std::sync::Arc::new(PrivatePostgres::start());
    let url = database::create_at(&server.url()).await;
    let scene = Scene::in_home(Home::over(tempfile::tempdir().unwrap(), url)).await;
    let receiver = Receiver::start().await;
    let mut books = Books::default();
    // One app that is told, and one that asks.
    let told = scene.register("told", Some(&receiver.url()));
    let asks = scene.register("asks", None);
    let shop = asks.run(&[("SHOP_INSTANCE", "web-1")]);
    let stays = shop.enter(&mut scene.signed_in().await).await;
    let mut ended = Vec::new();
    for round in 0..kills(6) {
        let entered = let_in(&scene, &scene.app(&told), 6).await;
        let ids: Vec<String> = entered.iter().map(|one| one.app_session.clone()).collect();
        let (mut browsers, mut there) = (Vec::new(), Vec::new());
        for _ in 0..4 {
            let browser = shop.enter(&mut scene.signed_in().await).await;
            there.push(shop.names(&browser).await.1);
            browsers.push(browser);
        }
        let mut ends = begin_to_end(&scene, &scene.app(&told), &ids);
        ends.extend(begin_to_end(&scene, &scene.app(&asks), &there));
        tokio::time::sleep(Duration::from_millis(chance.below(50))).await;
        if round % 2 == 0 {
            terminate_all(&server.url()).await;
        } else {
            let server = server.clone();
            spawn_blocking(move || server.crash()).await.unwrap();
        }
        let mut done = Vec::new();
        for end in ends {
            done.push(end.await.unwrap());
        }
        // Passport comes back by itself.
        until("it is ready", async || scene.browser().get("/readyz").await.status == 200).await;
        for (app, ids, done) in
            [(&told, &ids, &done[..ids.len()]), (&asks, &there, &done[ids.len()..])]
        {
            let at = scene.app(app);
            for (id, done) in ids.iter().zip(done) {
                let answer = &mut None;
                until("it can be asked", async || {
                    let status = at.status(id).await;
                    let known = status.status == 200;
                    *answer = Some(status);
                    known
                })
                .await;
                if *done {
                    let state = answer.take().unwrap().json()["state"].clone();
                    assert_eq!(state, "ended", "said to be done");
                }
                until("it is done", async || at.end(id, "app").await.status == 200).await;
            }
        }
        ended.extend(ids);
        for browser in &browsers {
            shop.until(browser, Verdict::Out).await;
        }
        shop.until(&stays, Verdict::In).await;
    }
    books.ended.push((told, ended));
    books.balance(&scene, &receiver).await;
}
