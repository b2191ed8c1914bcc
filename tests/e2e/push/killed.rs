//! Killed at any step: delivered at least once, under the same id.

use harness::{Node, Play, Receiver, TestApp, on_both, process::Home};

struct Story {
    home: Home,
    receiver: Receiver,
    secret: String,
    node: Option<Node>,
    session: String,
}

impl Story {
    async fn begin(database: harness::Database) -> Self {
        Self::in_home(Home::new(database).await).await
    }

    async fn in_home(mut home: Home) -> Self {
        home.set("SSO_OUTGOING__ALLOW_LOOPBACK", "true");
        let receiver = Receiver::start().await;
        let node = home.serve();
        let return_to = "http://aw.localhost/sso/callback";
        let url = receiver.url();
        let added = home.json(&[
            "app",
            "add",
            "aw",
            "--name",
            "aw",
            "--return-to",
            return_to,
            "--events-url",
            &url,
            "--json",
        ]);
        let text = |field: &str| added[field].as_str().unwrap().to_owned();
        let base = "http://sso.localhost:8800";
        let aw = TestApp::new(node.address, base, "aw", &text("secret"), return_to);
        home.add_user("member", harness::PASSWORD);
        let mut browser = node.browser();
        browser.sign_in("member").await;
        let session = aw.enter(&mut browser).await.session;
        Self { secret: text("events_secret"), home, receiver, node: Some(node), session }
    }

    /// By the command line, beside the server or without one.
    fn end(&self) {
        self.home.say(&["session", "end", &self.session]);
    }

    async fn restart_and_deliver(self, least: usize) {
        let Self { home, receiver, secret, node, .. } = self;
        if let Some(node) = node {
            node.kill();
        }
        let _restarted = home.serve();
        let got = receiver.wait_for(least).await;
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(60);
        while home.json(&["app", "list", "--json"])[0]["push"]["last_success_at"].is_null() {
            assert!(std::time::Instant::now() < deadline, "not acknowledged");
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        let ids: Vec<&str> = got.iter().map(harness::receiver::Got::id).collect();
        assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
        for got in &got {
            got.open(&secret, got.timestamp()).unwrap();
        }
    }
}

// SECURITY-CASES W-02, W-03: before the claim.
#[actix_web::test]
async fn before_it_was_sent() {
    on_both(async |database| {
        let mut story = Story::begin(database).await;
        if let Some(node) = story.node.take() {
            node.kill();
        }
        story.end();
        story.restart_and_deliver(1).await;
    })
    .await;
}

// After the claim, while the app thinks about it.
#[actix_web::test]
async fn while_it_was_being_sent() {
    on_both(async |database| {
        let story = Story::begin(database).await;
        story.receiver.script([Play::Never]);
        story.end();
        story.receiver.wait_for(1).await;
        story.restart_and_deliver(2).await;
    })
    .await;
}

// After the POST, perhaps before the mark.
#[actix_web::test]
async fn when_it_was_just_taken() {
    on_both(async |database| {
        let story = Story::begin(database).await;
        story.end();
        story.receiver.wait_for(1).await;
        story.restart_and_deliver(1).await;
    })
    .await;
}

// What an operator sees who waits for it.
#[actix_web::test]
async fn a_url_that_fails_is_named_while_it_is_waited_for() {
    on_both(async |database| {
        let story = Story::begin(database).await;
        story.receiver.otherwise(Play::Status(500));
        let run = async |arguments: &[&str]| {
            // This thread is the receiver's, too.
            let mut command = story.home.command(arguments);
            actix_web::rt::task::spawn_blocking(move || command.output().unwrap()).await.unwrap()
        };
        let end = ["session", "end", &story.session, "--wait", "--within", "3s", "--json"];
        let ended = run(&end).await;
        assert_eq!(ended.status.code(), Some(1));
        let said = String::from_utf8_lossy(&ended.stderr);
        assert!(said.contains("its events URL (failing for"), "{said}");
        assert!(said.contains("answered 500"), "{said}");
        let found: serde_json::Value = serde_json::from_slice(&ended.stdout).unwrap();
        let waiting = &found["logout"]["apps"][0]["waiting_for"][0];
        assert_eq!(waiting["instance"], "@push");
        assert_eq!(waiting["push"]["state"], "failing");
        assert_eq!(waiting["push"]["last_status"], 500);
        assert!(waiting["push"]["failing_since"].is_i64());
    })
    .await;
}

// SECURITY-CASES F-07: proxies that somebody has set for other programs are not ours.
#[actix_web::test]
async fn proxies_of_the_environment_are_ignored() {
    let proxy = Receiver::start().await;
    let mut home = Home::new(harness::Database::Sqlite).await;
    for name in ["http_proxy", "HTTP_PROXY", "https_proxy", "all_proxy", "ALL_PROXY"] {
        home.set(name, &format!("http://{}", proxy.address));
    }
    let story = Story::in_home(home).await;
    story.end();
    story.receiver.wait_for(1).await;
    assert_eq!(proxy.connections(), 0);
}
