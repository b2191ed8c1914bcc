//! The app is killed while it is told: by push, by pull, or both.

use std::time::Duration;

use harness::{Browser, Cable, Database, on_both};
use tokio::task::spawn_blocking;

use super::{
    books::{Chance, begin_to_end},
    scene::{Registered, Scene, Shop, Verdict, kills, until},
};

/// A running copy under one name, which the cable leads to.
fn start(app: &Registered, cable: &Cable) -> Shop {
    let shop = app.run(&[("SHOP_INSTANCE", "web-1")]);
    cable.plug(shop.node.address);
    shop
}

/// Never in again, not even while it does not know; out as soon as it does.
async fn out_for_good(shop: &Shop, ended: &[Browser]) {
    for browser in ended {
        let mut seen = shop.look(browser).await;
        until("it knows", async || {
            seen = shop.look(browser).await;
            assert_ne!(seen.verdict, Verdict::In, "ended, and accepted again");
            seen.verdict == Verdict::Out
        })
        .await;
    }
}

// SECURITY-CASES W-02, B-04, B-18, Y-15
#[actix_web::test]
async fn it_knows_everything_whenever_it_was_killed() {
    on_both(async |database| {
        let mut chance = Chance::new();
        let scene = Scene::on(database).await;
        let cable = Cable::new().await;
        let events = format!("http://aw.localhost:{}/sso/events", cable.address.port());
        let app = scene.register("aw", Some(&events));
        let mut shop = start(&app, &cable);
        let stays = shop.enter(&mut scene.signed_in().await).await;
        let mut ended = Vec::new();
        for _ in 0..kills(3) {
            let (mut browsers, mut ids) = (Vec::new(), Vec::new());
            for _ in 0..4 {
                let browser = shop.enter(&mut scene.signed_in().await).await;
                ids.push(shop.names(&browser).await.1);
                browsers.push(browser);
            }
            let ends = begin_to_end(&scene, &scene.app(&app), &ids);
            let moment = Duration::from_millis(chance.below(60));
            spawn_blocking(move || {
                std::thread::sleep(moment);
                shop.node.kill();
            })
            .await
            .unwrap();
            for end in ends {
                assert!(end.await.unwrap(), "Passport does not need the app for it");
            }
            ended.extend(browsers);
            shop = start(&app, &cable);
            out_for_good(&shop, &ended).await;
            shop.until(&stays, Verdict::In).await;
        }
        // Each by both ways, and proven.
        let logout = scene.force_out(&shop.names(&stays).await.0).await;
        shop.until(&stays, Verdict::Out).await;
        until("it is confirmed", async || scene.proof(&logout, "aw").await["state"] == "confirmed")
            .await;
    })
    .await;
}

/// Fifty sessions end while an app cannot hear. `away` and `back` are what happens to it.
async fn fifty_end_meanwhile(database: Database, away: Away) {
    let scene = Scene::on(database).await;
    let cable = Cable::new().await;
    let app = scene.register("aw", None);
    let mut shop = start(&app, &cable);
    let stays = shop.enter(&mut scene.signed_in().await).await;
    let (mut browsers, mut ids) = (Vec::new(), Vec::new());
    for _ in 0..50 {
        let browser = shop.enter(&mut scene.signed_in().await).await;
        ids.push(shop.names(&browser).await.1);
        browsers.push(browser);
    }
    match away {
        Away::Down => {
            shop.node.kill();
            for end in begin_to_end(&scene, &scene.app(&app), &ids) {
                assert!(end.await.unwrap());
            }
            shop = start(&app, &cable);
            out_for_good(&shop, &browsers).await;
        }
        Away::CutOff => {
            scene.cable.unplug();
            for end in begin_to_end(&scene, &scene.app(&app), &ids) {
                assert!(end.await.unwrap());
            }
            assert_eq!(shop.look(&browsers[0]).await.verdict, Verdict::In, "it cannot know");
            scene.cable.plug(scene.node().address);
            shop.until(&browsers[0], Verdict::Out).await;
            // One answer told it everything.
            for browser in &browsers {
                assert_eq!(shop.look(browser).await.verdict, Verdict::Out);
            }
        }
    }
    shop.until(&stays, Verdict::In).await;
}

enum Away {
    Down,
    CutOff,
}

// SECURITY-CASES B-18, W-04
#[actix_web::test]
async fn down_meanwhile_it_accepts_nobody_before_it_has_caught_up() {
    fifty_end_meanwhile(Database::Sqlite, Away::Down).await;
}

// SECURITY-CASES B-18, W-04
#[actix_web::test]
async fn cut_off_meanwhile_it_catches_up_with_one_answer() {
    fifty_end_meanwhile(Database::Postgres, Away::CutOff).await;
}
