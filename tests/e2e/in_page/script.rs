//! `sso.js` as it is served: its size, its headers, and that what is declared is there.

use harness::Passport;

use crate::scene::{Cookies, Scene, until};

/// So much may go over the wire.
const SIZE_MOST: usize = 8_000;

#[actix_web::test]
async fn it_is_small_and_for_every_page() {
    let passport = Passport::start().await;
    let mut browser = passport.browser();
    for (path, kind) in [
        ("/sso.js", "text/javascript; charset=utf-8"),
        ("/sso.mjs", "text/javascript; charset=utf-8"),
        ("/sso.d.ts", "text/plain; charset=utf-8"),
    ] {
        let plain = browser.get(path).await;
        assert_eq!((plain.status.as_u16(), plain.header("content-type")), (200, kind));
        assert_eq!(plain.header("cross-origin-resource-policy"), "cross-origin");
        assert_eq!(plain.header("access-control-allow-origin"), "*");
        assert_eq!(plain.header("access-control-allow-credentials"), "");
        assert_eq!((plain.header("cache-control"), plain.header("set-cookie")), ("no-cache", ""));
        assert_eq!(plain.header("x-content-type-options"), "nosniff");
        let tag = plain.header("etag").to_owned();
        let known = browser.get_with(path, &[("if-none-match", &tag)]).await;
        assert_eq!((known.status.as_u16(), &*known.body), (304, ""), "{path}");
        if path != "/sso.d.ts" {
            let url = format!("http://{}{path}", passport.address);
            let size = compressed(&url, browser.url().strip_prefix("http://").unwrap()).await;
            println!("{path}: {size} bytes gzipped, {} plain", plain.body.len());
            assert!(size < SIZE_MOST, "{path}: {size} bytes");
        }
    }
}

/// Bytes of a gzipped answer.
#[expect(clippy::disallowed_methods, reason = "the bytes as they are sent")]
async fn compressed(url: &str, host: &str) -> usize {
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let asked = http.get(url).header("host", host).header("accept-encoding", "gzip");
    let answer = asked.send().await.unwrap();
    assert_eq!(answer.headers()["content-encoding"], "gzip");
    answer.bytes().await.unwrap().len()
}

/// The names that the declarations give to what `Passport` has.
fn declared(types: &str) -> Vec<String> {
    let body =
        types.split_once("export interface Passport {").unwrap().1.split_once("\n}").unwrap().0;
    let mut names: Vec<String> = body
        .lines()
        .map(|line| line.trim().trim_start_matches("readonly "))
        .filter(|line| !line.is_empty() && !line.starts_with('/') && !line.starts_with('*'))
        .map(|line| line.split(['(', ':']).next().unwrap().to_owned())
        .collect();
    names.sort();
    names
}

#[actix_web::test]
async fn script_and_module_have_what_is_declared() {
    let scene = Scene::start(Cookies::Allowed).await;
    scene.sign_in().await;
    let passport = &scene.family.passport.url;
    let types = scene.family.passport.browser().get("/sso.d.ts").await.body;
    scene.at_bw("/how").await;
    until("it is done", async || scene.browser.text().await.contains("You are goal")).await;
    let names = scene.run("Object.keys(window.passport).sort()").await;
    assert_eq!(names, serde_json::json!(declared(&types)));
    // As a module, with its options in the address.
    let module = format!("import('{passport}/sso.mjs?app=bw&silent=off')");
    let script = format!("{module}.then((m) => Object.keys(m).sort())");
    let exported: Vec<String> = scene
        .run(&script)
        .await
        .as_array()
        .unwrap()
        .iter()
        .map(|n| n.as_str().unwrap().to_owned())
        .collect();
    for name in types.lines().filter_map(|line| line.strip_prefix("export const ")) {
        let name = name.split(':').next().unwrap();
        assert!(exported.iter().any(|one| one == name), "{name} in {exported:?}");
    }
    let said = scene.run(&format!("{module}.then((m) => m.check())")).await;
    assert_eq!(said["status"], "signed_in", "{said}");
    scene.browser.quit().await;
}
