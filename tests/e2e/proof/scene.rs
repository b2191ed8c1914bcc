//! Passport and an app of its own, each a process, with cables between them.

use std::{
    process::Command,
    time::{Duration, Instant},
};

use harness::{
    Answer, Browser, Cable, Database, Node, PASSWORD, TestApp,
    process::{Home, program},
};
use reqwest::Method;
use serde_json::{Value, json};

/// So many kills of a loop, unless `PASSPORT_KILLS` says otherwise.
pub(super) fn kills(few: u64) -> u64 {
    std::env::var("PASSPORT_KILLS").map_or(few, |text| text.parse().unwrap())
}

/// Asks until it is so.
pub(super) async fn until(what: &str, mut so: impl AsyncFnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !so().await {
        assert!(Instant::now() < deadline, "never: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Passport behind a cable, with a member.
pub(super) struct Scene {
    pub home: Home,
    /// Between Passport and everybody else.
    pub cable: Cable,
    pub node: Option<Node>,
    /// The public URL: the near end of the cable.
    pub url: String,
    /// Of an admin's program.
    token: String,
}

impl Scene {
    pub(super) async fn on(database: Database) -> Self {
        Self::in_home(Home::new(database).await).await
    }

    pub(super) async fn in_home(mut home: Home) -> Self {
        let cable = Cable::new().await;
        let url = format!("http://sso.localhost:{}", cable.address.port());
        home.set("SSO_SERVER__PUBLIC_URL", &url);
        home.set("SSO_OUTGOING__ALLOW_LOOPBACK", "true");
        let node = home.serve();
        cable.plug(node.address);
        home.add_user("member", PASSWORD);
        let scopes = "sessions:end,logouts:read";
        let made = home.json(&["admin-token", "add", "tests", "--scopes", scopes, "--json"]);
        let token = made["token"].as_str().unwrap().to_owned();
        Self { home, cable, node: Some(node), url, token }
    }

    pub(super) fn node(&self) -> &Node {
        self.node.as_ref().unwrap()
    }

    /// `kill -9`.
    pub(super) fn kill(&mut self) {
        self.node.take().unwrap().kill();
        self.cable.unplug();
    }

    pub(super) fn serve(&mut self) {
        let node = self.home.serve();
        self.cable.plug(node.address);
        self.node = Some(node);
    }

    /// A browser at Passport, past the cable.
    pub(super) fn browser(&self) -> Browser {
        Browser::new(self.node().address, &self.url)
    }

    pub(super) async fn signed_in(&self) -> Browser {
        let mut browser = self.browser();
        browser.sign_in("member").await;
        browser
    }

    /// An admin's program asks, past the cable.
    async fn admin(&self, method: Method, path: &str, body: Option<Value>) -> Answer {
        let bearer = format!("Bearer {}", self.token);
        let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
        let path = format!("/api/v1/admin{path}");
        let mut program = self.browser();
        let body = body.map(|body| body.to_string());
        let answer = program.request(method, &path, body, &headers).await;
        assert!(answer.status.is_success(), "{path}: {}", answer.body);
        answer
    }

    /// An admin ends a session; answers the logout's name.
    pub(super) async fn force_out(&self, session: &str) -> String {
        let why = json!({ "reason": "a test" });
        let path = format!("/sessions/{session}/end");
        let ended = self.admin(Method::POST, &path, Some(why)).await.json();
        ended["logout"].as_str().unwrap().to_owned()
    }

    /// How far an app is with a logout.
    pub(super) async fn proof(&self, logout: &str, app: &str) -> Value {
        let proof = self.admin(Method::GET, &format!("/logouts/{logout}"), None).await.json();
        let apps = proof["apps"].as_array().unwrap();
        apps.iter().find(|one| one["app"] == app).cloned().unwrap_or_else(|| panic!("{proof}"))
    }

    /// Registers an app; its events go to `events_url`, if there is one.
    pub(super) fn register(&self, id: &str, events_url: Option<&str>) -> Registered {
        let url = format!("http://{id}.localhost");
        let return_to = format!("{url}/sso/callback");
        let mut arguments = vec!["app", "add", id, "--name", id, "--return-to", &return_to];
        arguments.extend(events_url.iter().flat_map(|url| ["--events-url", url]));
        arguments.push("--json");
        let added = self.home.json(&arguments);
        let text = |field: &str| added[field].as_str().unwrap_or_default().to_owned();
        let (id, passport) = (id.to_owned(), self.url.clone());
        let (secret, events_secret) = (text("secret"), text("events_secret"));
        Registered { id, url, return_to, secret, events_secret, passport }
    }

    /// An app's server, past the cable.
    pub(super) fn app(&self, app: &Registered) -> TestApp {
        let Registered { id, secret, return_to, .. } = app;
        TestApp::new(self.node().address, &self.url, id, secret, return_to)
    }
}

/// An app as it was registered.
#[derive(Clone)]
pub(super) struct Registered {
    pub id: String,
    pub url: String,
    pub return_to: String,
    pub secret: String,
    pub events_secret: String,
    pub passport: String,
}

impl Registered {
    /// A running copy, which has not caught up yet. `more` are further `SHOP_…` variables.
    pub(super) fn run(&self, more: &[(&str, &str)]) -> Shop {
        let mut command = Command::new(program("shop"));
        command.env_clear().envs([
            ("SHOP_PASSPORT", &self.passport),
            ("SHOP_ID", &self.id),
            ("SHOP_SECRET", &self.secret),
            ("SHOP_URL", &self.url),
        ]);
        if !self.events_secret.is_empty() {
            command.env("SHOP_EVENTS_SECRET", &self.events_secret);
        }
        command.envs(more.iter().copied());
        Shop { node: Node::start(command), app: self.clone() }
    }
}

/// A running copy of an app.
pub(super) struct Shop {
    pub node: Node,
    app: Registered,
}

/// What an app makes of a browser, and what its clock shows then, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Seen {
    pub verdict: Verdict,
    pub clock: i64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    In,
    Out,
    /// 503: nobody knows.
    Unknown,
}

impl Shop {
    /// A browser here.
    pub(super) fn browser(&self) -> Browser {
        Browser::new(self.node.address, &self.app.url)
    }

    /// Lets a browser that is signed in at Passport in here; answers the one for here.
    pub(super) async fn enter(&self, at_passport: &mut Browser) -> Browser {
        let path = |location: &str| {
            let url = url::Url::parse(location).unwrap();
            format!("{}?{}", url.path(), url.query().unwrap_or_default())
        };
        let mut here = self.browser();
        let sent = here.get("/sso/login?next=/").await;
        let back = at_passport.get(&path(sent.location())).await;
        let answer = here.get(&path(back.location())).await;
        assert_eq!(answer.status, 303, "{}", answer.body);
        until("it is in", async || self.look(&here).await.verdict == Verdict::In).await;
        here
    }

    /// The session at Passport behind what a browser has here, and the app session.
    pub(super) async fn names(&self, browser: &Browser) -> (String, String) {
        let mut here = self.browser();
        here.cookies = browser.cookies.clone();
        let answer = here.get("/").await;
        let names = answer.body.split_once(' ');
        let (session, own) = names.unwrap_or_else(|| panic!("{} {}", answer.status, answer.body));
        (session.to_owned(), own.to_owned())
    }

    /// Whom it takes a browser for.
    pub(super) async fn look(&self, browser: &Browser) -> Seen {
        let mut here = self.browser();
        here.cookies = browser.cookies.clone();
        let answer = here.get("/").await;
        let verdict = match (answer.status.as_u16(), answer.body.as_str()) {
            (200, "") => Verdict::Out,
            (200, _) => Verdict::In,
            (503, _) => Verdict::Unknown,
            _ => panic!("{}: {}", answer.status, answer.body),
        };
        // Passport is on the same machine: their clocks are one.
        Seen { verdict, clock: answer.header("x-clock").parse().unwrap() }
    }

    /// Waits until it takes a browser for `wanted`.
    pub(super) async fn until(&self, browser: &Browser, wanted: Verdict) -> Seen {
        let mut seen = self.look(browser).await;
        until(&format!("{wanted:?}"), async || {
            seen = self.look(browser).await;
            seen.verdict == wanted
        })
        .await;
        seen
    }
}
