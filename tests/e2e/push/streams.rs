//! Opening and closing streams, their secrets.

use harness::{MINUTE, NOON, Passport, Play, Receiver, SECOND, on_both, process::Home};
use sso_server::{
    domain::confirmation::Standing,
    flows::{
        apps::{self, ChangeApp},
        push_streams::rotate_secret,
        replace_master_key::{replace_master_key, verify_all},
    },
    tokens::master_key::MasterKey,
};

use super::scene::{CLAIMED, enter, failed, force_out, of_app, passport};

async fn events_url(passport: &Passport, url: Option<&str>) -> Option<String> {
    let change = ChangeApp { events_url: Some(url), ..ChangeApp::default() };
    let updated = apps::update(&passport.app, "aw", change).await.unwrap();
    updated.events_secret.map(|secret| secret.to_string())
}

// SECURITY-CASES B-15.
#[actix_web::test]
async fn what_waits_goes_to_the_new_url_and_never_to_the_old_one() {
    on_both(async |database| {
        let passport = passport(database).await;
        let (old, new) = (Receiver::start().await, Receiver::start().await);
        old.otherwise(Play::Status(500));
        let (aw, secret) = passport.add_pushed("aw", &old.url()).await;
        let entered = enter(&passport, &aw, "member").await;
        force_out(&passport, &entered).await;
        failed(&passport, 1).await;
        assert_eq!(events_url(&passport, Some(&new.url())).await, None, "the secret stays");
        let got = new.wait_for(1).await;
        got[0].open(&secret, NOON / SECOND).unwrap();
        passport.until(CLAIMED, 0).await;
        passport.advance(15 * MINUTE);
        assert_eq!((old.got().len(), new.got().len()), (1, 1));
        assert_eq!(passport.count("SELECT attempt FROM push_streams").await, 0);
    })
    .await;
}

// Without its URL the app has confirmed nothing: it waits on, and nobody says otherwise.
#[actix_web::test]
async fn a_url_that_is_taken_away_has_confirmed_nothing() {
    on_both(async |database| {
        let passport = passport(database).await;
        let receiver = Receiver::start().await;
        receiver.otherwise(Play::Status(500));
        let (aw, before) = passport.add_pushed("aw", &receiver.url()).await;
        let entered = enter(&passport, &aw, "member").await;
        let logout = force_out(&passport, &entered).await;
        failed(&passport, 1).await;
        events_url(&passport, None).await;
        let Standing::Waiting { listeners, .. } = of_app(&passport, &logout, "aw").await.standing
        else {
            panic!("confirmed by nobody")
        };
        assert_eq!(listeners, []);
        assert_eq!(passport.count("SELECT COUNT(*) FROM push_streams").await, 0);

        let after = events_url(&passport, Some(&receiver.url())).await.unwrap();
        assert_ne!(before, after, "another stream, another secret");
        let again = passport.count("SELECT acknowledged FROM app_instances").await;
        assert_eq!(again, 1, "from the present end");
        apps::delete(&passport.app, "aw").await.unwrap();
        assert_eq!(passport.count("SELECT COUNT(*) FROM app_instances").await, 0);
        assert_eq!(passport.count("SELECT COUNT(*) FROM push_streams").await, 0);
        assert_eq!(receiver.got().len(), 1);
    })
    .await;
}

// SECURITY-CASES B-21: both sign while the one replaces the other, then the new one alone.
#[actix_web::test]
async fn a_secret_is_rotated_unnoticed() {
    on_both(async |database| {
        let passport = passport(database).await;
        let receiver = Receiver::start().await;
        let (aw, old) = passport.add_pushed("aw", &receiver.url()).await;
        let new = rotate_secret(&passport.app, "aw", 10 * MINUTE).await.unwrap();
        let first = enter(&passport, &aw, "first").await;
        force_out(&passport, &first).await;
        let got = receiver.wait_for(1).await;
        for secret in [old.as_str(), new.as_str()] {
            got[0].open(secret, NOON / SECOND).unwrap();
        }
        passport.until(CLAIMED, 0).await;
        passport.advance(10 * MINUTE);
        let second = enter(&passport, &aw, "second").await;
        force_out(&passport, &second).await;
        let got = receiver.wait_for(2).await;
        let now = passport.clock.now() / SECOND;
        assert!(got[1].open(&old, now).is_err(), "its time is up");
        got[1].open(&new, now).unwrap();

        let newest = rotate_secret(&passport.app, "aw", 0).await.unwrap();
        let third = enter(&passport, &aw, "third").await;
        force_out(&passport, &third).await;
        let got = receiver.wait_for(3).await;
        assert!(got[2].open(&new, now).is_err(), "no overlap was asked for");
        got[2].open(&newest, now).unwrap();
        assert!(rotate_secret(&passport.app, "bw", 0).await.is_err());
    })
    .await;
}

// SECURITY-CASES K-01, K-04: sealed in its row, and sealed anew with everything else.
#[actix_web::test]
async fn secrets_are_sealed_and_sealed_anew() {
    on_both(async |database| {
        let passport = passport(database).await;
        let receiver = Receiver::start().await;
        let (aw, old) = passport.add_pushed("aw", &receiver.url()).await;
        passport.add_pushed("bw", &receiver.url()).await;
        let new = rotate_secret(&passport.app, "aw", MINUTE).await.unwrap();
        let columns = "SELECT sealed_secret || sealed_previous_secret FROM push_streams
                       WHERE app_id = 'aw'";
        let sealed = passport.text(columns).await;
        assert!(!sealed.contains(&old[6..]) && !sealed.contains(&new[6..]));
        assert_eq!(verify_all(&passport.app).await.unwrap(), 5, "two of aw, one of bw, two more");

        let file = passport.folder.path().join("new.key");
        let master = MasterKey::load_or_create(&file, &passport.app.random).unwrap();
        assert_eq!(replace_master_key(&passport.app, &master).await.unwrap(), 5);
        assert_ne!(passport.text(columns).await, sealed);
        // The node that still has the old key says so; one that was restarted goes on.
        let entered = enter(&passport, &aw, "member").await;
        force_out(&passport, &entered).await;
        passport.until("SELECT attempt FROM push_streams WHERE app_id = 'aw'", 1).await;
        let problem = "SELECT last_problem FROM push_streams WHERE app_id = 'aw'";
        assert_eq!(passport.text(problem).await, "secret");
        let (url, folder) = (passport.app.config.database.url.clone(), passport.folder.clone());
        let clock = passport.clock.clone();
        passport.stop().await;
        let restarted = Passport::over(database, &url, folder, clock, |config| {
            config.outgoing.allow_loopback = true;
            config.master_key.file = file.display().to_string();
        })
        .await;
        restarted.advance(MINUTE / 2);
        let got = receiver.wait_for(1).await;
        for secret in [old.as_str(), new.as_str()] {
            got[0].open(secret, restarted.clock.now() / SECOND).unwrap();
        }
    })
    .await;
}

// Whoever is shut off has to hear that its sessions are over.
#[actix_web::test]
async fn an_app_that_is_shut_off_is_told() {
    on_both(async |database| {
        let passport = passport(database).await;
        let receiver = Receiver::start().await;
        let (aw, secret) = passport.add_pushed("aw", &receiver.url()).await;
        let entered = enter(&passport, &aw, "member").await;
        apps::disable(&passport.app, "aw").await.unwrap();
        let got = receiver.wait_for(1).await;
        let event = got[0].open(&secret, NOON / SECOND).unwrap();
        assert_eq!(event.app_session, Some(entered.app_session));
        assert_eq!(event.cause, Some(client_sdk::wire::Cause::AppDisabled));
    })
    .await;
}

// SECURITY-CASES F-04; the secret is printed once.
#[actix_web::test]
async fn by_the_command_line() {
    let home = Home::new(harness::Database::Sqlite).await;
    let add = |id: &str, url: &str| {
        let return_to = format!("https://{id}.example/cb");
        let all = [
            "app",
            "add",
            id,
            "--name",
            id,
            "--return-to",
            &return_to,
            "--events-url",
            url,
            "--json",
        ];
        home.run(&all)
    };
    for bad in ["http://aw.example/e", "com.example.app:/e", "https://u:p@aw.example/e"] {
        let refused = add("aw", bad);
        assert_eq!(refused.status.code(), Some(1), "{bad}");
        assert!(String::from_utf8_lossy(&refused.stderr).contains(bad));
    }
    let added = add("aw", "https://aw.example/e");
    let added: serde_json::Value = serde_json::from_slice(&added.stdout).unwrap();
    let secret = added["events_secret"].as_str().unwrap();
    client_sdk::webhook::Secret::parse(secret).unwrap();
    assert_eq!(added["push"]["state"], "ok");

    let rotated = home.json(&["app", "rotate-events-secret", "aw", "--overlap", "10m", "--json"]);
    let rotated = rotated["events_secret"].as_str().unwrap();
    assert_ne!(rotated, secret);
    let said = home.say(&["app", "list", "--json"]);
    assert!(!said.contains("whsec_"), "{said}");
    let listed: serde_json::Value = serde_json::from_str(&said).unwrap();
    assert!(listed[0]["push"]["previous_secret_until"].is_i64());
    let said = home.say(&["app", "set", "aw", "--no-events-url"]);
    assert_eq!(said, "Changed aw: events_url.\n");
    assert!(home.json(&["app", "list", "--json"])[0]["push"].is_null());
    let said = home.refused(1, &["app", "rotate-events-secret", "aw"]);
    assert!(said.contains("no app with an events URL"), "{said}");
    let said = home.say(&["app", "set", "aw", "--events-url", "https://aw.example/e"]);
    assert!(said.contains("whsec_"), "{said}");
}
