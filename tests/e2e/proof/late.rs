//! What comes late, twice, or from somebody else, at an app that is a process of its own.

use harness::{Database, Receiver, raw, receiver::Got};

use super::scene::{Scene, Shop, Verdict};

/// Sends a message once more, byte for byte; answers the status.
async fn replay(shop: &Shop, got: &Got, headers: &[(&str, String)]) -> u16 {
    let mut head = "POST /sso/events HTTP/1.1\r\nhost: aw.localhost\r\n".to_owned();
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    let length = got.body.len();
    head.push_str(&format!("content-length: {length}\r\nconnection: close\r\n\r\n"));
    let request = [head.as_bytes(), &got.body].concat();
    raw::status(&raw::exchange(shop.node.address, &request).await)
}

fn headers(got: &Got) -> Vec<(&'static str, String)> {
    ["content-type", "webhook-id", "webhook-timestamp", "webhook-signature"]
        .into_iter()
        .map(|name| (name, got.headers[name].clone()))
        .collect()
}

// SECURITY-CASES B-01, B-04, B-08: what Passport has really sent reaches the app late: the person is
// in again. Somebody repeats it, and somebody else makes one of their own.
#[actix_web::test]
async fn a_late_message_ends_no_newer_session() {
    let scene = Scene::on(Database::Sqlite).await;
    // Keeps what is pushed to itself: a wire that delivers when it pleases.
    let wire = Receiver::start().await;
    let app = scene.register("aw", Some(&wire.url()));
    let other = scene.register("bw", Some(&wire.url()));
    let shop = app.run(&[]);
    let mut person = scene.signed_in().await;
    let older = shop.enter(&mut person).await;
    let (session, _) = shop.names(&older).await;
    scene.force_out(&session).await;
    let message = wire.wait_for(1).await.remove(0);
    shop.until(&older, Verdict::Out).await;

    let mut again = scene.signed_in().await;
    let newer = shop.enter(&mut again).await;
    // A copy of the app that has just started, too, and knows of no id.
    let copy = app.run(&[]);
    copy.until(&newer, Verdict::In).await;
    for shop in [&shop, &copy] {
        for _ in 0..3 {
            assert_eq!(replay(shop, &message, &headers(&message)).await, 204);
        }
        assert_eq!(shop.look(&newer).await.verdict, Verdict::In, "the newer one lives");
        assert_eq!(shop.look(&older).await.verdict, Verdict::Out, "the older one does not");
    }

    // Another app's message, true as it is, and one about the newer session under the old signature.
    let bw = scene.app(&other);
    let entered = bw.enter(&mut again).await;
    assert_eq!(bw.end(&entered.app_session, "app").await.status, 200);
    let foreign = wire.wait_for(2).await.remove(1);
    assert_eq!(replay(&shop, &foreign, &headers(&foreign)).await, 401);
    let old = message.event().app_session.unwrap();
    let (_, new) = shop.names(&newer).await;
    let body = String::from_utf8(message.body.clone()).unwrap().replace(&old, &new);
    let forged = Got { body: body.into_bytes(), ..message.clone() };
    assert_ne!(forged.body, message.body);
    assert_eq!(replay(&shop, &forged, &headers(&forged)).await, 401);
    assert_eq!(shop.look(&newer).await.verdict, Verdict::In);

    // And what is meant for it ends it: by a message alone, for this copy can ask nobody.
    let (session, _) = shop.names(&newer).await;
    scene.cable.unplug();
    scene.force_out(&session).await;
    let message = wire.wait_for(3).await;
    let message =
        message.iter().find(|got| got.event().app_session.as_deref() == Some(new.as_str()));
    assert_eq!(shop.look(&newer).await.verdict, Verdict::In, "it cannot know");
    assert_eq!(replay(&shop, message.unwrap(), &headers(message.unwrap())).await, 204);
    assert_eq!(shop.look(&newer).await.verdict, Verdict::Out);
}
