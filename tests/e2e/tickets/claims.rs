//! What a ticket says: every claim is demanded, understood, and held against the session.

use serde_json::{Value, json};

use crate::{
    forge::{Forge, claims_of},
    forgery::{changed, refuses_all},
    scene::Scene,
};

// SECURITY-CASES T-19
#[actix_web::test]
async fn every_claim_is_demanded_and_understood() {
    let mut scene = Scene::start().await;
    let issuer = scene.passport.url.clone();
    refuses_all(&mut scene, |forge, claims| {
        let (iat, exp) = (claims["iat"].as_i64().unwrap(), claims["exp"].as_i64().unwrap());
        let mut rows: Vec<(&str, Option<Value>)> =
            ["iss", "aud", "sub", "sid", "jti", "iat", "exp"].map(|claim| (claim, None)).to_vec();
        rows.extend(
            [
                ("iss", json!("https://evil.example")),
                ("iss", json!(format!("{issuer}/"))),
                ("iss", json!(issuer.to_uppercase())),
                ("iss", json!([issuer])),
                ("iss", json!("")),
                ("iss", json!(null)),
                ("aud", json!(["aw", "bw"])),
                ("aud", json!(["aw"])),
                ("aud", json!(null)),
                ("sub", json!(7)),
                ("sid", json!(["x"])),
                ("jti", json!("")),
                ("jti", json!(null)),
                ("exp", json!(exp.to_string())),
                ("exp", json!(-1)),
                ("exp", json!(1e300)),
                ("exp", json!(exp as f64 + 0.5)),
                ("exp", json!(null)),
                ("exp", json!(iat)),
                ("exp", json!(iat + 301)),
                ("exp", json!(i64::MAX)),
                ("exp", json!(u64::MAX)),
                ("iat", json!(iat.to_string())),
                ("iat", json!(i64::MIN)),
                ("iat", json!(iat as f64 + 0.5)),
                ("nbf", json!(exp + 3_600)),
                ("return_to_hash", json!(7)),
                ("admin", json!(true)),
            ]
            .map(|(claim, value)| (claim, Some(value))),
        );
        let header = forge.header().to_string();
        let mut texts: Vec<(String, String)> = rows
            .into_iter()
            .map(|(claim, value)| changed(claims.clone(), claim, value).to_string())
            .map(|text| (text.clone(), forge.sign_text(&header, &text)))
            .collect();
        let whole = claims.to_string();
        for text in [
            whole.replacen('{', r#"{"aud":"bw","#, 1),
            whole.replacen('{', r#"{"aud":"aw","#, 1),
            whole.replacen('{', &format!(r#"{{"exp":{},"#, exp + 60), 1),
            format!("[{whole}]"),
            format!("{whole}{whole}"),
            "null".to_owned(),
            "\"\"".to_owned(),
            String::new(),
        ] {
            texts.push((text.clone(), forge.sign_text(&header, &text)));
        }
        texts.push((
            "a header with two algorithms".to_owned(),
            forge.sign_text(&header.replacen('{', r#"{"alg":"none","#, 1), &whole),
        ));
        texts
    })
    .await;
}

// SECURITY-CASES T-19: a ticket from the future is from another clock.
#[actix_web::test]
async fn a_minute_ahead_is_a_clock_beyond_it_a_lie() {
    let mut scene = Scene::start().await;
    let forge = Forge::insider(&scene.passport).await;
    for (ahead, genuine) in [(60, true), (61, false), (86_400, false)] {
        let mut claims = claims_of(&scene.ticket().await);
        for claim in ["iat", "exp"] {
            claims[claim] = json!(claims[claim].as_i64().unwrap() + ahead);
        }
        // As `refuses` moves the clock a millisecond, stay clear of the second's edge.
        let text = forge.sign(&forge.header(), &claims);
        match genuine {
            true => assert_eq!(scene.aw.redeem(&text).await.status, 200),
            false => drop(scene.refuses("not_genuine", scene.aw.redeem(&text)).await),
        }
    }
}

// SECURITY-CASES T-19: who is named must be who is behind the session.
#[actix_web::test]
async fn claims_that_contradict_the_session_let_nobody_in() {
    let mut scene = Scene::start().await;
    let other = scene.passport.add_user("other").await;
    let forge = Forge::insider(&scene.passport).await;
    for (claim, value) in [("sub", other.as_str()), ("sid", "no-such-session"), ("sid", "")] {
        let ticket = scene.ticket().await;
        let claims = changed(claims_of(&ticket), claim, Some(json!(value)));
        let line = scene
            .refuses("session_over", scene.aw.redeem(&forge.sign(&forge.header(), &claims)))
            .await;
        assert_eq!(line.app.as_deref(), Some("aw"));
        scene.refuses("already_used", scene.aw.redeem(&ticket)).await;
    }
    let ticket = scene.ticket().await;
    assert_eq!(scene.aw.redeem(&ticket).await.json()["user"]["id"], scene.member);
}
