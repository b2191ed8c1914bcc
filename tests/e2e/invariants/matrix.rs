//! Every way in, times everything that can happen to a person, an app or a key: before the first
//! step, at the same node; between the steps, at another node, while this one has all at hand.

use harness::{Answer, HOUR, PASSWORD, Passport, SECOND, on_both};
use sso_server::{
    config::Period,
    flows::{apps, signing_keys, users},
};

use crate::scene::{ALL, MOMENTS, Moment, Need, Outcome, Stock, Walk, Way, settings};

/// What happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Event {
    UserDisabled,
    UserDeleted,
    AccountLocked,
    AppDisabled,
    AppDeleted,
    SecretRotated,
    KeyRetired,
    SessionEnded,
    SessionExpired,
    AdminNoMore,
}

impl Event {
    /// What is gone afterwards.
    fn breaks(self) -> Need {
        match self {
            Self::UserDisabled | Self::UserDeleted => Need::Person,
            Self::AccountLocked => Need::Proof,
            Self::AppDisabled | Self::AppDeleted => Need::App,
            Self::SecretRotated => Need::Secret,
            Self::KeyRetired => Need::Key,
            Self::SessionEnded | Self::SessionExpired => Need::Session,
            Self::AdminNoMore => Need::Admin,
        }
    }

    /// The reason in the audit log when a password was given and refused.
    fn login_reason(self) -> &'static str {
        match self {
            Self::UserDisabled => "disabled",
            Self::UserDeleted => "unknown",
            Self::AccountLocked => "blocked",
            _ => panic!("{self:?} refuses no login"),
        }
    }

    /// Lets it happen, to those of `walks` whom it concerns.
    async fn happen(self, passport: &Passport, walks: &mut [Walk]) {
        let app = &passport.app;
        match self {
            Self::KeyRetired => {
                let old = signing_keys::list(app).await.unwrap().remove(0).kid;
                signing_keys::rotate(app, HOUR).await.unwrap();
                passport.advance(31 * SECOND);
                signing_keys::retire(app, &old).await.unwrap();
            }
            Self::SessionExpired => passport.advance(45 * SECOND),
            _ => {}
        }
        for Walk { way, name, app: at, browser, new_secret, .. } in walks {
            match self {
                Self::UserDisabled => drop(users::disable(app, name, false).await.unwrap()),
                Self::UserDeleted => drop(users::delete(app, name, false).await.unwrap()),
                Self::AppDisabled => drop(apps::disable(app, &at.id).await.unwrap()),
                Self::AppDeleted => drop(apps::delete(app, &at.id).await.unwrap()),
                Self::SecretRotated => {
                    let secret = apps::rotate_secret(app, &at.id, 0).await.unwrap();
                    *new_secret = Some(secret.expose().to_owned());
                }
                Self::AdminNoMore if *way != Way::Console => {}
                Self::AdminNoMore => users::set_admin(app, name, false, false).await.unwrap(),
                Self::SessionEnded => drop(users::logout(app, name).await.unwrap()),
                // In the same browser: strangers do not lock out a known device (L-11).
                Self::AccountLocked => {
                    for _ in 0..5 {
                        let query = at.login_query(&[("prompt", "login")]);
                        let mut browser = browser.clone();
                        let form = browser.login_form(&query, name, "a wrong guess").await;
                        assert_eq!(browser.submit(&form).await.status, 401);
                    }
                }
                Self::KeyRetired | Self::SessionExpired => {}
            }
        }
    }
}

async fn holds_on_every_way(event: Event) {
    on_both(async |database| {
        for moment in MOMENTS {
            let passport = Passport::with(database, |config| {
                settings(config);
                // Shorter than a ticket lives, so that only the session is over.
                config.session.lifetime = Period::seconds(40);
                config.session.idle = Period::seconds(40);
            })
            .await;
            let mut walks = Vec::new();
            for (number, way) in ALL.into_iter().enumerate() {
                let app = passport.add_app(&format!("app{number}")).await;
                walks.push(Walk::prepare(&passport, way, &format!("person{number}"), &app).await);
            }
            if moment == Moment::BeforeTheFirstStep {
                event.happen(&passport, &mut walks).await;
            }
            for walk in &mut walks {
                walk.first_step().await;
            }
            if moment == Moment::BetweenTheSteps {
                for walk in walks.iter_mut().filter(|walk| walk.has_session()) {
                    assert!(walk.browser.is_signed_in().await, "the row is at hand");
                }
                event.happen(&passport.second_node().await, &mut walks).await;
            }
            for mut walk in walks {
                let before = Stock::of(&passport).await;
                let answer = walk.last_step().await;
                let case = format!("{:?} {event:?} {moment:?}", walk.way);
                if walk.way.needs(moment).contains(&event.breaks()) {
                    assert_eq!(walk.outcome(&answer), Outcome::Refused, "{case}");
                    let after = Stock::of(&passport).await;
                    assert_eq!(after.sessions, before.sessions, "{case}");
                    assert_eq!(after.app_sessions, before.app_sessions, "{case}");
                    // Meeting a session whose time is up may write down that it is over.
                    assert!(after.live_sessions <= before.live_sessions, "{case}");
                    assert!(after.live_app_sessions <= before.live_app_sessions, "{case}");
                    assert_tells_no_secret(&walk, &answer, &case);
                    assert_audited(&passport, &walk, &answer, event, &case).await;
                } else {
                    assert_eq!(walk.outcome(&answer), Outcome::Entered, "{case}");
                    walk.prove(&passport, &answer).await;
                }
            }
            if moment == Moment::BetweenTheSteps {
                everybody_else_still_enters(&passport).await;
            }
        }
    })
    .await;
}

/// The control: people, apps and tickets to whom nothing happened get in by every way.
async fn everybody_else_still_enters(passport: &Passport) {
    let app = passport.add_app("unharmed").await;
    for (number, way) in ALL.into_iter().enumerate() {
        let mut walk = Walk::prepare(passport, way, &format!("other{number}"), &app).await;
        let answer = walk.go().await;
        assert_eq!(walk.outcome(&answer), Outcome::Entered, "{way:?}, unharmed");
        walk.prove(passport, &answer).await;
    }
}

fn assert_tells_no_secret(walk: &Walk, answer: &Answer, case: &str) {
    assert_eq!(answer.sent("ticket"), None, "{case}");
    for secret in [PASSWORD, &walk.app.secret, "app_session_"] {
        assert!(!answer.body.contains(secret), "{case}: {}", answer.body);
    }
}

/// Refused passwords and refused tickets leave a line that says why, of whom and from where.
async fn assert_audited(
    passport: &Passport,
    walk: &Walk,
    answer: &Answer,
    event: Event,
    case: &str,
) {
    let lines = passport.audit().await;
    let user = match event {
        Event::UserDeleted => None,
        _ => Some(users::named(&passport.app, &walk.name).await.unwrap().id.to_string()),
    };
    let by_app = matches!(walk.way, Way::LoginByApp | Way::TakenSession) && answer.status == 400;
    if by_app || answer.status == 401 && !walk.way.is_api() && walk.way != Way::TakenSession {
        let why = format!("\"why\":\"{}\"", event.login_reason());
        let found = lines.iter().any(|line| {
            line.kind == "login.refused"
                && line.user == user
                && line.address.is_some()
                && line.detail.contains(&why)
        });
        assert!(found, "{case}: {lines:#?}");
    }
    let problem = answer.header("content-type") == "application/problem+json";
    let redeems = matches!(walk.way, Way::Redemption | Way::RepeatedRedemption);
    if redeems && problem && answer.status != 401 {
        let found = lines.iter().any(|line| {
            line.kind == "ticket.refused"
                && line.app.as_deref() == Some(&*walk.app.id)
                && line.address.is_some()
        });
        assert!(found, "{case}: {lines:#?}");
    }
}

// SECURITY-CASES INV-01, INV-02
#[actix_web::test]
async fn a_disabled_account_enters_by_no_way() {
    holds_on_every_way(Event::UserDisabled).await;
}

// SECURITY-CASES INV-01, INV-02
#[actix_web::test]
async fn a_deleted_account_enters_by_no_way() {
    holds_on_every_way(Event::UserDeleted).await;
}

// SECURITY-CASES INV-01: nothing is written into the account of somebody who is gone.
#[actix_web::test]
async fn a_deleted_account_gets_no_password_by_its_link() {
    on_both(async |database| {
        let passport = Passport::on(database).await;
        let app = passport.add_app("aw").await;
        let mut walks = Vec::new();
        for name in ["goes", "stays"] {
            let mut walk = Walk::prepare(&passport, Way::SetUpLink, name, &app).await;
            walk.first_step().await;
            walks.push(walk);
        }
        users::delete(&passport.app, "goes", false).await.unwrap();
        let with_password = "SELECT COUNT(*) FROM users WHERE password_hash IS NOT NULL";
        assert_eq!(walks[0].last_step().await.status, 410, "the link is void");
        assert_eq!(passport.count(with_password).await, 0);
        assert_eq!(walks[1].last_step().await.status, 303);
        assert_eq!(passport.count(with_password).await, 1);
    })
    .await;
}

// SECURITY-CASES INV-03
#[actix_web::test]
async fn a_locked_account_enters_by_no_password() {
    holds_on_every_way(Event::AccountLocked).await;
}

// SECURITY-CASES INV-05
#[actix_web::test]
async fn a_disabled_app_lets_nobody_in() {
    holds_on_every_way(Event::AppDisabled).await;
}

// SECURITY-CASES INV-05
#[actix_web::test]
async fn a_deleted_app_lets_nobody_in() {
    holds_on_every_way(Event::AppDeleted).await;
}

// SECURITY-CASES INV-05
#[actix_web::test]
async fn an_old_secret_opens_nothing() {
    holds_on_every_way(Event::SecretRotated).await;
}

// SECURITY-CASES INV-05: "what it signed is refused from this moment on".
#[actix_web::test]
async fn what_a_retired_key_signed_opens_nothing() {
    holds_on_every_way(Event::KeyRetired).await;
}

// SECURITY-CASES INV-07
#[actix_web::test]
async fn an_ended_session_leads_nowhere() {
    holds_on_every_way(Event::SessionEnded).await;
}

// SECURITY-CASES INV-07
#[actix_web::test]
async fn a_session_whose_time_is_up_leads_nowhere() {
    holds_on_every_way(Event::SessionExpired).await;
}

// SECURITY-CASES INV-06 of the one right that there is yet, and D-02.
#[actix_web::test]
async fn an_administrator_no_more_administers_no_more() {
    holds_on_every_way(Event::AdminNoMore).await;
}
