//! Those who would cheat: documents that bite, assertions that say what is not so, providers that are
//! slow, huge, or gone. Nothing comes of any of them.

use std::time::{Duration, Instant};

use harness::{Database, on_both};
use serde_json::json;

use crate::scene::{Scene, problem};

/// The hostile documents of `op.py`.
const DOCUMENTS: [&str; 25] = [
    "xxe",
    "bomb",
    "dtd",
    "deep",
    "huge",
    "slow",
    "slowhdr",
    "notxml",
    "badtype",
    "nouri",
    "relative",
    "ftp",
    "file",
    "internal",
    "toxrdsinternal",
    "commentlink",
    "bodylink",
    "textarea",
    "gzipbomb",
    "userinfo",
    "crlf",
    "redirjs",
    "loop",
    "opclaim",
    "manyservices",
];

/// These are odd, but not dangerous: their endpoints answer nobody.
const LEADS_NOWHERE: [&str; 2] = ["opclaim", "manyservices"];

// SECURITY-CASES O-13, O-14, F-01, F-03.
#[actix_web::test]
async fn documents_that_bite() {
    let scene = Scene::on(Database::Sqlite).await;
    let mut browser = scene.browser();
    for kind in DOCUMENTS {
        let page = match kind {
            "loop" => scene.provider.at("loop/alice"),
            kind => scene.provider.at(&format!("evil/{kind}")),
        };
        let answer = scene.leave(&mut browser, "", &page).await;
        if LEADS_NOWHERE.contains(&kind) {
            // Port 1: no browser is led to such a port.
            assert_eq!(problem(&answer), "openid-not-found", "{kind}");
            continue;
        }
        assert_eq!(problem(&answer), "openid-not-found", "{kind}");
    }
    let heard = scene.provider.heard().await;
    let fetched = |what: &str| heard.iter().any(|one| one["path"].as_str().unwrap().contains(what));
    assert!(!fetched("hit.dtd"), "no document type is fetched");
    scene.nothing_changed().await;
    // A document in UTF-16 is one, too.
    let answer = scene.leave(&mut browser, "", &scene.provider.at("evil/utf16")).await;
    assert!(answer.location().starts_with(&scene.provider.endpoint()), "{}", answer.location());
}

/// What a provider is told to change in its assertion, and how.
fn lies(scene: &Scene, other: &str) -> Vec<(String, &'static str, String)> {
    let mut lies = Vec::new();
    let fields =
        ["claimed_id", "identity", "return_to", "response_nonce", "op_endpoint", "assoc_handle"];
    for field in fields {
        lies.push((format!("{field} unsigned"), "unsign", json!([field]).to_string()));
        lies.push((format!("{field} missing"), "postsign", json!({ field: null }).to_string()));
        lies.push((format!("{field} changed"), "postsign", json!({ field: "x" }).to_string()));
    }
    let own = &scene.provider.base;
    for (field, value) in [
        ("claimed_id", format!("{own}id/bob")),
        ("claimed_id", other.to_owned()),
        ("claimed_id", own.clone()),
        ("claimed_id", "javascript:alert(1)".to_owned()),
        ("claimed_id", format!("{own}evil/internal")),
        ("identity", format!("{own}id/bob")),
        ("op_endpoint", format!("{other}op")),
        ("return_to", "http://evil.example/complete/openid".to_owned()),
        ("response_nonce", "2001-01-01T00:00:00Zold".to_owned()),
        ("response_nonce", "2039-01-01T00:00:00Znew".to_owned()),
        ("response_nonce", "now".to_owned()),
        ("ns", "http://openid.net/signon/1.1".to_owned()),
        ("sig", "AAAA".to_owned()),
        ("mode", "check_authentication".to_owned()),
        ("signed", "mode".to_owned()),
    ] {
        let knob =
            if ["sig", "mode", "signed", "ns"].contains(&field) { "postsign" } else { "presign" };
        lies.push((format!("{field} is {value}"), knob, json!({ field: value }).to_string()));
    }
    lies
}

// SECURITY-CASES O-01, O-02, O-03, O-05, O-06, O-10, O-12, O-15, O-18.
#[actix_web::test]
async fn assertions_that_lie() {
    on_both(async |database| {
        let scene = Scene::on(database).await;
        let other = harness::Provider::start();
        let mut seen = 0;
        for (what, knob, value) in lies(&scene, &other.base) {
            scene.provider.reset().await;
            scene.provider.tell(&[(knob, &value)]).await;
            let mut browser = scene.browser();
            let answer = scene.log_in(&mut browser, "", &scene.provider.at("id/alice")).await;
            assert_eq!(problem(&answer), "openid-refused", "{what}");
            assert!(!browser.is_signed_in().await, "{what}");
            seen += 1;
        }
        assert!(seen > 30);
        scene.provider.reset().await;
        for sql in [
            "SELECT COUNT(*) FROM users",
            "SELECT COUNT(*) FROM identities",
            "SELECT COUNT(*) FROM sessions",
            "SELECT COUNT(*) FROM proven_identities",
        ] {
            assert_eq!(scene.passport.count(sql).await, 0, "{sql}");
        }
        assert!(other.modes().await.is_empty(), "another provider is never asked about it");
        // And the same without a lie is a login.
        let answer = scene.log_in(&mut scene.browser(), "", &scene.provider.at("id/alice")).await;
        assert!(answer.location().starts_with("/register/openid"));
        assert_eq!(scene.passport.audited("login.refused").await.user, None);
    })
    .await;
}

// SECURITY-CASES O-07: nothing but a plain yes of the provider that was asked.
#[actix_web::test]
async fn the_providers_word_is_asked_for() {
    let scene = Scene::on(Database::Sqlite).await;
    for says in ["false", "http500"] {
        scene.provider.tell(&[("ca", says)]).await;
        let mut browser = scene.browser();
        let answer = scene.log_in(&mut browser, "", &scene.provider.at("id/alice")).await;
        assert_eq!(problem(&answer), "openid-refused", "{says}");
    }
    scene.nothing_changed().await;
}

// SECURITY-CASES O-06, U-01: an answer is of this browser, and counts once.
#[actix_web::test]
async fn an_answer_counts_once_and_in_its_own_browser() {
    on_both(async |database| {
        let scene = Scene::on(database).await;
        let node = scene.passport.second_node().await;
        for page in ["id/alice", "html1/alice"] {
            let mut browser = scene.browser();
            let left = scene.leave(&mut browser, "", &scene.provider.at(page)).await;
            let sent = scene.provider.sends_back(left.location()).await;
            // Somebody else's browser, even one that waits for an answer of its own.
            let mut victim = scene.browser();
            scene.leave(&mut victim, "", &scene.provider.at("id/bob")).await;
            for stranger in [&mut scene.browser(), &mut victim] {
                assert_eq!(problem(&scene.bring(stranger, &sent).await), "openid-void");
            }
            // Many at once, at two nodes: one is believed.
            let path = sent.url.strip_prefix(&scene.passport.url).unwrap();
            let tries = (0..16).map(|n| {
                let mut one = browser.clone();
                if n % 2 == 1 {
                    one = one.at(&node);
                }
                let path = path.to_owned();
                async move { one.get(&path).await }
            });
            let answers = futures_util::future::join_all(tries).await;
            let believed =
                answers.iter().filter(|answer| answer.location().starts_with("/register/openid"));
            assert_eq!(believed.count(), 1, "{page}");
        }
        // An answer for one login does not fit another one of the same browser.
        let mut browser = scene.browser();
        let one = scene.leave(&mut browser, "", &scene.provider.at("id/alice")).await;
        let two = scene.leave(&mut browser, "", &scene.provider.at("id/alice")).await;
        let sent = scene.provider.sends_back(one.location()).await;
        let t = |url: &str| {
            let url = url::Url::parse(url).unwrap();
            let back = url.query_pairs().find(|(name, _)| name == "openid.return_to").unwrap().1;
            let back = url::Url::parse(&back).unwrap();
            back.query_pairs().find(|(name, _)| name == "t").unwrap().1.into_owned()
        };
        let (t1, t2) = (t(one.location()), t(two.location()));
        let path = sent.url.strip_prefix(&scene.passport.url).unwrap();
        let swapped = path.replacen(&format!("?t={t1}"), &format!("?t={t2}"), 1);
        assert_eq!(problem(&browser.get(&swapped).await), "openid-refused");
        for more in ["&extra=1", "&t=x", "&openid.mode=id_res", "&openid.x%00=1"] {
            assert_eq!(
                problem(&browser.get(&format!("{path}{more}")).await),
                "openid-refused",
                "{more}"
            );
        }
    })
    .await;
}

// SECURITY-CASES Z: whoever waits for a provider keeps nobody else waiting. No more is asserted of
// time than that an exchange ends by its deadline and that others are served meanwhile.
#[actix_web::test]
async fn a_provider_that_never_answers_holds_nobody_up() {
    let scene = Scene::on(Database::Sqlite).await;
    scene.add_user("member").await;
    let slow = scene.provider.at("evil/slow");
    let waiting = (0..8).map(|_| async {
        let mut browser = scene.browser();
        scene.leave(&mut browser, "", &slow).await
    });
    let begun = Instant::now();
    let waiting = futures_util::future::join_all(waiting);
    let others = async {
        for _ in 0..5 {
            scene.passport.signed_in("member").await;
        }
        // One more of this network has no place.
        let more = scene.leave(&mut scene.browser(), "", &scene.provider.at("id/alice")).await;
        (problem(&more), begun.elapsed())
    };
    let (answers, (more, meanwhile)) = tokio::join!(waiting, others);
    assert_eq!(more, "openid-busy");
    let all = begun.elapsed();
    assert!(meanwhile < all, "others were served meanwhile");
    assert!(all < Duration::from_secs(60), "{all:?}");
    for answer in answers {
        assert_eq!(problem(&answer), "openid-not-found");
    }
    let answer = scene.leave(&mut scene.browser(), "", &scene.provider.at("id/alice")).await;
    assert!(answer.location().starts_with(&scene.provider.endpoint()), "there is a place again");
}

// SECURITY-CASES F-01, O-14: without the switch for laboratories this machine is out of bounds.
#[actix_web::test]
async fn nothing_leads_inside() {
    let scene =
        Scene::with(Database::Sqlite, |config| config.outgoing.allow_loopback = false).await;
    let mut browser = scene.browser();
    for typed in [
        scene.provider.at("id/alice"),
        "http://localhost:80/".to_owned(),
        "http://[::1]/".to_owned(),
        "http://169.254.169.254/latest/meta-data".to_owned(),
        "http://2130706433/".to_owned(),
        "http://0x7f.1/".to_owned(),
        "http://[::ffff:127.0.0.1]/".to_owned(),
        scene.passport.url.clone(),
    ] {
        let answer = scene.leave(&mut browser, "", &typed).await;
        let word = problem(&answer);
        assert!(
            ["openid-not-found", "openid-malformed"].contains(&word.as_str()),
            "{typed}: {word}"
        );
    }
    assert!(scene.provider.heard().await.is_empty());
    // Nor is Passport itself asked where the switch is on.
    let scene = Scene::on(Database::Sqlite).await;
    let answer = scene.leave(&mut scene.browser(), "", &scene.passport.url).await;
    assert_eq!(problem(&answer), "openid-not-found");
}

// Too many from one network wait; a password still works.
#[actix_web::test]
async fn attempts_are_counted() {
    let scene = Scene::with(Database::Sqlite, |config| config.throttle.openid_attempts = 3).await;
    scene.add_user("member").await;
    let mut browser = scene.browser();
    let nothing = scene.provider.at("nothing");
    for _ in 0..3 {
        let answer = scene.leave(&mut browser, "", &nothing).await;
        assert_eq!(problem(&answer), "openid-not-found");
    }
    scene.provider.heard().await;
    let answer = scene.leave(&mut browser, "", &nothing).await;
    assert_eq!(problem(&answer), "openid-too-many");
    assert!(scene.provider.heard().await.is_empty(), "nobody was asked");
    scene.passport.signed_in("member").await;
    scene.passport.advance(harness::MINUTE);
    let answer = scene.leave(&mut browser, "", &nothing).await;
    assert_eq!(problem(&answer), "openid-not-found", "later again");
}
