//! The logout doctor's verdicts.

use std::{net::TcpListener, time::Duration};

use harness::{NOON, Passport, Play, Receiver, on_both, process::Home};
use sso_server::flows::doctor::{Asker, DoctorError, Examination, Finding, Verdict, examine};

use super::scene::{CLAIMED, passport};

async fn examined(passport: &Passport, within: u64) -> Examination {
    examine(&passport.app, "aw", Duration::from_millis(within), Asker::OPERATOR).await.unwrap()
}

fn only(examination: &Examination) -> &Finding {
    assert_eq!(examination.findings.len(), 1, "{examination:?}");
    &examination.findings[0]
}

fn problem(examination: &Examination) -> (&str, Option<i64>) {
    match &only(examination).verdict {
        Verdict::Failed { problem, status, .. } => (problem, *status),
        other => panic!("{other:?}"),
    }
}

#[actix_web::test]
async fn an_app_that_obeys_by_push() {
    on_both(async |database| {
        let passport = passport(database).await;
        let receiver = Receiver::start().await;
        let (_, secret) = passport.add_pushed("aw", &receiver.url()).await;
        let examination = examined(&passport, 30_000).await;
        assert!(examination.is_healthy(), "{examination:?}");
        assert_eq!(only(&examination).verdict, Verdict::Obeyed { after: 0 });
        let got = receiver.wait_for(1).await;
        let event = got[0].open(&secret, NOON / 1_000).unwrap();
        assert_eq!(event.session, None, "nobody's");
    })
    .await;
}

// Nothing of it is to be seen anywhere: no session, no person, no figure, no logout in a list.
#[actix_web::test]
async fn the_test_leaves_no_trace_among_people() {
    on_both(async |database| {
        let passport = passport(database).await;
        let receiver = Receiver::start().await;
        let (aw, _) = passport.add_pushed("aw", &receiver.url()).await;
        examined(&passport, 30_000).await;
        for table in ["users", "sessions", "app_sessions"] {
            let sql: &str = match table {
                "users" => "SELECT COUNT(*) FROM users",
                "sessions" => "SELECT COUNT(*) FROM sessions",
                _ => "SELECT COUNT(*) FROM app_sessions",
            };
            assert_eq!(passport.count(sql).await, 0, "{table}");
        }
        let event = receiver.wait_for(1).await[0].event();
        assert_eq!(aw.status(event.app_session.as_deref().unwrap()).await.status, 404);
        let mut connection = passport.app.db.read().await.unwrap();
        let listed = sso_server::store::logouts::latest(&mut connection, 10).await.unwrap();
        assert!(listed.is_empty(), "{listed:?}");
        let metrics = passport.app.metrics.render();
        assert!(!metrics.contains("passport_logout_confirmed_seconds_count 1"), "{metrics}");
        assert!(!metrics.contains("passport_sessions_ended_total{"), "{metrics}");
        passport.audited("app.examined").await;
    })
    .await;
}

#[actix_web::test]
async fn an_app_that_obeys_by_pull_and_one_instance_that_does_not() {
    let passport = passport(harness::Database::Sqlite).await;
    let aw = passport.add_app("aw").await;
    for instance in ["quick", "stuck"] {
        aw.poll(instance, "0", &[("version", "2.1")]).await;
    }
    let quick = async {
        let wait = [("wait", "10")];
        let news = aw.poll("quick", "0", &wait).await;
        aw.poll("quick", &news.cursor, &[]).await;
    };
    let (examination, ()) = tokio::join!(examined(&passport, 2_000), quick);
    assert!(!examination.is_healthy());
    let [quick, stuck] = examination.findings.as_slice() else { panic!("{examination:?}") };
    assert_eq!((quick.listener.as_str(), &quick.verdict), ("quick", &Verdict::Obeyed { after: 0 }));
    assert_eq!(stuck.version.as_deref(), Some("2.1"));
    assert_eq!(stuck.verdict, Verdict::Silent { last_contact_at: NOON });
}

#[actix_web::test]
async fn what_is_wrong_is_named() {
    on_both(async |database| {
        let passport = passport(database).await;
        let receiver = Receiver::start().await;
        passport.add_pushed("aw", &receiver.url()).await;
        for (play, wanted) in [
            (Play::Status(500), ("status", Some(500))),
            (Play::Status(401), ("status", Some(401))),
            (Play::With(301, "location", "/elsewhere?x=1".to_owned()), ("redirect", Some(301))),
            (Play::Reset, ("broken", None)),
            (Play::Never, ("timeout", None)),
        ] {
            receiver.otherwise(play.clone());
            let examination = examined(&passport, 30_000).await;
            assert_eq!(problem(&examination), wanted, "{play:?}");
            let advice = only(&examination).verdict.advice();
            assert!(advice.is_some());
            if let Verdict::Failed { error, .. } = &only(&examination).verdict {
                assert!(!error.contains("x=1"), "{error}");
                let target = "http://aw.localhost";
                assert!(wanted.0 != "redirect" || error.contains(target), "{error}");
            }
        }
        // The tests that failed are nobody's dead letters.
        receiver.otherwise(Play::Status(204));
        passport.until(CLAIMED, 0).await;
        passport.advance(harness::HOUR);
        assert!(examined(&passport, 30_000).await.is_healthy());
        assert_eq!(passport.count("SELECT dead_events FROM push_streams").await, 0);
    })
    .await;
}

#[actix_web::test]
async fn hosts_that_cannot_be_reached() {
    let passport = Passport::with(harness::Database::Sqlite, |config| {
        config.outgoing.allow_networks = vec!["127.0.0.1".to_owned(), "::1".to_owned()];
    })
    .await;
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let plain = Receiver::start().await;
    passport.add_pushed("aw", &format!("http://{closed}/")).await;
    for (url, wanted) in [
        (format!("http://{closed}/"), "connect"),
        ("https://nowhere.invalid/events".to_owned(), "dns"),
        ("https://10.1.2.3/events".to_owned(), "address"),
        ("http://127.0.0.2:1/events".to_owned(), "address"),
        // Plain HTTP where HTTPS is expected.
        (format!("https://{}/events", plain.address), "tls"),
        // SECURITY-CASES F-10: a certificate that no authority has signed.
        (format!("https://aw.localhost:{}/events", self_signed().await.port()), "certificate"),
    ] {
        let change = sso_server::flows::apps::ChangeApp {
            events_url: Some(Some(&url)),
            ..Default::default()
        };
        sso_server::flows::apps::update(&passport.app, "aw", change).await.unwrap();
        assert_eq!(problem(&examined(&passport, 30_000).await).0, wanted, "{url}");
    }
}

/// A TLS server whose certificate nobody has reason to believe.
async fn self_signed() -> std::net::SocketAddr {
    use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
    let pem = include_bytes!("tls/self_signed.pem");
    let certificate = CertificateDer::from_pem_slice(pem).unwrap();
    let key = PrivateKeyDer::from_pem_slice(pem).unwrap();
    let config = rustls::ServerConfig::builder().with_no_client_auth();
    let config = config.with_single_cert(vec![certificate], key).unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(std::sync::Arc::new(config));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let _ = acceptor.accept(stream).await;
        }
    });
    address
}

#[actix_web::test]
async fn nothing_listens_and_nobody_is_there() {
    let passport = Passport::start().await;
    passport.add_app("aw").await;
    let examination = examined(&passport, 30_000).await;
    assert!(!examination.is_healthy() && examination.findings.is_empty());
    let unknown = examine(&passport.app, "bw", Duration::from_secs(1), Asker::OPERATOR).await;
    assert!(matches!(unknown, Err(DoctorError::Unknown(_))));
    sso_server::flows::apps::disable(&passport.app, "aw").await.unwrap();
    let disabled = examine(&passport.app, "aw", Duration::from_secs(1), Asker::OPERATOR).await;
    assert!(matches!(disabled, Err(DoctorError::Disabled(_))));
}

#[actix_web::test]
async fn by_the_command_line() {
    on_both(async |database| {
        let mut home = Home::new(database).await;
        home.set("SSO_OUTGOING__ALLOW_LOOPBACK", "true");
        let receiver = Receiver::start().await;
        let url = receiver.url();
        let add = ["app", "add", "aw", "--name", "aw", "--return-to", "https://aw.example/cb"];
        home.say(&add);
        let said = home.refused(1, &["app", "doctor", "aw"]);
        assert!(said.contains("nothing of aw listens"), "{said}");
        home.say(&["app", "set", "aw", "--events-url", &url]);
        // This thread waits for the command; the receiver answers on another.
        let run = async |arguments: &'static [&'static str]| {
            let mut command = home.command(arguments);
            actix_web::rt::task::spawn_blocking(move || command.output().unwrap()).await.unwrap()
        };
        // With a server beside it, and without.
        let node = home.serve();
        for beside in [Some(node), None] {
            let done = run(&["app", "doctor", "aw", "--json", "--within", "20s"]).await;
            let found: serde_json::Value = serde_json::from_slice(&done.stdout).unwrap();
            assert_eq!(done.status.code(), Some(0), "{found}");
            assert_eq!(found["healthy"], true);
            assert_eq!(found["listeners"][0]["way"], "push");
            assert!(found["listeners"][0]["obeyed_after_ms"].is_i64());
            drop(beside);
        }
        receiver.otherwise(Play::Status(401));
        let done = run(&["app", "doctor", "aw"]).await;
        assert_eq!(done.status.code(), Some(1));
        let said = String::from_utf8_lossy(&done.stdout);
        assert!(said.contains("answered 401") && said.contains("events secret"), "{said}");
    })
    .await;
}
