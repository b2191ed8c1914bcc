//! Whose pages may ask, and how: shown where an administrator looks.

use harness::Passport;
use reqwest::Method;
use serde_json::json;
use sso_server::{
    domain::admin::Scope,
    flows::apps::{self, ChangeApp},
};

use crate::scene::{Program, add_admin};

#[actix_web::test]
async fn an_admin_sees_whose_pages_may_ask_and_how() {
    let passport = Passport::start().await;
    passport.add_app("aw").await;
    add_admin(&passport, "admin").await;
    let mut admin = passport.signed_in("admin").await;
    let program = Program::new(&passport, "siem", &[Scope::AppsRead]).await;
    for allowed in [false, true] {
        let both = Some(allowed);
        let change = ChangeApp { jsonp: both, old_browsers: both, ..ChangeApp::default() };
        apps::update(&passport.app, "aw", change).await.unwrap();
        let page = admin.get("/admin/apps/aw").await.text();
        assert!(page.contains("Pages that may askhttp://aw.localhost"), "{page}");
        assert_eq!(page.contains("JSONP known by Referer"), allowed, "{page}");
        let told = program.call(Method::GET, "/apps/aw", None).await.json();
        assert_eq!(told["origins"], json!(["http://aw.localhost"]));
        assert_eq!((&told["jsonp"], &told["old_browsers"]), (&json!(allowed), &json!(allowed)));
    }
    let change = ChangeApp { origins: Some(&[]), ..ChangeApp::default() };
    apps::update(&passport.app, "aw", change).await.unwrap();
    let page = admin.get("/admin/apps/aw").await.text();
    assert!(!page.contains("Pages that may ask"), "{page}");
}
