//! Bytes that two readers could read differently: refused whole, and nothing after them is read.

use harness::{Passport, raw};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// Sends raw bytes; `H` stands for the right `Host`.
async fn send(passport: &Passport, request: &str) -> String {
    let host = passport.url.strip_prefix("http://").unwrap();
    raw::exchange(passport.address, request.replace("{H}", host).as_bytes()).await
}

/// How many answers came: more than one, and something hidden was read as a request.
fn answers(text: &str) -> usize {
    text.matches("HTTP/1.1 ").count()
}

const HIDDEN: &str = "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n";

// SECURITY-CASES H-12.
#[actix_web::test]
async fn ambiguous_lengths_are_400_and_close_the_connection() {
    let passport = Passport::start().await;
    let form = "Content-Type: application/x-www-form-urlencoded\r\n";
    let rows = [
        ("both lengths", "Content-Length: 3\r\nTransfer-Encoding: chunked", "0\r\n\r\n"),
        ("both, the other way", "Transfer-Encoding: chunked\r\nContent-Length: 3", "0\r\n\r\n"),
        ("two lengths", "Content-Length: 3\r\nContent-Length: 4", "abcd"),
        ("one length twice", "Content-Length: 3\r\nContent-Length: 3", "abc"),
        ("a list of lengths", "Content-Length: 3, 3", "abc"),
        ("a signed length", "Content-Length: +3", "abc"),
        ("a negative length", "Content-Length: -3", "abc"),
        ("a length in hex", "Content-Length: 0x3", "abc"),
        ("half a length", "Content-Length: 3.0", "abc"),
        ("a length of a word", "Content-Length: three", "abc"),
        ("a length beyond numbers", "Content-Length: 99999999999999999999", "abc"),
        ("an unknown coding", "Transfer-Encoding: xchunked", "0\r\n\r\n"),
        ("a coding before it", "Transfer-Encoding: gzip, chunked", "0\r\n\r\n"),
        ("a coding behind it", "Transfer-Encoding: chunked, identity", "0\r\n\r\n"),
        ("chunked twice", "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", "0\r\n\r\n"),
        ("a vertical tab", "Transfer-Encoding:\x0bchunked", "0\r\n\r\n"),
        ("quotes", "Transfer-Encoding: \"chunked\"", "0\r\n\r\n"),
        ("a blank before the colon", "Transfer-Encoding : chunked", "0\r\n\r\n"),
        ("a blank before the name", " Transfer-Encoding: chunked", "0\r\n\r\n"),
        ("a folded line", "Transfer-Encoding:\r\n chunked", "0\r\n\r\n"),
        ("a folded stranger", "X: a\r\n b", ""),
        ("a lone CR", "X: a\rTransfer-Encoding: chunked", ""),
        ("a NUL", "X: a\0b", ""),
        ("no colon", "Nonsense", ""),
    ];
    for (what, headers, body) in rows {
        let request =
            format!("POST /login HTTP/1.1\r\nHost: {{H}}\r\n{form}{headers}\r\n\r\n{body}{HIDDEN}");
        let answer = send(&passport, &request).await;
        assert_eq!(raw::status(&answer), 400, "{what}: {answer}");
        assert_eq!(answers(&answer), 1, "{what}: {answer}");
        assert!(answer.to_lowercase().contains("connection: close"), "{what}: {answer}");
    }
    // An HTTP/1.0 client cannot have meant chunks.
    let old = "POST /login HTTP/1.0\r\nHost: {H}\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n";
    assert_eq!(raw::status(&send(&passport, old).await), 400);

    // One length, either way, is read; and what follows is the next request.
    for (headers, body) in [
        ("Content-Length: 7", "csrf=ab"),
        ("Transfer-Encoding: chunked", "7\r\ncsrf=ab\r\n0\r\n\r\n"),
    ] {
        let next = "GET /healthz HTTP/1.1\r\nHost: {H}\r\nConnection: close\r\n\r\n";
        let request =
            format!("POST /login HTTP/1.1\r\nHost: {{H}}\r\n{form}{headers}\r\n\r\n{body}{next}");
        let answer = send(&passport, &request).await;
        assert_eq!((raw::status(&answer), answers(&answer)), (400, 2), "{headers}: {answer}");
        assert!(answer.ends_with("{\"status\":\"ok\"}"), "{headers}: {answer}");
    }
}

// SECURITY-CASES H-12: chunks that are none.
#[actix_web::test]
async fn a_chunk_that_is_none_ends_the_body_and_the_connection() {
    let passport = Passport::start().await;
    let head = "POST /login HTTP/1.1\r\nHost: {H}\r\nTransfer-Encoding: chunked\r\n\
                Content-Type: application/x-www-form-urlencoded\r\n\r\n";
    for (what, chunks) in [
        ("a size with a prefix", "0x7\r\ncsrf=ab\r\n0\r\n\r\n"),
        ("a signed size", "+7\r\ncsrf=ab\r\n0\r\n\r\n"),
        ("a negative size", "-7\r\ncsrf=ab\r\n0\r\n\r\n"),
        ("no size", "\r\ncsrf=ab\r\n0\r\n\r\n"),
        ("a size beyond numbers", "fffffffffffffffff\r\ncsrf=ab\r\n0\r\n\r\n"),
        ("a size that overflows", "10000000000000007\r\ncsrf=ab\r\n0\r\n\r\n"),
        ("longer than its size", "7\r\ncsrf=abXX\r\n0\r\n\r\n"),
        ("a bare LF behind its size", "7\ncsrf=ab\r\n0\r\n\r\n"),
        ("a bare LF in an extension", "7;a\nb\r\ncsrf=ab\r\n0\r\n\r\n"),
        ("a blank before its size", " 7\r\ncsrf=ab\r\n0\r\n\r\n"),
    ] {
        let answer = send(&passport, &format!("{head}{chunks}{HIDDEN}")).await;
        assert!(!answer.contains("{\"status\":\"ok\"}"), "{what}: {answer}");
        assert_eq!((raw::status(&answer), answers(&answer)), (400, 1), "{what}: {answer}");
    }
}

// A refused body is not read on as if it were requests.
#[actix_web::test]
async fn the_rest_of_a_refused_body_is_no_request() {
    let passport = Passport::start().await;
    let aw = passport.add_app("aw").await;
    let evil = "GET /healthz HTTP/1.1\r\nHost: {H}\r\n\r\n".repeat(2_000);
    let basic = aw.authorization();
    for (path, headers) in [
        ("/login", "Content-Type: text/plain"),
        ("/login", "Content-Type: application/x-www-form-urlencoded"),
        ("/api/v1/tickets/redeem", "Content-Type: application/json"),
        ("/api/v1/tickets/redeem", &format!("Authorization: {basic}\r\nContent-Type: text/plain")),
        ("/nowhere", "X: y"),
        ("/healthz", "X: y"),
    ] {
        let length = evil.replace("{H}", passport.url.strip_prefix("http://").unwrap()).len();
        for body in [
            format!("Content-Length: {length}\r\n\r\n{evil}"),
            format!("Transfer-Encoding: chunked\r\n\r\n{length:x}\r\n{evil}\r\n0\r\n\r\n"),
        ] {
            // So that a server which has read over the body has something to answer, and closes.
            let last = "GET /readyz HTTP/1.1\r\nHost: {H}\r\nConnection: close\r\n\r\n";
            let request =
                format!("POST {path} HTTP/1.1\r\nHost: {{H}}\r\n{headers}\r\n{body}{last}");
            let answer = send(&passport, &request).await;
            assert!(answers(&answer) <= 2, "{path}: {}", &answer[..answer.len().min(2_000)]);
            assert!(!answer.contains("{\"status\":\"ok\"}"), "{path}");
        }
    }
}

// SECURITY-CASES H-03.
#[actix_web::test]
async fn under_another_name_nothing_is_answered() {
    let passport = Passport::start().await;
    let port = passport.address.port();
    let paths = ["/", "/login", "/api/v1/events", "/static/passport.css", "/.well-known/jwks.json"];
    let unknown = [
        "evil.example".to_owned(),
        format!("evil.example:{port}"),
        "sso.localhost.evil.example".to_owned(),
        format!("sso.localhost:{port}.evil.example"),
        format!("sso.localhost:{}", port ^ 1),
        format!("evil@sso.localhost:{port}"),
        format!("sso.localhost:{port}@evil"),
        format!("sso.localhost:{port}/"),
        format!("sso.localhost:{port},evil"),
        format!("sso.localhost.:{port}"),
        format!("0x7f000001:{port}"),
        String::new(),
    ];
    for path in paths {
        for host in &unknown {
            let request =
                format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
            let answer = send(&passport, &request).await;
            assert_eq!(raw::status(&answer), 421, "{path} at {host:?}: {answer}");
            assert!(!answer.contains("evil") && !answer.contains("location:"), "{host:?}");
        }
    }
    for (what, request) in [
        ("two names", "GET /login HTTP/1.1\r\nHost: {H}\r\nHost: {H}\r\n\r\n"),
        ("two names, one of them evil", "GET /login HTTP/1.1\r\nHost: {H}\r\nHost: evil\r\n\r\n"),
        ("no name", "GET /login HTTP/1.1\r\n\r\n"),
        ("a whole address", "GET http://evil.example/login HTTP/1.1\r\nHost: {H}\r\n\r\n"),
        ("a whole address of ours", "GET http://{H}/login HTTP/1.1\r\nHost: {H}\r\n\r\n"),
        ("another scheme", "GET https://{H}/login HTTP/1.1\r\nHost: {H}\r\n\r\n"),
        ("a whole address to health", "GET http://evil/healthz HTTP/1.1\r\nHost: {H}\r\n\r\n"),
        ("a tunnel", "CONNECT evil.example:443 HTTP/1.1\r\nHost: {H}\r\n\r\n"),
        ("HTTP/2 by its preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
        ("a blank before the colon", "GET /login HTTP/1.1\r\nHost : {H}\r\n\r\n"),
    ] {
        let answer = send(&passport, request).await;
        assert_eq!(raw::status(&answer), 400, "{what}: {answer}");
        assert!(!answer.contains("evil"), "{what}: {answer}");
    }
    // An old client without a name is under no name of ours.
    assert_eq!(raw::status(&send(&passport, "GET /login HTTP/1.0\r\n\r\n").await), 421);
    let known = ["{H}".to_owned(), format!("SSO.LOCALHOST:{port}"), format!("127.0.0.1:{port}")];
    for host in known {
        let request = format!("GET /login HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        assert_eq!(raw::status(&send(&passport, &request).await), 200, "{host}");
    }
}

// SECURITY-CASES H-06, Z-16: what no browser sends is refused before it reaches an answer's head.
#[actix_web::test]
async fn control_characters_split_no_head() {
    let passport = Passport::start().await;
    passport.add_user("member").await;
    let aw = passport.add_app("aw").await;
    let mut browser = passport.signed_in("member").await;
    let cookie: Vec<String> =
        browser.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let get = |target: &str| {
        let cookie = cookie.join("; ");
        format!(
            "GET {target} HTTP/1.1\r\nHost: {{H}}\r\nCookie: {cookie}\r\nConnection: close\r\n\r\n"
        )
    };
    for byte in ['\0', '\x01', '\t', '\x0b', '\x1b', ' ', '\x7f', '\r', '\n'] {
        for target in
            [format!("/log{byte}in"), format!("/login?state=a{byte}b"), format!("/{byte}")]
        {
            let answer = send(&passport, &get(&target)).await;
            let status = raw::status(&answer);
            assert!(matches!(status, 0 | 400 | 404), "{target:?}: {answer}");
            assert!(answers(&answer) <= 1, "{target:?}: {answer}");
        }
    }
    let split = "%0d%0aSet-Cookie:%20evil=1%0d%0a%0d%0a<html>";
    for piece in
        [split, "%0aX:1", "%0dX:1", "%00", "%7f", "%1b[31m", "%E5%98%8A%E5%98%8DX:1", "%85"]
    {
        let targets = [
            format!("/login?app=aw&return_to={}&state=a{piece}", aw.return_to),
            format!("/login?app=aw&return_to={}{piece}&state=a", aw.return_to),
            format!("/login?app=aw{piece}&return_to={}&state=a", aw.return_to),
            format!("/login?app=aw&return_to={}&state=a&prompt=none{piece}", aw.return_to),
            format!("/login?ui_locales=ru{piece}"),
            format!("/logout?app=aw&return_to={}&state=a{piece}", aw.return_to),
            format!("/account?done=one{piece}"),
            format!("/setup?token=x{piece}"),
            format!("/nowhere{piece}"),
            format!("/static/passport.css?v={piece}"),
        ];
        for target in targets {
            let answer = send(&passport, &get(&target)).await;
            let head = answer.split("\r\n\r\n").next().unwrap().to_lowercase();
            assert!(!head.contains("evil") && !head.contains("\nx:"), "{target}: {head}");
            let plain = |c: char| !c.is_control() || matches!(c, '\r' | '\n');
            assert!(head.chars().all(plain), "{target}: {head:?}");
            assert_eq!(head.matches('\r').count(), head.matches('\n').count(), "{target}");
        }
    }
    // As it is, the same request goes through.
    let good = aw.send_with(&mut browser, &[]).await;
    assert_eq!((good.status.as_u16(), good.sent("state").as_deref()), (303, Some("st-1")));
}

// SECURITY-CASES Z-08, Z-16: large and odd requests are refused before anybody works on them.
#[actix_web::test]
async fn large_requests_are_refused() {
    let passport = Passport::start().await;
    let cookies = |many: usize| (0..many).map(|n| format!("c{n}=1")).collect::<Vec<_>>().join("; ");
    for (what, target, header, statuses) in [
        ("a long path", format!("/{}", "a".repeat(8_192)), String::new(), &[400][..]),
        ("a long query", format!("/login?state={}", "a".repeat(8_192)), String::new(), &[400]),
        (
            "a great header",
            "/login".to_owned(),
            format!("X: {}", "a".repeat(200_000)),
            &[0, 400, 431],
        ),
        ("many headers", "/login".to_owned(), "X: 1\r\n".repeat(200), &[400, 431]),
        ("many cookies", "/login".to_owned(), format!("Cookie: {}", cookies(1_001)), &[400]),
        (
            "10,000 cookies",
            "/login".to_owned(),
            format!("Cookie: {}", cookies(10_000)),
            &[400, 431],
        ),
        // S-03: neighbouring hosts fill the jar, and keep nobody out.
        ("a full jar", "/login".to_owned(), format!("Cookie: {}", cookies(200)), &[200]),
        ("many parts", format!("/{}", "a/".repeat(2_000)), String::new(), &[404]),
        ("upwards", "/a/b/../../login".to_owned(), String::new(), &[404]),
        ("upwards, encoded", "/a/%2e%2e/login".to_owned(), String::new(), &[404]),
        ("backwards", "/static/..%2f..%2fCargo.toml".to_owned(), String::new(), &[404]),
        ("a file of the system", "/static/%2fetc%2fpasswd".to_owned(), String::new(), &[404]),
    ] {
        let header = if header.is_empty() { "X: y".to_owned() } else { header };
        let header = header.trim_end();
        let request = format!(
            "GET {target} HTTP/1.1\r\nHost: {{H}}\r\nConnection: close\r\n{header}\r\n\r\n"
        );
        let answer = send(&passport, &request).await;
        let short = &answer[..answer.len().min(300)];
        assert!(statuses.contains(&raw::status(&answer)), "{what}: {short}");
    }
    let longest = format!("/login?state={}", "a".repeat(8_192 - "/login?state=".len()));
    let request = format!(
        "GET {longest} HTTP/1.1\r\nHost: {{H}}\r\nCookie: c=1\r\nConnection: close\r\n\r\n"
    );
    assert_eq!(raw::status(&send(&passport, &request).await), 200, "as much as is allowed");
}

// SECURITY-CASES H-04: a body that does not come is the client's own doing, and no sign that the
// database has fallen silent, which anybody could give otherwise.
#[actix_web::test]
async fn a_body_that_never_comes_is_its_senders_fault() {
    let passport = Passport::start().await;
    let host = format!("sso.localhost:{}", passport.address.port());
    let wait = async |path: &str| {
        let request = format!(
            "POST {path} HTTP/1.1\r\nHost: {host}\r\nContent-Length: 100\r\nContent-Type: \
             application/x-www-form-urlencoded\r\n\r\nx"
        );
        let mut stream = tokio::net::TcpStream::connect(passport.address).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = [0; 64];
        let read = stream.read(&mut answer).await.unwrap();
        assert_eq!(raw::status(&String::from_utf8_lossy(&answer[..read])), 408, "{path}");
    };
    let all = ["/login", "/setup", "/account/secure", "/logout"].iter().cycle().take(40);
    futures_util::future::join_all(all.map(|path| wait(path))).await;
}
