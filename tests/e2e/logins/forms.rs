//! Forms that only our own pages can send, and only from the browser that they were shown to.

use harness::{Answer, Browser, PASSWORD, Passport, browser::encode};
use reqwest::Method;

use crate::scene::{counters, filled_in, live_sessions};

async fn with_members() -> Passport {
    let passport = Passport::start().await;
    for name in ["victim", "crook"] {
        passport.add_user(name).await;
    }
    passport
}

/// Nobody got in, nothing was counted or hashed, and the form is there to be sent again.
async fn assert_refused(passport: &Passport, answer: &Answer, what: &str) {
    assert_eq!(answer.status, 403, "{what}");
    assert!(!answer.body.contains(PASSWORD), "{what}");
    assert!(
        answer
            .headers
            .get_all("set-cookie")
            .iter()
            .all(|cookie| { !cookie.to_str().unwrap().starts_with("__Host-passport=") })
    );
    assert_eq!(live_sessions(passport).await, 0, "{what}");
    assert_eq!((counters(passport).await.len(), passport.app.passwords.work()), (0, 128), "{what}");
}

// SECURITY-CASES L-19: another site's page cannot sign a browser in, whatever it sends along.
#[actix_web::test]
async fn another_sites_form_signs_nobody_in() {
    let passport = with_members().await;
    let mut browser = passport.browser();
    let form = filled_in(&mut browser, "crook", PASSWORD).await;
    let body = encode(form.fields.iter().map(|(name, value)| (name.as_str(), value.as_str())));
    let own = passport.url.clone();
    for headers in [
        &[("sec-fetch-site", "cross-site")][..],
        &[("sec-fetch-site", "same-site")],
        &[("sec-fetch-site", "none")],
        &[("sec-fetch-site", "cross-site"), ("origin", &own)],
        &[("sec-fetch-site", "cross-site"), ("origin", "null")],
        &[("origin", "https://evil.example")],
        &[("origin", "http://evil.localhost")],
        &[("origin", "")],
        &[("sec-fetch-site", "same-origin"), ("origin", "https://evil.example")],
        &[("sec-fetch-site", "same-origin"), ("origin", &format!("{own}.evil.example"))],
        &[("sec-fetch-site", "same-origin"), ("origin", &own.replace("http:", "https:"))],
        &[("sec-fetch-site", "same-origin"), ("origin", &own.replace("sso.", ""))],
    ] {
        let answer = browser.post_body("/login", body.clone(), headers).await;
        assert_refused(&passport, &answer, &format!("{headers:?}")).await;
    }
    for kind in ["text/plain", "application/json", "multipart/form-data; boundary=x", ""] {
        let headers = [("content-type", kind)];
        let answer = browser.request(Method::POST, "/login", Some(body.clone()), &headers).await;
        assert_eq!(answer.status, 415, "{kind}");
        assert_eq!(live_sessions(&passport).await, 0, "{kind}");
    }
    let own_page = [("sec-fetch-site", "same-origin"), ("origin", own.as_str())];
    assert_eq!(browser.post_body("/login", body, &own_page).await.status, 303);
}

// SECURITY-CASES L-20: a token of this browser, of this form, of before the login, and no other.
#[actix_web::test]
async fn only_the_token_shown_here_is_taken() {
    let passport = with_members().await;
    let mut browser = passport.browser();
    let form = filled_in(&mut browser, "victim", PASSWORD).await;
    let good = form.field("csrf").to_owned();
    let others = filled_in(&mut passport.browser(), "victim", PASSWORD).await;
    let mut flipped = good.clone().into_bytes();
    flipped[0] = if flipped[0] == b'A' { b'B' } else { b'A' };
    let flipped = String::from_utf8(flipped).unwrap();
    for (what, csrf) in [
        ("empty", ""),
        ("another browser's", others.field("csrf")),
        ("cut", &good[..good.len() - 1]),
        ("longer", &format!("{good}A")),
        ("one bit off", &flipped),
        ("the cookie's own value", &browser.cookies["__Host-passport-form"].clone()),
    ] {
        let answer = browser.submit(&form.clone().with("csrf", csrf)).await;
        assert_refused(&passport, &answer, what).await;
    }
    let answer = browser.submit(&form.clone().without("csrf")).await;
    assert_refused(&passport, &answer, "missing").await;
    let mut without_cookie = passport.browser();
    let answer = without_cookie.submit(&form).await;
    assert_refused(&passport, &answer, "without the cookie").await;
    assert_eq!(browser.submit(&form).await.status, 303);
}

// SECURITY-CASES L-20: no other method does what the form does.
#[actix_web::test]
async fn only_a_post_signs_in() {
    let passport = with_members().await;
    let mut browser = passport.browser();
    let form = filled_in(&mut browser, "victim", PASSWORD).await;
    let fields = encode(form.fields.iter().map(|(name, value)| (name.as_str(), value.as_str())));
    let answer = browser.get(&format!("/login?{fields}")).await;
    assert_eq!(answer.status, 200, "a page, and nobody in");
    let answer = browser.get(&format!("/login?{fields}&_method=POST")).await;
    assert_eq!(answer.status, 200);
    for method in [Method::HEAD, Method::PUT, Method::PATCH, Method::DELETE, Method::OPTIONS] {
        let headers = [
            ("content-type", "application/x-www-form-urlencoded"),
            ("x-http-method-override", "POST"),
        ];
        let answer =
            browser.request(method.clone(), "/login", Some(fields.clone()), &headers).await;
        assert_eq!(answer.status, 405, "{method}");
    }
    assert_eq!((live_sessions(&passport).await, counters(&passport).await.len()), (0, 0));
    assert_eq!(browser.submit(&form).await.status, 303);
}

// SECURITY-CASES L-20: the token rotates at login, at login again, and with the person.
#[actix_web::test]
async fn a_token_of_before_is_void_after() {
    let passport = with_members().await;
    let mut browser = passport.browser();
    let before = filled_in(&mut browser, "victim", PASSWORD).await;
    browser.sign_in("victim").await;
    assert!(!browser.cookies.contains_key("__Host-passport-form"), "its cookie is gone");
    let sessions = "SELECT COUNT(*) FROM sessions";
    assert_eq!(browser.submit(&before.clone().with("username", "crook")).await.status, 403);

    let aw = passport.add_app("aw").await;
    let ask = aw.login_query(&[("prompt", "login")]);
    let inside = browser.login_form(&ask, "victim", PASSWORD).await;
    let leave = browser.get("/logout").await.form("/logout");
    assert_eq!(browser.submit(&inside).await.status, 303, "again");
    assert_eq!(browser.submit(&inside).await.status, 403, "the same form once more");
    assert_eq!(browser.submit(&leave).await.status, 403, "a form from before");
    assert!(browser.is_signed_in().await);
    assert_eq!(passport.count(sessions).await, 1);

    let leave = browser.get("/logout").await.form("/logout");
    let login_token = browser.login_form(&ask, "victim", PASSWORD).await.field("csrf").to_owned();
    let crossed = leave.clone().with("csrf", &login_token);
    assert_eq!(browser.submit(&crossed).await.status, 403, "another form's token");
    assert_eq!(browser.submit(&leave).await.status, 303);
    assert!(!browser.is_signed_in().await);
}

// SECURITY-CASES L-19, B-13: nor can another site end anything.
#[actix_web::test]
async fn another_site_ends_no_session() {
    let passport = with_members().await;
    let mut browser: Browser = passport.signed_in("victim").await;
    let other = passport.signed_in("victim").await;
    for (path, action) in [("/logout", "/logout"), ("/account", "/account/sessions/end")] {
        let form = browser.get(path).await.form(action);
        let body = encode(form.fields.iter().map(|(name, value)| (name.as_str(), value.as_str())));
        for headers in
            [&[("sec-fetch-site", "cross-site")][..], &[("origin", "https://evil.example")]]
        {
            let answer = browser.post_body(action, body.clone(), headers).await;
            assert_eq!(answer.status, 403, "{action} {headers:?}");
        }
        let tokenless = form.clone().without("csrf");
        assert_eq!(browser.submit(&tokenless).await.status, 403, "{action}");
        let foreign = other.clone().get(path).await.form(action).field("csrf").to_owned();
        assert_eq!(browser.submit(&form.with("csrf", &foreign)).await.status, 403, "{action}");
    }
    assert_eq!(browser.get("/logout").await.status, 200, "the question alone");
    assert_eq!(live_sessions(&passport).await, 2);
    browser.sign_out().await;
    assert_eq!(live_sessions(&passport).await, 1);
}
