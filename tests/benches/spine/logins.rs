//! Logging in by password, and who is redirected meanwhile.

use std::time::{Duration, Instant};

use harness::{
    Database,
    browser::encode,
    load::{cpu_time, get, post, resident, run},
};

use crate::{
    primitives::RawHashing,
    stage::{HOST, cookie, name, stage},
};

/// The machine's own noise is as large as what is measured; each round is printed, sorted.
const ROUNDS: usize = 5;

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
    let silent: Vec<_> = (0..2_000).map(|_| get(&path, HOST, &cookie)).collect();
    let mut storms = Vec::new();
    for _ in 0..ROUNDS {
        let idle = paced(address, silent.clone()).await;
        // What the machine gives: the same cores as busy, and nobody logs in.
        let hashing = RawHashing::begin();
        let busy = paced(address, silent.clone()).await;
        hashing.end();
        let all: Vec<_> = requests.iter().cycle().take(people * 9).cloned().collect();
        let storm = tokio::spawn(async move { run(address, id, 64, all, 303).await });
        tokio::time::sleep(Duration::from_millis(300)).await;
        let beside = paced(address, silent.clone()).await;
        let rate = storm.await.unwrap().rate();
        storms.push(Storm { idle, busy, beside, rate });
    }
    storms.sort_by(|one, other| one.times().total_cmp(&other.times()));
    for storm @ Storm { idle, busy, beside, rate } in &storms {
        println!(
            "silent redirect p99 (median): idle {:.2} ms ({:.2}), beside hashes of nobody's {:.2} ms ({:.2}), beside {rate:.0} logins/s {:.2} ms ({:.2}) = {:.1} times (under 3)",
            quantile(idle, 99.0),
            quantile(idle, 50.0),
            quantile(busy, 99.0),
            quantile(busy, 50.0),
            quantile(beside, 99.0),
            quantile(beside, 50.0),
            storm.times(),
        );
    }
    // A round's p99 is its twentieth worst, and one of the machine's own pauses moves it.
    let all = |which: fn(&Storm) -> &Vec<Duration>| {
        let mut all: Vec<_> = storms.iter().flat_map(which).copied().collect();
        all.sort();
        quantile(&all, 99.0)
    };
    let (idle, beside) = (all(|storm| &storm.idle), all(|storm| &storm.beside));
    println!(
        "p99 over all rounds: idle {idle:.2} ms, beside logins {beside:.2} ms = {:.1} times (under 3)",
        beside / idle
    );
    println!("resident after the storms: {:.0} MB", resident(id));
    let all: Vec<_> = requests.iter().cycle().take(people * 8).cloned().collect();
    let mut rounds = Vec::new();
    let cores = std::thread::available_parallelism().map_or(1.0, |cores| cores.get() as f64);
    let mut before = RawHashing::rate_alone().await;
    for _ in 0..ROUNDS {
        let callers = cpu_time(std::process::id());
        let alone = run(address, id, 64, all.clone(), 303).await;
        // The callers' own work is not the server's: elsewhere they are other machines.
        let callers = (cpu_time(std::process::id()) - callers).as_secs_f64()
            / (alone.wall.as_secs_f64() * cores);
        let after = RawHashing::rate_alone().await;
        let raw = f64::midpoint(before, after);
        rounds.push((alone.rate() / (raw * (1.0 - callers)), alone, raw, callers));
        before = after;
    }
    rounds.sort_by(|one, other| one.0.total_cmp(&other.0));
    for (share, alone, raw, callers) in &rounds {
        println!(
            "alone: {:.1}/s; raw {raw:.1}/s, of which the callers leave {:.1} % = {:.1} % (at least 90 %); {:.2} ms CPU a login, {:.2} ms of it hashing",
            alone.rate(),
            100.0 * (1.0 - callers),
            100.0 * share,
            alone.cpu_each() / 1e3,
            argon2 / 1e3,
        );
    }
}

/// Silent redirects' times, sorted, and how many logins there were beside them.
struct Storm {
    idle: Vec<Duration>,
    /// Beside hashes that nobody logs in with.
    busy: Vec<Duration>,
    beside: Vec<Duration>,
    rate: f64,
}

impl Storm {
    fn times(&self) -> f64 {
        quantile(&self.beside, 99.0) / quantile(&self.idle, 99.0)
    }
}

fn quantile(sorted: &[Duration], percent: f64) -> f64 {
    sorted[(sorted.len() as f64 * percent / 100.0) as usize].as_secs_f64() * 1e3
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
