//! An account that somebody else was in: what they have left there opens nothing once it is its
//! owner's again (SECURITY-CASES ).

use harness::{Answer, Browser, PASSWORD, on_both};
use sso_server::{
    domain::{
        device::{Device, DeviceClass},
        identity::Identity,
        session::LiveSession,
        token::Digest,
    },
    flows::{
        add_identity::{AddIdentityError, add_identity},
        issue_session::Origin,
        users,
    },
    store::sessions::{self, Found},
};

use crate::scene::{Scene, go_on, problem};

const NEW: &str = "a sentence only I would think of";
const PATH: &str = "/account/identities";

/// On the way to the provider, to add what it says to the account.
async fn leave_to_add(browser: &mut Browser, identifier: &str) -> Answer {
    let form = browser.get(PATH).await.form("/account/identities/add");
    let answer = browser.submit(&form.with("openid_identifier", identifier)).await;
    go_on(browser, answer).await
}

/// "This was not me."
async fn secure(owner: &mut Browser) -> Answer {
    let form = owner.get("/account/secure").await.form("/account/secure");
    let form = form.with("username", "member").with("password", PASSWORD);
    owner.submit(&form.with("new", NEW).with("repeat", NEW)).await
}

/// A new password by the operator's link.
async fn choose(scene: &Scene, owner: &mut Browser) -> Answer {
    let link = users::link(&scene.passport.app, "member").await.unwrap();
    let form = {
        owner.get(link.strip_prefix(&scene.passport.url).unwrap()).await;
        let page = owner.get("/setup").await;
        assert!(page.text().contains("OpenIDs are removed"), "{}", page.text());
        page.form("/setup")
    };
    owner.submit(&form.with("password", NEW).with("repeat", NEW)).await
}

#[actix_web::test]
async fn an_openid_that_an_intruder_has_added_opens_nothing() {
    on_both(async |database| {
        for by_link in [false, true] {
            let scene = Scene::on(database).await;
            let member = scene.add_user("member").await;
            let mut intruder = scene.passport.signed_in("member").await;
            let theirs = scene.provider.at("id/bob");
            let left = leave_to_add(&mut intruder, &theirs).await;
            let added = scene.come_back(&mut intruder, &left).await;
            assert_eq!(added.location(), "/account/identities?done=added");
            // It does, as long as nobody has noticed.
            let opened = scene.log_in(&mut scene.browser(), "", &theirs).await;
            assert_eq!(opened.location(), "/account");
            // One more is under way, and so is a login.
            let adding = leave_to_add(&mut intruder, &scene.provider.at("id/alice")).await;
            let mut entering = scene.browser();
            let left = scene.leave(&mut entering, "", &theirs).await;

            let mut owner = scene.browser();
            let done =
                if by_link { choose(&scene, &mut owner).await } else { secure(&mut owner).await };
            assert_eq!(done.status, 303, "{}", done.text());

            let answer = scene.come_back(&mut entering, &left).await;
            assert!(answer.location().starts_with("/register/openid"), "{}", answer.location());
            assert_eq!(problem(&scene.come_back(&mut intruder, &adding).await), "openid-void");
            let answer = scene.log_in(&mut scene.browser(), "", &theirs).await;
            assert!(answer.location().starts_with("/register/openid"), "{}", answer.location());
            assert_eq!(scene.passport.count("SELECT COUNT(*) FROM identities").await, 0);
            let removed = scene.passport.audited("identity.removed").await;
            assert_eq!(removed.user.as_deref(), Some(&*member));

            // The owner's own come back.
            let mut owner = scene.browser();
            assert_eq!(owner.try_password("member", NEW).await, 303);
            let left = leave_to_add(&mut owner, &scene.provider.at("id/alice")).await;
            let added = scene.come_back(&mut owner, &left).await;
            assert_eq!(added.location(), "/account/identities?done=added");
        }
    })
    .await;
}

// A request that had read its session when the account was secured, and comes to write after it.
#[actix_web::test]
async fn who_is_signed_out_meanwhile_adds_nothing() {
    on_both(async |database| {
        let scene = Scene::on(database).await;
        let app = &scene.passport.app;
        let member = scene.add_user("member").await.into();
        let theirs = |name: &str| Identity {
            backend: "openid".to_owned(),
            subject: format!("https://{name}.example/"),
            shown: format!("{name}.example"),
            provider: "example".to_owned(),
        };
        scene.passport.signed_in("member").await;
        let digest = Digest::stored(scene.passport.text("SELECT digest FROM sessions").await);
        let found = sessions::find_live(&app.db, &digest, app.clock.now()).await.unwrap();
        let Found::Live(current) = found else { panic!("no session") };
        // As a request is given it.
        let current = serde_json::to_value(&*current).unwrap();
        let current: LiveSession = serde_json::from_value(current).unwrap();
        let session = current.id.clone();
        let origin = Origin {
            device: Device { label: "Chromium on Linux".to_owned(), class: DeviceClass::Desktop },
            address: "192.0.2.1".to_owned(),
            network: "192.0.2.1".to_owned(),
            keep: true,
            current: Some(current),
            gives_up: Vec::new(),
            app: None,
        };
        add_identity(app, &theirs("one"), &member, &session, &origin).await.unwrap();
        assert_eq!(secure(&mut scene.browser()).await.status, 303);
        let added = add_identity(app, &theirs("two"), &member, &session, &origin).await;
        assert!(matches!(added, Err(AddIdentityError::AnotherSession)), "{added:?}");
        assert_eq!(scene.passport.count("SELECT COUNT(*) FROM identities").await, 0);
    })
    .await;
}
