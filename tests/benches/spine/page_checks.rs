//! `GET /check` beside the silent redirect.

use harness::{
    Database,
    load::{get, get_with, run},
};

use crate::{
    primitives::Signatures,
    stage::{HOST, cookie, line, name, stage},
};

/// What a page asks, beside the silent redirect: rounds of both in turn, so that what else the
/// machine does meets both.
pub(crate) async fn page_checks(database: Database) {
    println!("\nquestions of pages, 16 callers, {database:?}");
    let stage = stage(database, 16, true).await;
    let (address, id) = (stage.node.address, stage.node.id());
    let origin = stage.app.origin();
    stage.home.json(&["app", "set", "aw", "--origin", &origin, "--jsonp", "--json"]);
    let mut cookies = Vec::new();
    for person in 0..16 {
        cookies.push(cookie(&mut stage.node.browser(), &name(person)).await);
    }
    let twins: Vec<&str> = cookies.iter().map(|both| both.split_once("; ").unwrap().1).collect();
    let headers = format!(
        "Origin: {origin}\r\nSec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: cors\r\n\
         Sec-Fetch-Dest: empty\r\nSec-Fetch-Storage-Access: active\r\nAccept: */*\r\n"
    );
    let login = format!("/login{}", stage.app.login_query(&[]));
    let check = stage.app.check_path(&[]);
    let count = 20_000;
    let silent = || (0..count).map(|n| get(&login, HOST, &cookies[n % 16])).collect();
    let asked = || (0..count).map(|n| get_with(&check, HOST, twins[n % 16], &headers)).collect();
    let mut rates = [Vec::new(), Vec::new()];
    for round in 0..6 {
        let redirects = run(address, id, 16, silent(), 303).await;
        let (checks, limits) = Signatures::around(run(address, id, 16, asked(), 200)).await;
        if round > 0 {
            line("page check, 16 callers", &checks, limits.sign, "signatures", f64::INFINITY);
            rates[0].push(redirects.rate());
            rates[1].push(checks.rate());
        }
    }
    let [redirects, checks] = rates.map(|mut rates| {
        rates.sort_by(f64::total_cmp);
        rates[rates.len() / 2]
    });
    println!(
        "page check {checks:.0}/s of {redirects:.0}/s silent redirects = {:.0} % (at least 70 %)",
        100.0 * checks / redirects
    );
}
