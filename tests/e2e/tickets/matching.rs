//! Return URLs as properties: accepted means equal, and what browsers make of it is what we mean.

use std::{
    cell::Cell,
    io::{Read, Write},
    net::TcpListener,
};

use harness::{
    PASSWORD, Passport,
    chromium::{Chromium, Look},
};
use proptest::{collection::vec, prelude::*, sample::select};
use sso_server::domain::{
    app::{App, AppId},
    return_url::{MAX_BYTES, ReturnUrl},
    token::Digest,
};
use url::{Host, Url};

use crate::mutation::{Change, changed};

const REGISTERED: [&str; 5] = [
    "https://app.example/cb",
    "https://app.example/cb?x=1",
    "https://app.example:8443/",
    "http://127.0.0.1/cb",
    "com.example.app:/cb",
];

fn app() -> App {
    App {
        id: AppId::parse("app").unwrap(),
        bit: 0,
        name: "app".to_owned(),
        secret: Digest::of(b""),
        previous_secret: None,
        return_urls: REGISTERED.map(|url| ReturnUrl::register(url).unwrap()).to_vec(),
        origins: Vec::new(),
        events_url: None,
        jsonp_since: None,
        old_browsers_since: None,
        may_end_user_since: None,
        may_login_since: None,
        asks_first_since: None,
        front_logout_url: None,
        disabled_at: None,
        created_at: 0,
    }
}

/// URLs put together of parts that have fooled somebody, URLs that are nearly registered, and noise.
fn urls() -> impl Strategy<Value = String> {
    let parts = [
        "https:",
        "http:",
        "https://",
        "http://",
        "HTTPS://",
        "javascript:",
        "data:",
        "file:",
        "com.example.app:",
        "//",
        "/",
        "///",
        "\\",
        "@",
        ":",
        ";",
        ".",
        "..",
        "%2e",
        "%2f",
        "%5c",
        "%00",
        "%0d%0a",
        "\t",
        "\n",
        "\r",
        " ",
        "\0",
        "\u{ad}",
        "\u{3002}",
        "\u{ff41}",
        "*",
        "#",
        "?",
        "&",
        "=",
        "ticket=",
        "state=",
        "x=1",
        "app.example",
        "app.example.",
        "APP.example",
        "evil.com",
        "localhost",
        "aw.localhost",
        "127.0.0.1",
        "127.1",
        "[::1]",
        "[::ffff:7f00:1]",
        "0x7f.1",
        "xn--pp-7kc",
        ":443",
        ":8443",
        "/cb",
        "cb",
        "/./",
        "/../",
        "a",
    ];
    prop_oneof![
        3 => vec(select(parts.to_vec()), 1..8).prop_map(|parts| parts.concat()),
        3 => (select(REGISTERED.to_vec()), vec(Change::any(), 0..4))
            .prop_map(|(url, changes)| changed(url, &changes)),
        1 => any::<String>(),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    // SECURITY-CASES R-25
    #[test]
    fn accepted_means_equal_bytes(url in urls()) {
        let app = app();
        let accepted = app.return_url(&url).map(ReturnUrl::as_str);
        let equal = REGISTERED.into_iter().find(|registered| registered.as_bytes() == url.as_bytes());
        prop_assert_eq!(accepted, equal);
    }
}

// SECURITY-CASES R-25, R-06, R-11 to R-14: whatever can be registered is read in one way only.
#[test]
fn what_is_registered_means_one_place() {
    let registered = Cell::new(0);
    proptest!(ProptestConfig::with_cases(20_000), |(text in urls())| {
        let Ok(url) = ReturnUrl::register(&text) else { return Ok(()) };
        registered.set(registered.get() + 1);
        prop_assert_eq!(url.as_str(), &text);
        prop_assert!(text.len() <= MAX_BYTES && text.bytes().all(|byte| byte.is_ascii_graphic()));
        prop_assert!(!text.contains(['\\', '#', '*']));
        let read = Url::parse(&text).unwrap();
        prop_assert_eq!(read.as_str(), &text, "a browser opens the same bytes");
        prop_assert!(read.username().is_empty() && read.password().is_none());
        let own_machine = match read.host() {
            Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
            Some(Host::Ipv4(address)) => address.is_loopback(),
            Some(Host::Ipv6(address)) => address.is_loopback(),
            None => false,
        };
        let scheme = read.scheme();
        prop_assert!(scheme == "https" || (scheme == "http" && own_machine) || scheme.contains('.'));

        // Where a ticket is sent: the same place, with one ticket and one state and no fragment.
        let sent = url.with(&[("ticket", "a.b-c_d"), ("state", "s&t=u#v\r\n")]);
        prop_assert!(sent.starts_with(&text) && sent.bytes().all(|byte| byte.is_ascii_graphic()));
        let mut there = Url::parse(&sent).unwrap();
        prop_assert_eq!(there.fragment(), Some(""));
        let all = |name: &str| there.query_pairs().filter(|(found, _)| found == name).count();
        prop_assert_eq!((all("ticket"), all("state")), (1, 1));
        let state = there.query_pairs().find(|(name, _)| name == "state").unwrap().1.into_owned();
        prop_assert_eq!(state, "s&t=u#v\r\n");
        there.set_fragment(None);
        there.set_query(read.query());
        prop_assert_eq!(there, read);
    });
    assert!(registered.get() > 100, "{} were registered", registered.get());
}

/// A site that says "here" to everybody; answers its port. Its thread lives as long as the process.
fn site() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for mut visitor in listener.incoming().flatten() {
            let _ = visitor.read(&mut [0; 8192]);
            let page = "<p id=here>here</p>";
            let head = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nConnection: close";
            let _ = write!(visitor, "{head}\r\nContent-Length: {}\r\n\r\n{page}", page.len());
        }
    });
    port
}

// SECURITY-CASES R-25, R-14, T-28: what a real browser makes of the redirect.
#[actix_web::test]
async fn a_browser_arrives_at_the_registered_place() {
    let passport = Passport::start().await;
    passport.add_user("member").await;
    let urls = [format!("http://app.localhost:{}/cb?x=1", site())];
    let app = passport.add_app_with("app", |app| app.return_urls = &urls).await;
    let chromium = Chromium::start(Look::default()).await;
    // A fragment of the page before must not travel on.
    let login = format!("{}/login{}#_=_", passport.url, app.login_query(&[]));
    for round in ["after the password", "in silence"] {
        chromium.open(&login).await;
        if round == "after the password" {
            chromium.find("input[name=username]").await.send_keys("member").await.unwrap();
            chromium.find("input[name=password]").await.send_keys(PASSWORD).await.unwrap();
            chromium.find("main form button[type=submit]").await.click().await.unwrap();
        }
        chromium.find("#here").await;
        let at = chromium.ask("location.href").await.as_str().unwrap().to_owned();
        let ticket = at
            .strip_prefix(&format!("{}&ticket=", urls[0]))
            .and_then(|rest| rest.strip_suffix("&state=st-1#"))
            .unwrap_or_else(|| panic!("{round}: {at}"));
        assert_eq!(chromium.ask("location.hash + document.referrer").await, "", "{round}");
        assert_eq!(app.redeem(ticket).await.status, 200, "{round}");
    }
    chromium.quit().await;
}
