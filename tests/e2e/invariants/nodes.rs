//! Two nodes over one database behave as one.

use std::time::Duration;

use client_sdk::wire::EventPage;
use harness::{Passport, TestApp, on_both};
use reqwest::Method;
use sso_server::flows::{apps, signing_keys, users};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

/// Longer than anything here takes; a test that gets so far has failed.
const PATIENCE: Duration = Duration::from_secs(30);

/// Waits for news at a node, as an app's server does.
async fn poll(app: TestApp, after: String) -> EventPage {
    let path = format!("/api/v1/events?after={after}&instance=waiting&wait=30");
    let answer = app.call(Method::GET, &path, None, &[]).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    serde_json::from_str(&answer.body).unwrap()
}

/// An open stream of server-sent events.
struct Stream(TcpStream);

impl Stream {
    async fn open(app: &TestApp, node: &Passport, after: &str) -> Self {
        let mut stream = TcpStream::connect(node.address).await.unwrap();
        let head = format!(
            "GET /api/v1/events?after={after}&instance=streaming HTTP/1.1\r\nHost: {}\r\n\
             Authorization: {}\r\nAccept: text/event-stream\r\n\r\n",
            node.url.split_once("://").unwrap().1,
            app.authorization()
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut stream = Self(stream);
        stream.until("text/event-stream").await;
        stream
    }

    async fn until(&mut self, text: &str) -> String {
        let mut read = String::new();
        let reading = async {
            let mut buffer = [0; 4096];
            while !read.contains(text) {
                let many = self.0.read(&mut buffer).await.unwrap();
                assert!(many > 0, "closed after {read:?}");
                read.push_str(&String::from_utf8_lossy(&buffer[..many]));
            }
        };
        let in_time = timeout(PATIENCE, reading).await.is_ok();
        assert!(in_time, "no {text:?} in {read:?}");
        read
    }
}

/// Waits until an app's poll has arrived: it notes its instance before it waits.
async fn until_known(passport: &Passport, instances: i64) {
    let arrived = async {
        while passport.count("SELECT COUNT(*) FROM app_instances").await < instances {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(PATIENCE, arrived).await.unwrap();
}

#[actix_web::test]
async fn signed_in_at_one_node_known_at_the_other_and_out_at_both() {
    on_both(async |database| {
        let one = Passport::on(database).await;
        let two = one.second_node().await;
        one.add_user("member").await;
        let aw = one.add_app("aw").await;
        let mut browser = one.signed_in("member").await;

        // The ticket from one is good at two, once.
        let ticket = aw.send(&mut browser).await.ticket();
        let entered = aw.at(&two).redeem(&ticket).await.json();
        assert_eq!(entered["user"]["username"], "member");
        assert_eq!(aw.redeem(&ticket).await.json()["code"], "invalid_ticket");
        let mut elsewhere = browser.clone().at(&two);
        assert!(elsewhere.is_signed_in().await);

        let waiting = tokio::task::spawn_local(poll(aw.at(&two), "0".to_owned()));
        until_known(&one, 1).await;
        let mut stream = Stream::open(&aw, &two, "0").await;
        until_known(&one, 2).await;

        browser.sign_out().await;
        assert!(!elsewhere.is_signed_in().await, "at once, whatever two has at hand");
        assert!(aw.at(&two).send(&mut elsewhere).await.sent("ticket").is_none());
        let news = timeout(PATIENCE, waiting).await.unwrap().unwrap();
        assert_eq!(news.events.len(), 1);
        assert_eq!(news.events[0].app_session.as_deref(), entered["app_session"].as_str());
        let streamed = stream.until("\n\n").await;
        assert!(streamed.contains("event: session.ended\nid: 1\n"), "{streamed}");
        assert!(streamed.contains(entered["app_session"].as_str().unwrap()), "{streamed}");
    })
    .await;
}

// SECURITY-CASES W-22: a node that has everything at hand obeys what the other does, at once, and
// again, and in both directions.
#[actix_web::test]
async fn what_one_node_does_the_other_obeys_at_once() {
    on_both(async |database| {
        let one = Passport::on(database).await;
        let two = one.second_node().await;
        one.add_user("member").await;
        let aw = one.add_app("aw").await;
        for (here, there) in [(&one, &two), (&two, &one), (&one, &two)] {
            let app = aw.at(there);
            let mut browser = here.signed_in("member").await.at(there);
            let enters = async |browser: &mut harness::Browser| {
                app.send(browser).await.sent("ticket").is_some()
            };
            for _ in 0..3 {
                assert!(enters(&mut browser).await);
            }

            apps::disable(&here.app, "aw").await.unwrap();
            assert!(!enters(&mut browser).await, "the app is off");
            apps::enable(&here.app, "aw").await.unwrap();
            assert!(enters(&mut browser).await, "the app is on");

            let kid = signing_keys::rotate(&here.app, harness::HOUR).await.unwrap();
            one.advance(31 * harness::SECOND);
            let ticket = app.send(&mut browser).await.ticket();
            assert!(signed_by(&ticket, &kid), "by the new key");
            assert_eq!(aw.at(here).redeem(&ticket).await.status, 200);

            users::disable(&here.app, "member", false).await.unwrap();
            assert!(!enters(&mut browser).await, "the account is off");
            users::enable(&here.app, "member").await.unwrap();
            assert!(!enters(&mut browser).await, "what has ended stays ended");

            let late = format!("late-{}", one.count("SELECT COUNT(*) FROM apps").await);
            let late = here.add_app(&late).await.at(there);
            let mut browser = here.signed_in("member").await.at(there);
            late.enter(&mut browser).await;
        }
    })
    .await;
}

/// Whether a ticket names this key in its header.
fn signed_by(ticket: &str, kid: &str) -> bool {
    jsonwebtoken::decode_header(ticket).unwrap().kid.as_deref() == Some(kid)
}
