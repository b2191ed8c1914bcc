//! Two servers over one PostgreSQL, each a process.

use harness::{Database, Play, Receiver};

use super::scene::{Scene, until};

// SECURITY-CASES W-22, W-02: told at one, heard at the other; and what one was about to push when it
// was killed the other pushes, under the same name.
#[actix_web::test]
async fn the_other_node_takes_over_what_one_was_about_to_push() {
    let mut scene = Scene::on(Database::Postgres).await;
    let receiver = Receiver::start().await;
    let app = scene.register("aw", Some(&receiver.url()));
    let aw = scene.app(&app);
    let first = aw.enter(&mut scene.signed_in().await).await;
    let second = aw.enter(&mut scene.signed_in().await).await;
    // The first node alone has something to push, and does not come to an end with it.
    receiver.script([Play::Never]);
    let logout = scene.force_out(&first.session).await;
    receiver.wait_for(1).await;

    let other = scene.home.serve();
    let one = scene.node.replace(other).unwrap();
    let aw_at_two = scene.app(&app);
    // Whoever asks the second node hears what is done at the first.
    let polled = tokio::task::spawn_local(async move {
        let news = aw_at_two.poll("waiting", "1", &[("wait", "30")]).await;
        (aw_at_two, news)
    });
    until("it waits", async || {
        let proof = scene.proof(&logout, "aw").await;
        proof["waiting_for"].as_array().unwrap().iter().all(|one| one["instance"] == "@push")
            && scene.home.json(&["app", "list", "--json"])[0]["instances"] != 0
    })
    .await;
    assert_eq!(aw.end(&second.app_session, "app").await.status, 200);
    let (_, news) = polled.await.unwrap();
    assert_eq!(news.events.len(), 1);
    assert_eq!(news.events[0].app_session, Some(second.app_session.clone()));

    assert_eq!(receiver.got().len(), 1, "the second leaves alone what the first has claimed");
    one.kill();
    let got = receiver.wait_for(3).await;
    let about: Vec<_> = got.iter().map(|got| got.event().app_session.unwrap()).collect();
    let wanted = [&first.app_session, &first.app_session, &second.app_session];
    assert_eq!(about.iter().collect::<Vec<_>>(), wanted);
    assert_eq!(got[0].id(), got[1].id());
    until("it is confirmed", async || scene.proof(&logout, "aw").await["state"] == "confirmed")
        .await;
    assert_eq!(receiver.got().len(), 3, "nobody told it more often");
}
