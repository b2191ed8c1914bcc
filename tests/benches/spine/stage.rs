//! A server with people and an app, and how a figure is printed.

use harness::{Browser, Database, Node, TestApp, load::Run, process::Home};

pub(crate) const HOST: &str = "sso.localhost:8800";
const SESSION: &str = "__Host-passport";
const TWIN: &str = "__Host-passport-x";

pub(crate) struct Stage {
    pub(crate) home: Home,
    pub(crate) node: Node,
    pub(crate) app: TestApp,
}

pub(crate) async fn stage(database: Database, people: usize, cheap_hashing: bool) -> Stage {
    let mut home = Home::new(database).await;
    if !cheap_hashing {
        home.set("SSO_PASSWORD__MEMORY_KIB", "19456");
        home.set("SSO_PASSWORD__ITERATIONS", "2");
        home.set("SSO_PASSWORD__NICENESS", "19");
    }
    home.set("SSO_THROTTLE__ADDRESS_ATTEMPTS", "1000000");
    home.set("SSO_THROTTLE__PAGE_CHECKS_PER_MINUTE", "1000000000");
    for number in 0..people {
        home.add_user(&name(number), harness::PASSWORD);
    }
    let node = home.serve();
    let app = home.add_app("aw", &node);
    Stage { home, node, app }
}

/// Names that do not look alike, so that none is refused as another's double.
pub(crate) fn name(number: usize) -> String {
    let letters: String =
        number.to_string().chars().map(|digit| char::from(b'a' + digit as u8 - b'0')).collect();
    format!("person-{letters}")
}

pub(crate) async fn cookie(browser: &mut Browser, person: &str) -> String {
    browser.sign_in(person).await;
    // Both that a browser brings along; without the twin it would be given one each time.
    let both = [SESSION, TWIN].map(|name| format!("{name}={}", browser.cookies[name]));
    both.join("; ")
}

pub(crate) fn line(what: &str, run: &Run, limit: f64, unit: &str, most: f64) {
    let most = if most.is_finite() { format!(" (at most {most})") } else { String::new() };
    println!(
        "{what:<28} {:>7.1} us CPU = {:>5.2} {unit} of {limit:.1}{most}; {:>6.0}/s, p50 {:>5.2} ms, p99 {:>5.2} ms",
        run.cpu_each(),
        run.cpu_each() / limit,
        run.rate(),
        run.quantile(0.5).as_secs_f64() * 1e3,
        run.quantile(0.99).as_secs_f64() * 1e3,
    );
}
