//! Two servers and the command line, as processes of their own over one database.

use harness::{Browser, Database, Node, PASSWORD, TestApp, on_both, process::Home};

/// Two servers over one database, a person and an app.
struct Family {
    home: Home,
    one: Node,
    two: Node,
    aw: TestApp,
}

impl Family {
    async fn on(database: Database) -> Self {
        let home = Home::new(database).await;
        // Both at once: one makes the tables and the keys, the other waits and reads them.
        let (one, two) = std::thread::scope(|scope| {
            let other = scope.spawn(|| home.serve());
            (home.serve(), other.join().unwrap())
        });
        home.add_user("member", PASSWORD);
        let aw = home.add_app("aw", &one);
        Self { home, one, two, aw }
    }

    fn at_two(&self) -> TestApp {
        let Self { aw, two, .. } = self;
        TestApp::new(two.address, "http://sso.localhost:8800", &aw.id, &aw.secret, &aw.return_to)
    }

    /// A command of the operator's that must succeed.
    fn operator(&self, arguments: &[&str]) {
        let output = self.home.run(arguments);
        assert!(output.status.success(), "{arguments:?}: {output:?}");
    }

    /// The same login state at the other server.
    fn elsewhere(&self, browser: &Browser) -> Browser {
        let mut other = self.two.browser();
        other.cookies = browser.cookies.clone();
        other
    }
}

// Commands work beside running servers, which obey at once (README).
#[actix_web::test]
async fn servers_obey_each_other_and_the_command_line_at_once() {
    on_both(async |database| {
        let family = Family::on(database).await;
        let aw_at_two = family.at_two();
        let mut browser = family.one.browser();
        browser.sign_in("member").await;
        let mut elsewhere = family.elsewhere(&browser);

        let ticket = family.aw.send(&mut browser).await.ticket();
        assert_eq!(aw_at_two.redeem(&ticket).await.status, 200);
        assert!(elsewhere.is_signed_in().await && browser.is_signed_in().await);
        browser.sign_out().await;
        assert!(!elsewhere.is_signed_in().await, "out at one is out at two");
        assert_eq!(aw_at_two.events("0").await.events.len(), 1);

        browser.sign_in("member").await;
        let mut elsewhere = family.elsewhere(&browser);
        assert!(elsewhere.is_signed_in().await && browser.is_signed_in().await);

        // The app goes and comes back.
        family.operator(&["app", "disable", "aw"]);
        for (app, browser) in [(&family.aw, &mut browser), (&aw_at_two, &mut elsewhere)] {
            assert_eq!(app.send(browser).await.status, 400, "off at once");
        }
        assert_eq!(aw_at_two.redeem(&ticket).await.json()["code"], "invalid_client");
        family.operator(&["app", "enable", "aw"]);
        let entered = aw_at_two.enter(&mut elsewhere).await;
        family.aw.enter(&mut browser).await;

        // One session, then the person.
        let list = family.home.json(&["session", "list", "--user", "member", "--json"]);
        assert_eq!(list.as_array().unwrap().len(), 1, "{list}");
        family.operator(&["session", "end", &entered.session, "--reason", "lost phone"]);
        assert!(!browser.is_signed_in().await && !elsewhere.is_signed_in().await);
        assert_eq!(aw_at_two.status(&entered.app_session).await.json()["cause"], "admin");

        let mut browser = family.two.browser();
        browser.sign_in("member").await;
        family.operator(&["user", "disable", "member"]);
        assert!(!browser.is_signed_in().await);
        assert_eq!(family.one.browser().try_password("member", PASSWORD).await, 401);
        family.operator(&["user", "enable", "member"]);
        assert!(!browser.is_signed_in().await, "what has ended stays ended");
        assert_eq!(family.one.browser().try_password("member", PASSWORD).await, 303);

        // A secret goes at once, and the new one is good at once.
        let rotated = family.home.json(&["app", "rotate-secret", "aw", "--json"]);
        assert_eq!(aw_at_two.status("x").await.json()["code"], "invalid_client");
        let mut renewed = family.at_two();
        rotated["secret"].as_str().unwrap().clone_into(&mut renewed.secret);
        assert_eq!(renewed.status("x").await.json()["code"], "not_found");
    })
    .await;
}
