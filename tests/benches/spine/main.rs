//! The hot paths, as CPU time of the server for each act, beside the primitive that bounds it,
//! measured in the same run. Absolute times drift with the machine; the ratios are what counts.
//!
//! `tests/run bench` runs all; `cargo bench -p passport-tests --bench spine -- silent redeem` some.

mod logins;
mod memory;
mod page_checks;
mod primitives;
mod sdk_check;
mod stage;

use harness::{
    Database, TestApp,
    load::{get, post, run},
};

use self::{
    primitives::{Signatures, argon2_alone},
    stage::{HOST, Stage, cookie, line, name, stage},
};

#[actix_web::main]
async fn main() {
    let wanted: Vec<String> = std::env::args().skip(1).filter(|a| !a.starts_with('-')).collect();
    let wants = |name: &str| wanted.is_empty() || wanted.iter().any(|one| one == name);
    let (signatures, argon2) = (Signatures::alone(), argon2_alone());
    println!(
        "\nprimitives, one core, the other idle: sign {:.1} us, verify {:.1} us, Argon2id {:.2} ms",
        signatures.sign,
        signatures.verify,
        argon2 / 1e3
    );
    let mut sqlite = None;
    for database in [Database::Sqlite, Database::Postgres] {
        if ["silent", "redeem"].into_iter().any(wants) {
            let figures = hot_paths(database, &wants).await;
            if let Some((silent, redeem)) = sqlite {
                println!(
                    "PostgreSQL over SQLite: silent {:.2}, redeem {:.2} (limit 2.5)",
                    figures.0 / silent,
                    figures.1 / redeem
                );
            }
            sqlite = Some(figures);
        }
    }
    if wants("check") {
        for database in [Database::Sqlite, Database::Postgres] {
            page_checks::page_checks(database).await;
        }
    }
    if wants("login") {
        logins::logins(argon2).await;
    }
    if wants("memory") {
        memory::memory().await;
    }
    if wants("sdk") {
        sdk_check::sdk_check().await;
    }
}

async fn hot_paths(database: Database, wants: &dyn Fn(&str) -> bool) -> (f64, f64) {
    println!("\n{database:?}");
    // The limits in primitives are SQLite's; PostgreSQL has one beside SQLite's figures.
    let at_most = |limit| if matches!(database, Database::Sqlite) { limit } else { f64::NAN };
    let stage = stage(database, 16, true).await;
    let (address, id) = (stage.node.address, stage.node.id());
    let mut cookies = Vec::new();
    for person in 0..16 {
        cookies.push(cookie(&mut stage.node.browser(), &name(person)).await);
    }
    let path = format!("/login{}", stage.app.login_query(&[]));
    let silent = |count: usize| -> Vec<Vec<u8>> {
        (0..count).map(|n| get(&path, HOST, &cookies[n % cookies.len()])).collect()
    };
    run(address, id, 16, silent(4_000), 303).await;
    let (quiet, limits) = Signatures::around(run(address, id, 16, silent(40_000), 303)).await;
    line("silent redirect, 16 callers", &quiet, limits.sign, "signatures", at_most(5.0));
    if !wants("redeem") {
        return (quiet.cpu_each(), f64::NAN);
    }
    let mut redeemed = None;
    for round in 0..4 {
        let count = if round == 0 { 2_000 } else { 10_000 };
        let tickets = collect_tickets(&stage, &cookies, &path, count).await;
        let requests = redemptions(&stage.app, &tickets);
        let (run, limits) = Signatures::around(run(address, id, 64, requests, 200)).await;
        if round > 0 {
            line("redemption, 64 callers", &run, limits.verify, "verifications", at_most(4.0));
            println!(
                "{:<28} p99 / median {:.1} (limit 4)",
                "",
                run.quantile(0.99).as_secs_f64() / run.quantile(0.5).as_secs_f64()
            );
            redeemed = Some(run);
        }
    }
    let redeemed = redeemed.unwrap();
    let tickets = collect_tickets(&stage, &cookies, &path, 1_500).await;
    let alone = run(address, id, 1, redemptions(&stage.app, &tickets), 200);
    let (alone, limits) = Signatures::around(alone).await;
    line("redemption, 1 caller", &alone, limits.verify, "verifications", f64::NAN);
    println!(
        "{:<28} {:.1} times the rate of one commit a request (at least 4)",
        "",
        redeemed.rate() / alone.rate()
    );
    drop(stage.home);
    (quiet.cpu_each(), redeemed.cpu_each())
}

async fn collect_tickets(
    stage: &Stage,
    cookies: &[String],
    path: &str,
    count: usize,
) -> Vec<String> {
    let per = count / 16 + 1;
    let workers: Vec<_> = (0..16)
        .map(|worker| {
            let request = get(path, HOST, &cookies[worker % cookies.len()]);
            let address = stage.node.address;
            tokio::spawn(async move {
                let mut connection = harness::load::Connection::open(address).await;
                let mut tickets = Vec::new();
                for _ in 0..per {
                    let (_, head, _) = connection.send(&request).await;
                    let from = head.find("ticket=").unwrap() + 7;
                    let to = head[from..].find('&').unwrap() + from;
                    tickets.push(head[from..to].to_owned());
                }
                tickets
            })
        })
        .collect();
    let mut all = Vec::new();
    for worker in workers {
        all.extend(worker.await.unwrap());
    }
    all.truncate(count);
    all
}

fn redemptions(app: &TestApp, tickets: &[String]) -> Vec<Vec<u8>> {
    let authorization = format!("Authorization: {}\r\n", app.authorization());
    tickets
        .iter()
        .map(|ticket| {
            let body =
                serde_json::json!({ "ticket": ticket, "return_to": app.return_to }).to_string();
            post("/api/v1/tickets/redeem", HOST, "application/json", &authorization, &body)
        })
        .collect()
}
