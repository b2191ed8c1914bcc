//! Secrets at rest: sealed to their place and key; who has the database alone has nothing.

use std::{collections::HashSet, os::unix::fs::PermissionsExt, path::Path, sync::Arc};

use client_sdk::wire::RedeemRequest;
use harness::{Database, HOUR, NOON, PASSWORD, Passport, on_both};
use sqlx::{Column, Executor, Row, TypeInfo};
use sso_server::{
    app::{App, StartError},
    clock::Clock,
    domain::{
        id::{SessionId, fresh_text},
        password::Password,
        token::Token,
    },
    flows::{
        one_time_link,
        replace_master_key::{ReplaceError, replace_master_key, verify_all},
        signing_keys as keys,
    },
    random::Random,
    tokens::{
        keyring::{OVERLAP, PURPOSE, new_key},
        master_key::{MasterKey, MasterKeyError},
    },
};

use crate::scene::write;

/// Starts the program once more on the same database, with a key file of one's choice.
async fn start(passport: &Passport, key_file: &Path) -> Result<Arc<App>, StartError> {
    let mut config = passport.app.config.clone();
    config.master_key.file = key_file.display().to_string();
    App::open(config, Clock::manual(NOON), Random::system()).await
}

fn own_key(passport: &Passport) -> std::path::PathBuf {
    passport.folder.path().join("passport.key")
}

async fn run(passport: &Passport, sql: &'static str) {
    write(&passport.app.db, async |tx| tx.execute(sql).await.unwrap()).await;
}

/// Every sealed value there is, by where it lies.
async fn sealed(passport: &Passport) -> Vec<(String, String)> {
    let sql = "SELECT 'meta', value FROM meta WHERE id = 'installation_secret'
         UNION ALL SELECT kid, sealed_private_key FROM signing_keys ORDER BY 1";
    let mut conn = passport.app.db.read().await.unwrap();
    sqlx::query_as(sql).fetch_all(&mut *conn).await.unwrap()
}

/// Every value of every table, as text.
async fn dump(passport: &Passport) -> Vec<String> {
    let mut conn = passport.app.db.read().await.unwrap();
    let mut values = Vec::new();
    for table in [
        "meta",
        "registry",
        "users",
        "apps",
        "sessions",
        "app_sessions",
        "spent_tickets",
        "activations",
        "event_logs",
        "events",
        "app_instances",
        "throttles",
        "signing_keys",
        "one_time_links",
        "audit",
    ] {
        let sql = sqlx::AssertSqlSafe(format!("SELECT * FROM {table}"));
        for row in sqlx::query(sql).fetch_all(&mut *conn).await.unwrap() {
            for column in row.columns() {
                let is_text = column.type_info().name().eq_ignore_ascii_case("text");
                if is_text
                    && let Ok(Some(text)) = row.try_get::<Option<String>, _>(column.ordinal())
                {
                    values.push(text);
                }
            }
        }
    }
    values
}

// SECURITY-CASES K-01, K-02: moved, changed, cut, or from elsewhere, nothing opens; put back, all does.
#[actix_web::test]
async fn a_tampered_value_is_refused_at_start() {
    on_both(async |database| {
        let passport = Passport::on(database).await;
        keys::rotate(&passport.app, OVERLAP).await.unwrap();
        let before = sealed(&passport).await;
        assert_eq!(before.len(), 3);
        run(&passport, "CREATE TABLE kept_keys AS SELECT kid, sealed_private_key FROM signing_keys")
            .await;
        run(&passport, "CREATE TABLE kept_meta AS SELECT id, value FROM meta").await;
        let restore = [
            "UPDATE signing_keys SET sealed_private_key =
                 (SELECT k.sealed_private_key FROM kept_keys k WHERE k.kid = signing_keys.kid)",
            "UPDATE meta SET value = (SELECT k.value FROM kept_meta k WHERE k.id = meta.id)
             WHERE id IN (SELECT id FROM kept_meta)",
        ];
        for (what, tampering) in [
            (
                "one key's blob in the other's row",
                "UPDATE signing_keys SET sealed_private_key =
                     (SELECT MIN(k.sealed_private_key) FROM kept_keys k WHERE k.kid <> signing_keys.kid)
                 WHERE kid = (SELECT MIN(kid) FROM kept_keys)",
            ),
            (
                "the installation secret in a key's row",
                "UPDATE signing_keys SET sealed_private_key =
                     (SELECT value FROM kept_meta WHERE id = 'installation_secret')
                 WHERE kid = (SELECT MIN(kid) FROM kept_keys)",
            ),
            (
                "a key in the installation secret's row",
                "UPDATE meta SET value = (SELECT MIN(sealed_private_key) FROM kept_keys)
                 WHERE id = 'installation_secret'",
            ),
            (
                "a bit in the middle of a key",
                "UPDATE signing_keys SET sealed_private_key = substr(sealed_private_key, 1, 40)
                     || CASE WHEN substr(sealed_private_key, 41, 1) = 'A' THEN 'B' ELSE 'A' END
                     || substr(sealed_private_key, 42)
                 WHERE kid = (SELECT MAX(kid) FROM kept_keys)",
            ),
            (
                "the end of the installation secret cut off",
                "UPDATE meta SET value = substr(value, 1, length(value) - 4)
                 WHERE id = 'installation_secret'",
            ),
            ("an unsealed value", "UPDATE meta SET value = 'AAAA' WHERE id = 'installation_secret'"),
            ("an empty value", "UPDATE signing_keys SET sealed_private_key = ''"),
        ] {
            run(&passport, tampering).await;
            assert_ne!(sealed(&passport).await, before, "{what}");
            let refused = start(&passport, &own_key(&passport)).await.unwrap_err();
            let fits = matches!(refused, StartError::Installation(_) | StartError::Keys(_));
            assert!(fits, "{what}: {refused}");
            assert!(refused.to_string().contains("master key"), "{what}: {refused}");
            assert!(verify_all(&passport.app).await.is_err(), "{what}: `key verify` finds it");
            for sql in restore {
                run(&passport, sql).await;
            }
            assert_eq!(sealed(&passport).await, before);
        }
        start(&passport, &own_key(&passport)).await.expect("all as it was");
        assert_eq!(verify_all(&passport.app).await.unwrap(), 3);
    })
    .await;
}

// SECURITY-CASES K-03
#[actix_web::test]
async fn a_wrong_master_key_is_refused_and_changes_nothing() {
    on_both(async |database| {
        let passport = Passport::on(database).await;
        let before = (dump(&passport).await, std::fs::read(own_key(&passport)).unwrap());
        let other = passport.folder.path().join("other.key");
        MasterKey::load_or_create(&other, &Random::system()).unwrap();
        for file in [other, passport.folder.path().join("missing.key")] {
            let refused = start(&passport, &file).await.unwrap_err().to_string();
            assert!(refused.contains("another master key"), "{refused}");
            assert!(refused.contains("Put the original file back"), "{refused}");
        }
        // The start counts itself in `registry` and notes itself in `meta`; nothing sealed moved.
        let now = dump(&passport).await;
        assert_eq!(now, before.0);
        assert_eq!(std::fs::read(own_key(&passport)).unwrap(), before.1);
        start(&passport, &own_key(&passport)).await.expect("the right one");
    })
    .await;
}

// SECURITY-CASES K-03, T-21
#[test]
fn a_key_file_must_be_its_owners_and_hold_a_key() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("passport.key");
    MasterKey::load_or_create(&path, &Random::system()).unwrap();
    let mode = std::fs::metadata(&path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode, 0o600, "made for its owner");
    let text = std::fs::read_to_string(&path).unwrap();
    assert_eq!(text.trim().len(), 43);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "no draft is left");

    let chmod = |mode| std::fs::set_permissions(&path, PermissionsExt::from_mode(mode)).unwrap();
    for mode in [0o400, 0o600, 0o700] {
        chmod(mode);
        assert!(MasterKey::load(&path).is_ok(), "{mode:o}");
    }
    for mode in [0o640, 0o620, 0o610, 0o604, 0o602, 0o601, 0o644, 0o666, 0o777] {
        chmod(mode);
        let refused = MasterKey::load_or_create(&path, &Random::system()).unwrap_err();
        assert!(matches!(refused, MasterKeyError::Exposed { .. }), "{mode:o}: {refused}");
        assert!(refused.to_string().contains("chmod 600"), "{refused}");
    }
    chmod(0o600);
    let zeros = "A".repeat(43);
    let long = "x".repeat(5_000);
    for wrong in ["", "\n", "short", &text[..42], &format!("{}AA", text.trim()), &zeros, &long, "ä"]
    {
        std::fs::write(&path, wrong).unwrap();
        let refused = MasterKey::load_or_create(&path, &Random::system()).unwrap_err();
        assert!(matches!(refused, MasterKeyError::Malformed(_)), "{wrong:?}: {refused}");
        assert!(!refused.to_string().contains(text.trim()), "{refused}");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), wrong, "and is not written over");
    }
    std::fs::write(&path, &text).unwrap();
    MasterKey::load(&path).expect("as it was");
    let nowhere = folder.path().join("no/such/folder/passport.key");
    let refused = MasterKey::load_or_create(&nowhere, &Random::system()).unwrap_err();
    assert!(refused.to_string().contains("Create the folder"), "{refused}");
}

// SECURITY-CASES K-03: several processes that start first together share one key, and what a killed
// one left behind does not stop the next.
#[test]
fn of_many_who_make_the_key_file_one_does() {
    for round in 0..20 {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("passport.key");
        let left_behind = folder.path().join(format!("passport.draft-{}", std::process::id()));
        std::fs::write(&left_behind, "half").unwrap();
        let made: Vec<MasterKey> = std::thread::scope(|scope| {
            let starting: Vec<_> = (0..8)
                .map(|_| scope.spawn(|| MasterKey::load_or_create(&path, &Random::system())))
                .collect();
            starting.into_iter().map(|one| one.join().unwrap().unwrap()).collect()
        });
        let sealed = made[0].seal(b"secret", "place", &Random::system());
        for key in &made {
            assert!(key.open(&sealed, "place").is_ok(), "round {round}: one key for all");
        }
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2, "no drafts are left");
    }
}

// SECURITY-CASES K-04
#[actix_web::test]
async fn a_replaced_master_key_opens_everything_and_the_old_one_nothing() {
    on_both(async |database| {
        let passport = Passport::on(database).await;
        passport.add_user("member").await;
        let aw = passport.add_app("aw").await;
        let mut browser = passport.signed_in("member").await;
        keys::rotate(&passport.app, OVERLAP).await.unwrap();
        let before = sealed(&passport).await;
        let ticket = aw.send(&mut browser).await.ticket();
        let file = passport.folder.path().join("new.key");
        let new = MasterKey::load_or_create(&file, &Random::system()).unwrap();
        passport.advance(1);

        assert_eq!(replace_master_key(&passport.app, &new).await.unwrap(), before.len());

        let after = sealed(&passport).await;
        for (old, new) in before.iter().zip(&after) {
            assert_eq!(old.0, new.0);
            assert_ne!(old.1, new.1, "{} is sealed anew", old.0);
        }
        let refused = start(&passport, &own_key(&passport)).await.unwrap_err().to_string();
        assert!(refused.contains("another master key"), "{refused}");
        let under_new = start(&passport, &file).await.expect("the new one opens it");
        assert_eq!(verify_all(&under_new).await.unwrap(), before.len());
        let line = passport.audited("key.rotated").await;
        assert!(line.detail.contains("master key"), "{}", line.detail);

        // Nobody is signed out, no ticket is void: the node that still runs and the next one agree.
        let mac = passport.app.secrets.mac("cookie", &["x"]);
        assert!(under_new.secrets.verify_mac(&mac, "cookie", &["x"]));
        assert!(browser.is_signed_in().await);
        assert_eq!(aw.redeem(&ticket).await.status, 200);
        let kid = &passport.app.keyring.signing(NOON).unwrap().kid;
        assert_eq!(under_new.keyring.signing(NOON).unwrap().public, {
            passport.app.keyring.verifying(kid, NOON).unwrap().public.clone()
        });
    })
    .await;
}

// SECURITY-CASES K-04: broken off anywhere, all of it is under the old key still.
#[actix_web::test]
async fn a_replacement_that_fails_changes_nothing() {
    on_both(async |database| {
        let passport = Passport::on(database).await;
        keys::rotate(&passport.app, OVERLAP).await.unwrap();
        let file = passport.folder.path().join("new.key");
        let new = MasterKey::load_or_create(&file, &Random::system()).unwrap();
        // The last one in the order of work does not open.
        let stranger = new_key(&new, &Random::system(), NOON, NOON + HOUR);
        write(&passport.app.db, async |tx| {
            sso_server::store::signing_keys::insert(tx, PURPOSE, &stranger).await.unwrap();
        })
        .await;
        let before = dump(&passport).await;
        let refused = replace_master_key(&passport.app, &new).await.unwrap_err();
        assert!(refused.to_string().contains(&stranger.kid), "{refused}");
        assert_eq!(dump(&passport).await, before);
        run(&passport, "DELETE FROM signing_keys WHERE signs_from > 1795348800000 + 3000000").await;
        start(&passport, &own_key(&passport)).await.expect("all under the old key");
        assert!(start(&passport, &file).await.is_err(), "nothing under the new one");
    })
    .await;
}

// SECURITY-CASES K-04, Q-01
#[actix_web::test]
async fn of_two_replacements_at_once_one_happens_as_a_whole() {
    on_both(async |database| {
        let passport = Passport::on(database).await;
        let node = passport.second_node().await;
        let files = ["one.key", "two.key"].map(|name| passport.folder.path().join(name));
        let replacing =
            files.clone().into_iter().zip([passport.app.clone(), node.app.clone()]).map(
                |(file, app)| {
                    tokio::spawn(async move {
                        let new = MasterKey::load_or_create(&file, &Random::system()).unwrap();
                        replace_master_key(&app, &new).await
                    })
                },
            );
        let replacing: Vec<_> = replacing.collect();
        let mut opens = Vec::new();
        for (one, file) in replacing.into_iter().zip(&files) {
            let outcome = one.await.unwrap();
            if let Err(error) = &outcome {
                let fits = matches!(error, ReplaceError::Keyring(_) | ReplaceError::Concurrent);
                assert!(fits, "{error}");
            }
            let started = start(&passport, file).await.is_ok();
            assert_eq!(started, outcome.is_ok(), "whoever succeeded has the key: {outcome:?}");
            opens.push(started);
        }
        assert_eq!(opens.iter().filter(|opens| **opens).count(), 1);
    })
    .await;
}

// SECURITY-CASES K-12: the whole database, and not one thing in it that lets anybody in.
#[actix_web::test]
async fn a_copy_of_the_database_lets_nobody_in() {
    on_both(async |database| {
        let passport = Passport::on(database).await;
        passport.add_user("member").await;
        let aw = passport.add_app("aw").await;
        let mut browser = passport.signed_in("member").await;
        let link = one_time_link::first_admin(&passport.app).await.unwrap().unwrap();
        let link = link.split_once("token=").unwrap().1.to_owned();
        let spent = aw.send(&mut browser).await.ticket();
        assert_eq!(aw.redeem(&spent).await.status, 200);
        let unspent = aw.send(&mut browser).await.ticket();
        let values = dump(&passport).await;
        assert!(values.iter().any(|value| value == "member"), "{values:?}");
        assert!(values.len() > 60, "{}", values.len());
        let mut secrets: Vec<String> = browser.cookies.values().cloned().collect();
        // A cookie is the signature and the token, in two spellings.
        secrets.extend(browser.cookies.values().filter_map(|value| {
            let decoded = value.replace("%3D", "=").replace("%2F", "/").replace("%2B", "+");
            (decoded.len() > 44).then(|| decoded[44..].to_owned())
        }));
        let stored = passport.text("SELECT digest FROM sessions").await;
        let names_session = |text: &String| {
            Token::parse(text).is_some_and(|token| token.digest().as_str() == stored)
        };
        assert!(secrets.iter().any(names_session), "control: the cookie's token is among them");
        let key = std::fs::read_to_string(own_key(&passport)).unwrap();
        secrets
            .extend([&aw.secret, &link, &spent, &unspent, PASSWORD, key.trim()].map(str::to_owned));
        for secret in secrets.iter().filter(|secret| secret.len() > 8) {
            let found = values.iter().find(|value| value.contains(secret.as_str()));
            assert_eq!(found, None, "{secret}");
        }
        if database == Database::Sqlite {
            for file in ["passport.db", "passport.db-wal"] {
                let bytes = std::fs::read(passport.folder.path().join(file)).unwrap();
                for secret in secrets.iter().filter(|secret| secret.len() > 8) {
                    let found = bytes.windows(secret.len()).any(|part| part == secret.as_bytes());
                    assert!(!found, "{secret} in {file}");
                }
            }
        }

        // What is there, shown as if it were the secret.
        let mut thief = passport.browser();
        for name in browser.cookies.keys() {
            thief.cookies.insert(name.clone(), stored.clone());
        }
        assert!(
            !thief.is_signed_in().await && browser.is_signed_in().await,
            "control: the owner is"
        );
        let mut app_thief = aw.clone();
        app_thief.secret = passport.text("SELECT secret_digest FROM apps").await;
        assert_eq!(app_thief.redeem(&unspent).await.status, 401);
        assert_eq!(aw.redeem(&unspent).await.status, 200, "control: the app itself");
        let link = passport.text("SELECT digest FROM one_time_links").await;
        let link = Token::parse(&link).unwrap();
        assert_eq!(one_time_link::look(&passport.app, &link).await.unwrap(), None);
        let hash = passport.text("SELECT password_hash FROM users").await;
        assert_eq!(passport.browser().try_password("member", &hash).await, 401);
    })
    .await;
}

// SECURITY-CASES K-09
#[actix_web::test]
async fn nothing_secret_is_printed() {
    let database = Database::Postgres;
    let passport = Passport::with(database, |config| {
        let url = config.database.url.replace("postgres@", "postgres:pa55word@");
        config.database.url = url;
    })
    .await;
    let key = std::fs::read_to_string(own_key(&passport)).unwrap();
    let token = Token::fresh(&Random::system());
    let password = Password::chosen("pa55word and more", 8, &[]).unwrap();
    let aw = passport.add_app("aw").await;
    let apps = passport.app.db.apps().await.unwrap();
    let secret_digest = passport.text("SELECT secret_digest FROM apps").await;
    let signing = passport.app.keyring.signing(NOON).unwrap();
    let printed = format!(
        "{:?} {:?} {token:?} {:?} {password:?} {apps:?} {signing:?} {:?}",
        passport.app,
        passport.app.config,
        token.digest(),
        passport.app.secrets
    );
    assert!(printed.contains("MasterKey(…)") && printed.contains("Token(…)"), "{printed}");
    let digest = token.digest();
    let shown = RedeemRequest {
        ticket: "t1cket".to_owned(),
        verifier: Some("ver1fier".to_owned()),
        ..RedeemRequest::default()
    };
    let printed = format!("{printed} {shown:?}");
    for secret in [
        "pa55word",
        "t1cket",
        "ver1fier",
        key.trim(),
        token.expose(),
        digest.as_str(),
        &aw.secret,
        &secret_digest,
    ] {
        assert!(!printed.contains(secret), "{secret} in {printed}");
    }
}

// SECURITY-CASES K-08: tokens and ids are as random as they are long; no bit stands still.
#[test]
fn tokens_and_ids_do_not_repeat_and_every_bit_moves() {
    let random = Random::system();
    let many = 20_000;
    let tokens: HashSet<String> =
        (0..many).map(|_| Token::fresh(&random).expose().to_owned()).collect();
    assert_eq!(tokens.len(), many);
    let mut ones = [0_usize; 256];
    for _ in 0..many {
        for (at, byte) in random.bytes::<32>().into_iter().enumerate() {
            for bit in 0..8 {
                ones[at * 8 + bit] += usize::from(byte >> bit & 1);
            }
        }
    }
    // Seven standard deviations: chance does not go there.
    assert!(ones.iter().all(|ones| ones.abs_diff(many / 2) < 500), "{ones:?}");
    let ids: HashSet<String> = (0..many).map(|_| fresh_text(NOON, &random)).collect();
    assert_eq!(ids.len(), many, "of one millisecond");
    let bits = |id: &str| u128::from_str_radix(&id.replace('-', ""), 16).unwrap();
    let (all, any) =
        ids.iter().fold((u128::MAX, 0), |(all, any), id| (all & bits(id), any | bits(id)));
    assert_eq!((any & !all).count_ones(), 74, "RFC 9562: all but time, version and variant");
    assert!(fresh_text(NOON, &random) < fresh_text(NOON + 1, &random), "in the order of time");
    // They come from the generator and nowhere else.
    let still = Random::from(|bytes| bytes.fill(7));
    assert_eq!(Token::fresh(&still).expose(), Token::fresh(&still).expose());
    assert_eq!(SessionId::fresh(NOON, &still), SessionId::fresh(NOON, &still));
}
