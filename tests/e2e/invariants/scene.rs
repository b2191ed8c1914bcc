//! The table of ways in, and how each is walked: what somebody has from before, a first step, and
//! the last one, which lets them in or not.

use client_sdk::wire::Redeemed;
use harness::{Answer, Browser, Form, PASSWORD, Passport, Provider, TestApp};
use serde_json::json;
use sso_server::{
    config::Config,
    domain::{app::Silent, identity::Identity, session_caps::OnExcess},
    flows::{
        apps::{self, ChangeApp},
        users::{self, AddUser},
    },
    store::identities,
};

/// A way to a session, a ticket or an app session, or to the use of one. A new way in is a new line
/// in [`ALL`], and the compiler asks for the rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    PasswordLogin,
    PasswordLoginIntoApp,
    SilentRedirect,
    /// `prompt=none`
    SilentCheck,
    /// A page of the app asks, by `fetch`
    PageCheck,
    /// The same through Passport's frame in the page
    FrameCheck,
    /// The same by a script with a callback
    ScriptCheck,
    /// The browser asks who is signed in (FedCM) …
    BrowserAccounts,
    /// … and for a ticket for a page
    BrowserAssertion,
    /// `prompt=login` with a live session
    LoginAgain,
    Redemption,
    /// Under the same `Idempotency-Key`
    RepeatedRedemption,
    /// A link to choose a password, and the first login with it
    SetUpLink,
    /// The password was right, and of too many sessions one is chosen that makes room
    ChooseSession,
    /// An OpenID of the account's was proven at its provider
    OpenIdLogin,
    /// "This was not me"
    SecureAccount,
    /// "Continue as NAME?" at an app that asks first
    AgreedEntry,
    /// An app's server passes on name and password
    LoginByApp,
    /// And a browser takes the session that this began
    TakenSession,
    AccountPage,
    /// The pages of an administrator
    Console,
    EndOtherSessions,
    AppSessionStatus,
}

pub const ALL: [Way; 23] = [
    Way::PasswordLogin,
    Way::PasswordLoginIntoApp,
    Way::SilentRedirect,
    Way::SilentCheck,
    Way::PageCheck,
    Way::FrameCheck,
    Way::ScriptCheck,
    Way::BrowserAccounts,
    Way::BrowserAssertion,
    Way::LoginAgain,
    Way::Redemption,
    Way::RepeatedRedemption,
    Way::SetUpLink,
    Way::ChooseSession,
    Way::OpenIdLogin,
    Way::SecureAccount,
    Way::LoginByApp,
    Way::TakenSession,
    Way::AccountPage,
    Way::Console,
    Way::EndOtherSessions,
    Way::AppSessionStatus,
    Way::AgreedEntry,
];

/// Most sessions of a person; [`Way::ChooseSession`] wants one more.
const SESSIONS_MOST: usize = 2;

/// What a Passport has to be like for all of them.
pub fn settings(config: &mut Config) {
    config.session.max_per_user = SESSIONS_MOST;
    config.session.on_excess = OnExcess::Ask;
    // Version 1: the answers of the provider, whose clock is the real one, bear no time.
    config.outgoing.allow_loopback = true;
    config.openid.plain_http = vec!["*".to_owned()];
    config.openid.version_1 = true;
    config.throttle.openid_attempts = 100_000;
}

/// The password that [`Way::SecureAccount`] chooses.
const NEW_PASSWORD: &str = "a sentence only they would think of";

/// What a way rests on. If one of its needs is gone, it must lead nowhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// The account is there and enabled.
    Person,
    /// A password may be tried.
    Proof,
    /// The session from before lives.
    Session,
    /// The account administers.
    Admin,
    /// The app is registered and enabled.
    App,
    /// The app's secret is the one it has.
    Secret,
    /// The key that signed the ticket in hand verifies.
    Key,
}

/// When something happens to somebody on their way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    BeforeTheFirstStep,
    BetweenTheSteps,
}

pub const MOMENTS: [Moment; 2] = [Moment::BeforeTheFirstStep, Moment::BetweenTheSteps];

/// How a way ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    Entered,
    Refused,
    /// 503: nobody knows.
    Unavailable,
}

impl Way {
    /// What its last step rests on if that goes at `moment`.
    pub fn needs(self, moment: Moment) -> &'static [Need] {
        use Need::*;
        match (self, moment) {
            (Self::PasswordLogin | Self::SetUpLink, _) => &[Person, Proof],
            // Guesses at the password lock nobody out who does not need it.
            (Self::OpenIdLogin, _) => &[Person],
            (Self::PasswordLoginIntoApp, _) => &[Person, Proof, App],
            (
                Self::SilentRedirect
                | Self::SilentCheck
                | Self::PageCheck
                | Self::FrameCheck
                | Self::ScriptCheck
                | Self::AgreedEntry,
                _,
            ) => &[Person, Session, App],
            (Self::BrowserAssertion, _) => &[Person, Session, App],
            // The form is bound to the session; without one at first, it is a plain login.
            (Self::LoginAgain, Moment::BeforeTheFirstStep) => &[Person, Proof, App],
            (Self::LoginAgain, Moment::BetweenTheSteps) => &[Person, Proof, App, Session],
            // INV-03: also what was proven before the account was blocked.
            (Self::ChooseSession, _) => &[Person, Proof],
            (Self::LoginByApp, _) | (Self::TakenSession, Moment::BeforeTheFirstStep) => {
                &[Person, Proof, App, Secret]
            }
            (Self::TakenSession, Moment::BetweenTheSteps) => &[Person, Session, App],
            (Self::SecureAccount, Moment::BeforeTheFirstStep) => &[Person, Proof],
            (Self::SecureAccount, Moment::BetweenTheSteps) => &[Person, Proof, Session],
            (Self::Redemption, Moment::BeforeTheFirstStep) => &[Person, Session, App, Secret],
            (Self::Redemption, Moment::BetweenTheSteps) => &[Person, Session, App, Secret, Key],
            (Self::RepeatedRedemption, _) => &[Person, Session, App, Secret, Key],
            (Self::AccountPage | Self::EndOtherSessions | Self::BrowserAccounts, _) => {
                &[Person, Session]
            }
            (Self::Console, _) => &[Person, Session, Admin],
            (Self::AppSessionStatus, _) => &[Person, Session, App, Secret],
        }
    }

    /// Whether it begins with a session from before.
    fn has_session(self) -> bool {
        !matches!(
            self,
            Self::PasswordLogin
                | Self::PasswordLoginIntoApp
                | Self::SetUpLink
                | Self::ChooseSession
                | Self::LoginByApp
                | Self::TakenSession
                | Self::OpenIdLogin
        )
    }

    /// Whether the last step is answered to a program, not with a page.
    pub fn is_api(self) -> bool {
        matches!(
            self,
            Self::Redemption
                | Self::RepeatedRedemption
                | Self::AppSessionStatus
                | Self::PageCheck
                | Self::FrameCheck
                | Self::ScriptCheck
                | Self::BrowserAccounts
                | Self::BrowserAssertion
                | Self::LoginByApp
        )
    }

    /// Reads the answer of the last step. What is neither yes, no nor "unknown" is a failure.
    fn outcome(self, answer: &Answer) -> Outcome {
        let status = answer.status.as_u16();
        let to = answer.location();
        let code = || answer.json()["code"].as_str().unwrap_or_default().to_owned();
        let outcome = match (self, status) {
            (_, 503) => Some(Outcome::Unavailable),
            (
                Self::PasswordLogin
                | Self::SetUpLink
                | Self::ChooseSession
                | Self::TakenSession
                | Self::OpenIdLogin,
                303,
            ) if to == "/account" => Some(Outcome::Entered),
            // The account is shut; or gone, and its OpenID is nobody's.
            (Self::OpenIdLogin, 303)
                if to.ends_with("&problem=openid-account")
                    || to.starts_with("/register/openid?t=") =>
            {
                Some(Outcome::Refused)
            }
            (Self::SecureAccount, 303) if leads_to(to, "/account?done=secured") => {
                Some(Outcome::Entered)
            }
            (Self::SetUpLink, 410) => Some(Outcome::Refused),
            (
                Self::PasswordLoginIntoApp
                | Self::SilentRedirect
                | Self::SilentCheck
                | Self::AgreedEntry
                | Self::LoginAgain,
                303,
            ) if answer.sent("ticket").is_some() => Some(Outcome::Entered),
            (Self::SilentCheck, 303)
                if answer.sent("error").as_deref() == Some("login_required") =>
            {
                Some(Outcome::Refused)
            }
            (Self::PageCheck | Self::FrameCheck | Self::ScriptCheck, 200) => {
                Some(match harness::app::checked(answer)["status"].as_str() {
                    Some("signed_in") => Outcome::Entered,
                    Some("signed_out") => Outcome::Refused,
                    other => panic!("{other:?}"),
                })
            }
            // The app is gone: its pages are nobody's.
            (Self::PageCheck | Self::FrameCheck | Self::ScriptCheck, 403) => Some(Outcome::Refused),
            (Self::BrowserAccounts | Self::BrowserAssertion, 200) => Some(Outcome::Entered),
            (Self::BrowserAccounts, 401) | (Self::BrowserAssertion, 403) => Some(Outcome::Refused),
            // The form, with or without a word about what was typed; or: no such app.
            (Self::SilentRedirect, 200) => Some(Outcome::Refused),
            (
                Self::PasswordLogin
                | Self::PasswordLoginIntoApp
                | Self::LoginAgain
                | Self::SetUpLink
                | Self::ChooseSession
                | Self::SecureAccount,
                401 | 403,
            ) => Some(Outcome::Refused),
            (
                Self::PasswordLoginIntoApp
                | Self::SilentRedirect
                | Self::SilentCheck
                | Self::AgreedEntry
                | Self::LoginAgain,
                400,
            ) => Some(Outcome::Refused),
            (Self::Redemption | Self::RepeatedRedemption | Self::LoginByApp, 200) => {
                Some(Outcome::Entered)
            }
            (Self::AppSessionStatus, 200) => Some(match answer.json()["state"].as_str() {
                Some("active") => Outcome::Entered,
                Some("ended") => Outcome::Refused,
                other => panic!("{other:?}"),
            }),
            (_, 400) if self.is_api() && code() == "invalid_ticket" => Some(Outcome::Refused),
            (Self::LoginByApp, 400) if code() == "invalid_credentials" => Some(Outcome::Refused),
            // The link is void: a plain login.
            (Self::TakenSession, 303) if to == "/login" => Some(Outcome::Refused),
            (Self::AgreedEntry, 303) if to.starts_with("/login?") => Some(Outcome::Refused),
            (_, 401) if self.is_api() && code() == "invalid_client" => Some(Outcome::Refused),
            (_, 403) if self.is_api() && code() == "account_disabled" => Some(Outcome::Refused),
            (Self::AccountPage | Self::Console, 200) => Some(Outcome::Entered),
            // The password is asked for; or: there is nothing here.
            (Self::Console, 303) if to.starts_with("/login?back=") => Some(Outcome::Refused),
            (Self::Console, 404) => Some(Outcome::Refused),
            (Self::EndOtherSessions, 303) if leads_to(to, "/account?done=others") => {
                Some(Outcome::Entered)
            }
            (Self::AccountPage | Self::EndOtherSessions, 303) if to == "/login" => {
                Some(Outcome::Refused)
            }
            _ => None,
        };
        outcome.unwrap_or_else(|| panic!("{self:?}: {status} to {to:?}: {}", answer.body))
    }
}

/// Whether it is that page, on which the logout may be followed.
fn leads_to(to: &str, page: &str) -> bool {
    let rest = to.strip_prefix(page);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with("&logout="))
}

/// Somebody on a way.
pub struct Walk {
    pub way: Way,
    pub name: String,
    pub app: TestApp,
    pub browser: Browser,
    /// The app's secret if it got another one on the way.
    pub new_secret: Option<String>,
    hand: Hand,
}

/// What they hold.
#[derive(Debug)]
enum Hand {
    Nothing,
    Link(String),
    Form(Form),
    Ticket(String),
    AppSession(String),
    /// On the way to the provider.
    Away(String),
    Account(String),
    /// There was nothing in the way: the first step was the last.
    In(Answer),
    /// The first step was refused with this.
    Refused(Answer),
}

/// The key of every repeated redemption.
const KEY: (&str, &str) = ("idempotency-key", "again-1");

impl Walk {
    /// Makes a person and gives them what they have from before: a session, a link, …
    pub async fn prepare(passport: &Passport, way: Way, name: &str, app: &TestApp) -> Self {
        let mut browser = passport.browser();
        let mut hand = Hand::Nothing;
        let new = |password| AddUser { username: name, email: None, admin: false, password };
        match way {
            Way::SetUpLink => {
                let link = users::add(&passport.app, new(None)).await.unwrap().setup_url.unwrap();
                hand = Hand::Link(link.strip_prefix(&passport.url).unwrap().to_owned());
            }
            Way::Console => {
                let admin = AddUser { admin: true, ..new(Some(PASSWORD)) };
                users::add(&passport.app, admin).await.unwrap();
                // One who stays: the last one cannot be disabled. Perhaps there is one already.
                let stays = AddUser { username: "stays-admin", ..admin };
                let _ = users::add(&passport.app, stays).await;
            }
            Way::OpenIdLogin => {
                let user = passport.add_user(name).await;
                bind(passport, &openid_of(name), &user).await;
            }
            _ => drop(passport.add_user(name).await),
        }
        if way.has_session() {
            browser.sign_in(name).await;
        }
        match way {
            Way::RepeatedRedemption => {
                let ticket = app.send(&mut browser).await.ticket();
                assert_eq!(redeem_under_key(app, &ticket).await.status, 200);
                hand = Hand::Ticket(ticket);
            }
            Way::AppSessionStatus => {
                hand = Hand::AppSession(app.enter(&mut browser).await.app_session);
            }
            Way::ScriptCheck => {
                let change = ChangeApp { jsonp: Some(true), ..ChangeApp::default() };
                apps::update(&passport.app, &app.id, change).await.unwrap();
            }
            Way::BrowserAssertion => {
                hand = Hand::Account(users::named(&passport.app, name).await.unwrap().id.into());
            }
            Way::LoginByApp | Way::TakenSession => {
                let change = ChangeApp { may_login: Some(true), ..ChangeApp::default() };
                apps::update(&passport.app, &app.id, change).await.unwrap();
            }
            Way::EndOtherSessions | Way::SecureAccount => {
                passport.signed_in(name).await;
            }
            Way::ChooseSession => {
                for _ in 0..SESSIONS_MOST {
                    passport.signed_in(name).await;
                }
            }
            _ => {}
        }
        let app = match way {
            // One of its own: others are not to be asked.
            Way::AgreedEntry => {
                let id = format!("asks-{name}");
                passport.add_app_with(&id, |new| new.silent = Silent::AskFirst).await
            }
            _ => app.clone(),
        };
        let name = name.to_owned();
        Self { way, name, app, browser, new_secret: None, hand }
    }

    /// Whether the browser is signed in from before.
    pub fn has_session(&self) -> bool {
        self.way.has_session()
    }

    /// Goes on at another node of the same Passport.
    pub fn at(mut self, node: &Passport) -> Self {
        self.app = self.app.at(node);
        self.browser = self.browser.at(node);
        self
    }

    /// The step before the last: opens the form, gets the ticket.
    pub async fn first_step(&mut self) {
        let again = [("prompt", "login")];
        let path = match self.way {
            Way::PasswordLogin => "/login".to_owned(),
            Way::PasswordLoginIntoApp | Way::Redemption | Way::AgreedEntry => {
                format!("/login{}", self.app.login_query(&[]))
            }
            Way::LoginAgain => format!("/login{}", self.app.login_query(&again)),
            Way::EndOtherSessions => "/account".to_owned(),
            Way::SecureAccount => "/account/secure".to_owned(),
            Way::ChooseSession => return self.ask_for_room().await,
            Way::TakenSession => return self.ask_for_the_session().await,
            Way::OpenIdLogin => return self.leave_for_the_provider().await,
            Way::SetUpLink => {
                let Hand::Link(link) = &self.hand else { panic!("{:?}", self.hand) };
                assert_eq!(self.browser.get(&link.clone()).await.location(), "/setup");
                "/setup".to_owned()
            }
            _ => return,
        };
        let page = self.browser.get(&path).await;
        let form = match self.way {
            Way::Redemption => None,
            Way::SetUpLink => page.forms("/setup").pop(),
            Way::AgreedEntry => page.forms("/login/continue").pop(),
            Way::SecureAccount => page.forms("/account/secure").pop(),
            Way::EndOtherSessions => page
                .forms("/account/sessions/end")
                .into_iter()
                .find(|form| form.field("session").is_empty()),
            _ => page.forms("/login").pop(),
        };
        self.hand = match (form, page.sent("ticket")) {
            (Some(form), _) => Hand::Form(form),
            (None, Some(ticket)) => Hand::Ticket(ticket),
            (None, None) => Hand::Refused(page),
        };
    }

    /// The app passes the password on, and its page sends the browser to us.
    async fn ask_for_the_session(&mut self) {
        let answer = self.app.log_in(&self.name, PASSWORD).await;
        if answer.status != 200 {
            self.hand = Hand::Refused(answer);
            return;
        }
        let page = self.browser.get(&TestApp::establish_path(&answer)).await;
        self.hand = Hand::Form(page.form("/establish"));
    }

    /// Logs in where there are too many sessions already.
    async fn ask_for_room(&mut self) {
        let form = self.browser.login_form("", &self.name, PASSWORD).await;
        let answer = self.browser.submit(&form).await;
        self.hand = match answer.forms("/login/choose").pop() {
            // The first in the list.
            Some(form) => {
                let ends = answer.buttons("end").into_iter().next().unwrap();
                Hand::Form(form.with("end", &ends))
            }
            None if answer.status == 303 => Hand::In(answer),
            None => Hand::Refused(answer),
        };
    }

    async fn leave_for_the_provider(&mut self) {
        let page = self.browser.get("/login").await;
        let form = page.form("/login/openid").with("openid_identifier", &openid_of(&self.name));
        let asking = self.browser.submit(&form).await;
        let next = harness::provider::next_step(&asking).unwrap();
        let answer = self.browser.get(&next).await;
        self.hand = match answer.status.as_u16() {
            303 => Hand::Away(answer.location().to_owned()),
            _ => Hand::Refused(answer),
        };
    }

    /// The step that lets in or not. Whoever was refused at the first step gets that answer.
    pub async fn last_step(&mut self) -> Answer {
        let none = [("prompt", "none")];
        match (self.way, &self.hand) {
            (_, Hand::Refused(answer) | Hand::In(answer)) => answer.clone(),
            (Way::SilentRedirect, _) => self.app.send(&mut self.browser).await,
            (Way::SilentCheck, _) => self.app.send_with(&mut self.browser, &none).await,
            (Way::PageCheck, _) => self.app.check(&self.browser).await,
            (Way::FrameCheck, _) => self.app.check_by_frame(&self.browser).await,
            (Way::ScriptCheck, _) => self.app.check_by_script(&self.browser, "cb").await,
            (Way::BrowserAccounts, _) => harness::fedcm::accounts(&self.browser).await,
            (Way::BrowserAssertion, Hand::Account(id)) => {
                self.app.assertion(&self.browser, id).await
            }
            (Way::AccountPage, _) => self.browser.get("/account").await,
            (Way::Console, _) => self.browser.get("/admin/people").await,
            (Way::Redemption, Hand::Ticket(ticket)) => self.app.redeem(ticket).await,
            (Way::RepeatedRedemption, Hand::Ticket(ticket)) => {
                redeem_under_key(&self.app, ticket).await
            }
            (Way::AppSessionStatus, Hand::AppSession(id)) => self.app.status(id).await,
            (Way::LoginByApp, _) => self.app.log_in(&self.name, PASSWORD).await,
            (
                Way::EndOtherSessions | Way::ChooseSession | Way::TakenSession | Way::AgreedEntry,
                Hand::Form(form),
            ) => self.browser.submit(form).await,
            (Way::SecureAccount, Hand::Form(form)) => {
                let form = form.clone().with("username", &self.name).with("password", PASSWORD);
                let form = form.with("new", NEW_PASSWORD).with("repeat", NEW_PASSWORD);
                self.browser.submit(&form).await
            }
            (Way::SetUpLink, Hand::Form(form)) => {
                let form = form.clone().with("password", PASSWORD).with("repeat", PASSWORD);
                let answer = self.browser.submit(&form).await;
                if answer.status != 303 {
                    return answer;
                }
                let page = self.browser.get("/login").await;
                if page.status == 503 {
                    return page;
                }
                let form = page.form("/login").with("username", &self.name);
                self.browser.submit(&form.with("password", PASSWORD)).await
            }
            (_, Hand::Form(form)) => {
                let form = form.clone().with("username", &self.name).with("password", PASSWORD);
                self.browser.submit(&form.with("keep", "on")).await
            }
            (Way::OpenIdLogin, Hand::Away(url)) => {
                let back = Provider::shared().sends_back(url).await.url;
                let (_, path) = back.split_once("://").unwrap();
                let path = path[path.find('/').unwrap()..].to_owned();
                self.browser.get(&path).await
            }
            (way, hand) => panic!("{way:?} with {hand:?}"),
        }
    }

    /// How it ended, by the answer of the last step.
    pub fn outcome(&self, answer: &Answer) -> Outcome {
        match &self.hand {
            Hand::Refused(_) if answer.status == 503 => Outcome::Unavailable,
            Hand::Refused(_) => Outcome::Refused,
            _ => self.way.outcome(answer),
        }
    }

    /// Whether the link was used and only the login behind it was still to come.
    pub fn set_up_is_done(&self) -> bool {
        self.way == Way::SetUpLink && !self.browser.cookies.contains_key("__Host-passport-setup")
    }

    /// Both steps.
    pub async fn go(&mut self) -> Answer {
        self.first_step().await;
        self.last_step().await
    }

    /// Shows that what `answer` gave is worth something: the session is known, the ticket opens, the
    /// app session is active, the others are out. This is what makes a 2xx or 303 true.
    pub async fn prove(&self, passport: &Passport, answer: &Answer) {
        let mut app = self.app.at(passport);
        if let Some(secret) = &self.new_secret {
            app.secret.clone_from(secret);
        }
        match self.way {
            Way::PasswordLogin
            | Way::SetUpLink
            | Way::AccountPage
            | Way::TakenSession
            | Way::OpenIdLogin => {
                assert!(self.browser.clone().at(passport).is_signed_in().await, "{:?}", self.way);
            }
            Way::PasswordLoginIntoApp
            | Way::SilentRedirect
            | Way::SilentCheck
            | Way::AgreedEntry
            | Way::LoginAgain => {
                let redeemed = app.redeem(&answer.ticket()).await;
                assert_eq!(redeemed.status, 200, "{:?}: {}", self.way, redeemed.body);
                assert_eq!(redeemed.json()["user"]["username"], self.name.as_str());
            }
            Way::PageCheck | Way::FrameCheck | Way::ScriptCheck => {
                let ticket = harness::app::checked(answer)["ticket"].as_str().unwrap().to_owned();
                let redeemed = app.redeem_in_page(&ticket).await;
                assert_eq!(redeemed.status, 200, "{:?}: {}", self.way, redeemed.body);
                assert_eq!(redeemed.json()["user"]["username"], self.name.as_str());
            }
            Way::BrowserAccounts => {
                let user = users::named(&passport.app, &self.name).await.unwrap().id;
                assert_eq!(answer.json()["accounts"][0]["id"], user.as_str());
            }
            Way::BrowserAssertion => {
                let answer = answer.json();
                let redeemed = app.redeem_in_page(answer["token"].as_str().unwrap()).await;
                assert_eq!(redeemed.status, 200, "{:?}: {}", self.way, redeemed.body);
                assert_eq!(redeemed.json()["user"]["username"], self.name.as_str());
            }
            Way::LoginByApp => {
                let ticket = answer.json()["ticket"].as_str().unwrap().to_owned();
                let redeemed = app.redeem_in_page(&ticket).await;
                assert_eq!(redeemed.status, 200, "{:?}: {}", self.way, redeemed.body);
                assert_eq!(redeemed.json()["user"]["username"], self.name.as_str());
            }
            Way::Redemption | Way::RepeatedRedemption => {
                let redeemed: Redeemed = serde_json::from_str(&answer.body).unwrap();
                assert_eq!(redeemed.user.username, self.name);
                let status = app.status(&redeemed.app_session).await;
                assert_eq!(status.json()["state"], "active", "{:?}", self.way);
            }
            Way::AppSessionStatus | Way::Console => {}
            Way::ChooseSession => {
                assert!(self.browser.clone().at(passport).is_signed_in().await, "{:?}", self.way);
                let live = live_sessions_of(passport, &self.name).await;
                assert!(live <= SESSIONS_MOST, "{live}");
            }
            Way::SecureAccount => {
                assert!(self.browser.clone().at(passport).is_signed_in().await, "{:?}", self.way);
                assert_eq!(live_sessions_of(passport, &self.name).await, 1, "only this one");
            }
            Way::EndOtherSessions => {
                assert_eq!(live_sessions_of(passport, &self.name).await, 1, "only this one");
            }
        }
    }
}

/// Each person's OpenID.
fn openid_of(name: &str) -> String {
    Provider::shared().at(&format!("html1/{name}"))
}

/// As it is after the person has added it to their account.
async fn bind(passport: &Passport, openid: &str, user: &str) {
    let identity = Identity {
        backend: "openid".to_owned(),
        subject: openid.to_owned(),
        shown: openid.to_owned(),
        provider: "127.0.0.1".to_owned(),
    };
    let (user, now) = (user.into(), passport.app.clock.now());
    let mut tx = passport.app.db.write().await.unwrap();
    assert!(identities::insert(&mut tx, &identity, &user, now).await.unwrap());
    tx.commit().await.unwrap();
}

async fn redeem_under_key(app: &TestApp, ticket: &str) -> Answer {
    app.redeem_body(json!({ "ticket": ticket, "return_to": app.return_to }), &[KEY]).await
}

/// How many sessions of a person live.
pub async fn live_sessions_of(passport: &Passport, name: &str) -> usize {
    let user = users::named(&passport.app, name).await.unwrap().id;
    let mut connection = passport.app.db.read().await.unwrap();
    let now = passport.app.clock.now();
    let live = sso_server::store::sessions::live_of_user(&mut connection, &user, now, 100).await;
    live.unwrap().len()
}

/// What there is of everything that lets people in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stock {
    pub sessions: i64,
    pub live_sessions: i64,
    pub app_sessions: i64,
    pub live_app_sessions: i64,
}

impl Stock {
    pub async fn of(passport: &Passport) -> Self {
        let live = "SELECT COUNT(*) FROM sessions WHERE ended_at IS NULL";
        let live_app = "SELECT COUNT(*) FROM app_sessions WHERE ended_at IS NULL";
        Self {
            sessions: passport.count("SELECT COUNT(*) FROM sessions").await,
            live_sessions: passport.count(live).await,
            app_sessions: passport.count("SELECT COUNT(*) FROM app_sessions").await,
            live_app_sessions: passport.count(live_app).await,
        }
    }
}
