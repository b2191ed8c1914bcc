//! How soon a server is up, and what it needs.

use std::time::{Duration, Instant};

use harness::{
    Database, Node,
    browser::encode,
    load::{get, post, resident, run},
    process::Home,
};
use sqlx::{Connection, Executor};

use crate::stage::HOST;

/// Start and idle memory on a migrated database, and what a hundred thousand sessions add.
pub(crate) async fn memory() {
    println!("\nstart and memory (SQLite, migrated)");
    let home = Home::new(Database::Sqlite).await;
    home.add_user("goal", harness::PASSWORD);
    drop(home.serve());
    let mut starts = Vec::new();
    for _ in 0..10 {
        let begun = Instant::now();
        let node = home.serve();
        starts.push(begun.elapsed());
        drop(node);
    }
    starts.sort();
    let node = home.serve();
    tokio::time::sleep(Duration::from_millis(500)).await;
    println!(
        "start {:.1} ms (leanest peer 24), idle {:.1} MB (leanest peer 16)",
        starts[5].as_secs_f64() * 1e3,
        resident(node.id())
    );
    drop(node);
    // Twenty thousand real ones, more than are kept at hand, each used; the rest as rows.
    let mut home = home;
    home.set("SSO_THROTTLE__ADDRESS_ATTEMPTS", "1000000");
    home.set("SSO_PASSWORD__MEMORY_KIB", "8");
    let node = home.serve();
    let app = home.add_app("aw", &node);
    // What all share, templates for instance, comes with the first.
    many_logins(&node, 20).await;
    let before = resident(node.id());
    let cookies = many_logins(&node, 20_000).await;
    let path = format!("/login{}", app.login_query(&[]));
    let requests = cookies.iter().map(|cookie| get(&path, HOST, cookie)).collect();
    run(node.address, node.id(), 16, requests, 303).await;
    sqlx::any::install_default_drivers();
    let mut database =
        sqlx::AnyConnection::connect(&format!("{}?mode=rw", home.url)).await.unwrap();
    database.execute("PRAGMA busy_timeout = 5000").await.unwrap();
    database
        .execute(
            "INSERT INTO sessions (id, digest, user_id, auth_time, amr, kept_since, device,
                 device_class, address, state, created_at, last_seen_at, idle_until, expires_at,
                 ended_at, end_cause)
             SELECT id || 'x' || n, digest || n, user_id, auth_time, amr, kept_since,
                 device, device_class, address, state, created_at, last_seen_at, idle_until, expires_at,
                 ended_at, end_cause
             FROM sessions CROSS JOIN (SELECT 1 AS n UNION SELECT 2 UNION SELECT 3 UNION SELECT 4)",
        )
        .await
        .unwrap();
    let requests = cookies.iter().map(|cookie| get(&path, HOST, cookie)).collect();
    run(node.address, node.id(), 16, requests, 303).await;
    println!(
        "100,000 live sessions, 20,000 of them in use: {:.1} MB, {:+.1} MB (under +20)",
        resident(node.id()),
        resident(node.id()) - before
    );
}

pub(crate) async fn many_logins(node: &Node, count: usize) -> Vec<String> {
    let workers: Vec<_> = (0..16)
        .map(|_| {
            let (mut browser, address) = (node.browser(), node.address);
            tokio::spawn(async move {
                let form = browser.login_form("", "goal", harness::PASSWORD).await;
                let body = encode(form.fields.iter().map(|(n, v)| (n.as_str(), v.as_str())));
                let cookie = format!(
                    "Cookie: __Host-passport-form={}\r\n",
                    browser.cookies["__Host-passport-form"]
                );
                let request =
                    post("/login", HOST, "application/x-www-form-urlencoded", &cookie, &body);
                let mut connection = harness::load::Connection::open(address).await;
                let mut cookies = Vec::new();
                while cookies.len() < count / 16 {
                    let (status, head, _) = connection.send(&request).await;
                    // Sixteen at once at one account: now and then one finds it blocked.
                    if status == 303 {
                        let from = head.find("__Host-passport=").unwrap();
                        let to = head[from..].find(';').unwrap() + from;
                        cookies.push(head[from..to].to_owned());
                    }
                }
                cookies
            })
        })
        .collect();
    let mut all = Vec::new();
    for worker in workers {
        all.extend(worker.await.unwrap());
    }
    all
}
