//! Logging in by password, and who is redirected meanwhile.

use std::time::{Duration, Instant};

use harness::{
    Database,
    browser::encode,
    load::{get, post, resident, run},
};

use crate::{
    primitives::raw_hashes,
    stage::{HOST, cookie, name, stage},
};

/// Password logins at full cost, alone and beside silent redirects.
pub(crate) async fn logins(argon2: f64) {
    println!("\npassword logins, 64 callers, Argon2id at full cost");
    let people = 64;
    let stage = stage(Database::Sqlite, people, false).await;
    let (address, id) = (stage.node.address, stage.node.id());
    let mut requests = Vec::new();
    let mut browser = stage.node.browser();
    for person in 0..people {
        let mut own = stage.node.browser();
        let form = own.login_form("", &name(person), harness::PASSWORD).await;
        let body = encode(form.fields.iter().map(|(n, v)| (n.as_str(), v.as_str())));
        let cookie =
            format!("Cookie: __Host-passport-form={}\r\n", own.cookies["__Host-passport-form"]);
        requests.push(post("/login", HOST, "application/x-www-form-urlencoded", &cookie, &body));
    }
    let cookie = cookie(&mut browser, &name(0)).await;
    let path = format!("/login{}", stage.app.login_query(&[]));
    let silent: Vec<_> = (0..3_000).map(|_| get(&path, HOST, &cookie)).collect();
    let paced = |requests: Vec<Vec<u8>>| async move { paced(address, requests).await };
    let idle = paced(silent.clone()).await;
    let all: Vec<_> = requests.iter().cycle().take(people * 10).cloned().collect();
    let storm = tokio::spawn(async move { run(address, id, 64, all, 303).await });
    tokio::time::sleep(Duration::from_millis(300)).await;
    let beside = paced(silent).await;
    let storm_run = storm.await.unwrap();
    let alone =
        run(address, id, 64, requests.iter().cycle().take(people * 8).cloned().collect(), 303)
            .await;
    let raw = raw_hashes().await;
    println!(
        "alone: {:.0}/s of {raw:.0}/s raw = {:.0} % (at least 90 %); {:.2} ms CPU a login, {:.2} ms of it hashing",
        alone.rate(),
        100.0 * alone.rate() / raw,
        alone.cpu_each() / 1e3,
        argon2 / 1e3,
    );
    println!("beside redirects: {:.0}/s", storm_run.rate());
    let p99 = |times: &[Duration]| times[times.len() * 99 / 100].as_secs_f64() * 1e3;
    println!(
        "silent redirect p99: idle {:.2} ms, in the storm {:.2} ms = {:.1} times (under 3)",
        p99(&idle),
        p99(&beside),
        p99(&beside) / p99(&idle)
    );
    println!("resident after the storm: {:.0} MB", resident(id));
}

/// One request every two milliseconds.
pub(crate) async fn paced(address: std::net::SocketAddr, requests: Vec<Vec<u8>>) -> Vec<Duration> {
    let mut connection = harness::load::Connection::open(address).await;
    let mut ticks = tokio::time::interval(Duration::from_millis(2));
    let mut latencies = Vec::new();
    for request in requests {
        ticks.tick().await;
        let sent = Instant::now();
        connection.send(&request).await;
        latencies.push(sent.elapsed());
    }
    latencies.sort();
    latencies
}
