//! A ticket is for one app, one return URL, one verifier. Shown with anything else it is burned.

use harness::{Database, TestApp, app::VERIFIER, app::challenge, on_both};
use serde_json::{Value, json};

use crate::{
    forge::claims_of,
    scene::{Scene, assert_problem},
};

// SECURITY-CASES T-02
#[actix_web::test]
async fn another_app_burns_the_ticket_and_does_not_enter() {
    on_both(async |database| {
        let mut scene = Scene::on(database).await;
        for return_to in [Some(scene.aw.return_to.clone()), Some(scene.bw.return_to.clone()), None]
        {
            let ticket = scene.ticket().await;
            let spent = scene.spent().await;
            let body = json!({ "ticket": ticket, "return_to": return_to });
            let line = scene.refuses("ticket_wrong_app", scene.bw.redeem_body(body, &[])).await;
            assert_eq!(line.app.as_deref(), Some("bw"), "who has shown it");
            assert_eq!(line.user.as_deref(), Some(scene.member.as_str()), "whose it was");
            assert_eq!(scene.spent().await, spent + 1, "burned");
            scene.refuses("already_used", scene.aw.redeem(&ticket)).await;
            scene.refuses("already_used", scene.bw.redeem(&ticket)).await;
        }
        let ticket = scene.ticket().await;
        assert_eq!(scene.aw.redeem(&ticket).await.status, 200, "control: the right app enters");
    })
    .await;
}

// SECURITY-CASES T-03
#[actix_web::test]
async fn another_return_url_burns_the_ticket() {
    on_both(async |database| {
        let mut scene = Scene::on(database).await;
        let urls = ["http://cw.localhost/cb".to_owned(), "http://cw.localhost/other".to_owned()];
        let cw = scene.passport.add_app_with("cw", |app| app.return_urls = &urls).await;
        for other in [
            json!("http://cw.localhost/other"),
            json!("http://cw.localhost/cb/"),
            json!("http://cw.localhost/cb?"),
            json!("http://cw.localhost/cb#"),
            json!("http://cw.localhost/CB"),
            json!("http://CW.localhost/cb"),
            json!("http://cw.localhost:80/cb"),
            json!("http://cw.localhost/c%62"),
            json!("http://cw.localhost/c"),
            json!(" http://cw.localhost/cb"),
            json!("http://cw.localhost/cb\n"),
            json!(format!("http://cw.localhost/cb{}", "x".repeat(40_000))),
            json!(""),
            Value::Null,
        ] {
            let ticket = cw.send(&mut scene.browser).await.ticket();
            let spent = scene.spent().await;
            let body = json!({ "ticket": ticket, "return_to": other });
            scene.refuses("wrong_return_url", cw.redeem_body(body, &[])).await;
            assert_eq!(scene.spent().await, spent + 1, "burned");
            scene.refuses("already_used", cw.redeem(&ticket)).await;
        }
        let ticket = cw.send(&mut scene.browser).await.ticket();
        assert_eq!(cw.redeem(&ticket).await.status, 200, "control");
    })
    .await;
}

// SECURITY-CASES T-03: RFC 7636, and RFC 9700 section 4.8.2 for a verifier that nobody asked for.
#[actix_web::test]
async fn another_verifier_burns_the_ticket() {
    let mut scene = Scene::start().await;
    let challenge = challenge(VERIFIER);
    let other = VERIFIER.replacen('d', "D", 1);
    let wrong = [
        Value::Null,
        json!(""),
        json!(challenge),
        json!(other),
        json!(&VERIFIER[..42]),
        json!(format!("{VERIFIER}=")),
        json!(format!("{VERIFIER}\n")),
        json!(VERIFIER.repeat(500)),
    ];
    for verifier in wrong {
        let sent = scene.aw.send_with(&mut scene.browser, &[("challenge", &challenge)]).await;
        let ticket = sent.ticket();
        let show = |verifier: &Value| json!({ "ticket": ticket, "return_to": scene.aw.return_to, "verifier": verifier });
        let spent = scene.spent().await;
        scene.refuses("wrong_verifier", scene.aw.redeem_body(show(&verifier), &[])).await;
        assert_eq!(scene.spent().await, spent + 1, "burned");
        scene.refuses("already_used", scene.aw.redeem_body(show(&json!(VERIFIER)), &[])).await;
    }
    let sent = scene.aw.send_with(&mut scene.browser, &[("challenge", &challenge)]).await;
    let right =
        json!({ "ticket": sent.ticket(), "return_to": scene.aw.return_to, "verifier": VERIFIER });
    assert_eq!(scene.aw.redeem_body(right, &[]).await.status, 200, "control");

    for superfluous in ["", VERIFIER] {
        let ticket = scene.ticket().await;
        let body =
            json!({ "ticket": ticket, "return_to": scene.aw.return_to, "verifier": superfluous });
        scene.refuses("wrong_verifier", scene.aw.redeem_body(body, &[])).await;
    }
    let ticket = scene.ticket().await;
    assert_eq!(scene.aw.redeem(&ticket).await.status, 200, "control: none asked for, none shown");
}

// The person and the session are in the ticket, and nothing about them but their names.
#[actix_web::test]
async fn a_ticket_tells_nothing_about_the_person() {
    let mut scene = Scene::start().await;
    let sent = scene.aw.send_with(&mut scene.browser, &[("challenge", &challenge(VERIFIER))]).await;
    let claims = claims_of(&sent.ticket());
    let mut names: Vec<&str> = claims.as_object().unwrap().keys().map(String::as_str).collect();
    names.sort_unstable();
    let expected =
        ["aud", "challenge_hash", "exp", "iat", "iss", "jti", "return_to_hash", "sid", "sub"];
    assert_eq!(names, expected);
    let text = claims.to_string();
    for private in ["member", "example.org", "callback", &challenge(VERIFIER)] {
        assert!(!text.contains(private), "{private} in {text}");
    }
}

/// One row of the truth table.
struct Row {
    id: &'static str,
    secret: &'static str,
    ticket_is_right: bool,
}

// SECURITY-CASES T-04
#[actix_web::test]
async fn only_the_row_in_which_everything_is_right_passes() {
    on_both(async |database| truth_table(database).await).await;
}

async fn truth_table(database: Database) {
    let mut scene = Scene::on(database).await;
    let secret_of = |name: &str, scene: &Scene| match name {
        "aw's" => scene.aw.secret.clone(),
        "bw's" => scene.bw.secret.clone(),
        "cut" => scene.aw.secret[..42].to_owned(),
        "made up" => "A".repeat(43),
        _ => String::new(),
    };
    for id in ["aw", "bw", "nobody", "AW", ""] {
        for secret in ["aw's", "bw's", "cut", "made up", "empty"] {
            for ticket_is_right in [true, false] {
                let row = Row { id, secret, ticket_is_right };
                let ticket = scene.ticket().await;
                let shown = if row.ticket_is_right { ticket.clone() } else { altered(&ticket) };
                let mut caller: TestApp = scene.aw.clone();
                (caller.id, caller.secret) = (row.id.to_owned(), secret_of(row.secret, &scene));
                let case = format!("{}, {}, {}", row.id, row.secret, row.ticket_is_right);

                let (entered, spent) = (scene.entered().await, scene.spent().await);
                let answer = caller.redeem(&shown).await;
                let known = matches!((row.id, row.secret), ("aw", "aw's") | ("bw", "bw's"));
                let passes = known && row.id == "aw" && row.ticket_is_right;
                match (known, passes) {
                    (_, true) => assert_eq!(answer.status, 200, "{case}"),
                    (true, false) => assert_problem(&answer, 400, "invalid_ticket"),
                    (false, _) => {
                        assert_problem(&answer, 401, "invalid_client");
                        assert!(answer.header("www-authenticate").starts_with("Basic "), "{case}");
                        assert_eq!(scene.spent().await, spent, "{case}: a stranger burns nothing");
                    }
                }
                assert_eq!(scene.entered().await, entered + i64::from(passes), "{case}");
                let burned = known && row.ticket_is_right;
                let afterwards = scene.aw.redeem(&ticket).await.status.as_u16();
                assert_eq!(
                    afterwards,
                    if burned { 400 } else { 200 },
                    "{case}, then the right row"
                );
            }
        }
    }
}

/// The same ticket with one character of its signature changed.
fn altered(ticket: &str) -> String {
    let at = ticket.rfind('.').unwrap() + 5;
    let other = if ticket.as_bytes()[at] == b'A' { "B" } else { "A" };
    format!("{}{other}{}", &ticket[..at], &ticket[at + 1..])
}
