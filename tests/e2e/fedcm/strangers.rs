//! Whoever may not have an assertion gets nothing, and the same nothing whoever sits before it.

use harness::{Answer, browser::encode, fedcm::ASSERTS};
use reqwest::Method;

use crate::scene::{Scene, assert_closed, assert_open_to, refusal, seen};

const PATHS: [&str; 2] = ["/fedcm/assertion", "/fedcm/disconnect"];

impl Scene {
    /// The fields that are right for aw, for both endpoints.
    fn fields(&self) -> String {
        let mut fields = self.aw.assertion_fields(&self.member);
        fields.push(("account_hint", self.member.clone()));
        encode(fields.iter().map(|(name, value)| (*name, value.as_str())))
    }

    async fn post(&self, path: &str, body: &str, headers: &[(&str, &str)]) -> [Answer; 2] {
        let mut answers = Vec::new();
        for browser in [&self.browser, &self.stranger] {
            let mut there = browser.on_another_site();
            answers.push(there.post_body(path, body.to_owned(), headers).await);
        }
        answers.try_into().unwrap()
    }

    async fn assert_nothing(&self, path: &str, body: &str, headers: &[(&str, &str)]) {
        let [inside, outside] = self.post(path, body, headers).await;
        assert_eq!(seen(&inside), seen(&outside), "{path} {headers:?}");
        assert_eq!(inside.status, 403, "{path} {headers:?}: {}", inside.body);
        assert_eq!(refusal(&inside), "unauthorized_client");
        assert_closed(&inside);
        assert_eq!(inside.header("cross-origin-resource-policy"), "same-origin");
    }
}

// SECURITY-CASES J-06, J-07, J-14: the exact origin of the app whose id is given.
#[actix_web::test]
async fn only_a_page_of_the_app_itself() {
    let scene = Scene::start().await;
    let origin = scene.aw.origin();
    let body = scene.fields();
    for path in PATHS {
        for other in [
            "null".to_owned(),
            String::new(),
            "*".to_owned(),
            "http://evil.localhost".to_owned(),
            "http://aw.localhost.evil.example".to_owned(),
            "http://evilaw.localhost".to_owned(),
            scene.bw.origin(),
            scene.passport.url.clone(),
            origin.to_uppercase(),
            format!("{origin}/"),
            format!("{origin}:8443"),
            origin.replace("aw.", "x.aw."),
            origin.replace("http:", "https:"),
            format!("{origin}, {origin}"),
        ] {
            let headers: Vec<_> = ASSERTS.into_iter().chain([("origin", &*other)]).collect();
            scene.assert_nothing(path, &body, &headers).await;
        }
        scene.assert_nothing(path, &body, &ASSERTS).await;
        let own = ("origin", origin.as_str());
        let twice: Vec<_> = ASSERTS.into_iter().chain([own, own]).collect();
        scene.assert_nothing(path, &body, &twice).await;
        // aw's page with another's id, or with none's.
        let right: Vec<_> = ASSERTS.into_iter().chain([own]).collect();
        for id in ["bw", "zz", "AW", ""] {
            let body = body.replace("client_id=aw", &format!("client_id={id}"));
            scene.assert_nothing(path, &body, &right).await;
        }
        let [inside, outside] = scene.post(path, &body, &right).await;
        assert_eq!((inside.status.as_u16(), outside.status.as_u16()), (200, 403), "control");
        assert_open_to(&inside, &origin);
    }
}

// SECURITY-CASES J-06: what a page itself can send, with our cookies or without.
#[actix_web::test]
async fn only_the_browser_on_its_own_account() {
    let scene = Scene::start().await;
    let origin = scene.aw.origin();
    let own = ("origin", origin.as_str());
    let body = scene.fields();
    for path in PATHS {
        for dest in ["empty", "document", "iframe", "script", "", "WEBIDENTITY", "webidentity,x"] {
            let headers = [ASSERTS[0], ASSERTS[1], ("sec-fetch-dest", dest), own];
            scene.assert_nothing(path, &body, &headers).await;
        }
        scene.assert_nothing(path, &body, &[own]).await;
        scene.assert_nothing(path, &body, &[own, ASSERTS[2], ASSERTS[2]]).await;
        scene.assert_nothing(path, &body, &[own, ASSERTS[2], ("sec-fetch-dest", "empty")]).await;
        // No preflight is answered, and a form of another type is none.
        let preflight = [own, ASSERTS[2], ("access-control-request-method", "POST")];
        for method in [Method::OPTIONS, Method::GET, Method::PUT] {
            let mut browser = scene.browser.on_another_site();
            let answer = browser.request(method.clone(), path, None, &preflight).await;
            assert_eq!(answer.status, 405, "{method} {path}");
            assert_closed(&answer);
        }
        for kind in ["text/plain", "application/json", "multipart/form-data"] {
            let headers = [own, ASSERTS[0], ASSERTS[1], ASSERTS[2], ("content-type", kind)];
            let mut browser = scene.browser.on_another_site();
            let answer = browser.request(Method::POST, path, Some(body.clone()), &headers).await;
            assert_eq!((answer.status.as_u16(), &*refusal(&answer)), (400, "invalid_request"));
            assert_closed(&answer);
        }
    }
}
