//! From a forced logout to the moment at which every app refuses: the distribution, over healthy
//! apps that follow by the SDK's client, over apps to which Passport pushes, and over a thousand
//! instances at once.
//!
//! `cargo bench -p passport-tests --bench logout_latency`; `tests/run bench` runs it, too. The time
//! begins when the order to end the session is sent, so it holds the commit and both ways.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use client_sdk::{
    Settings,
    client::Client,
    events::{Knowledge, Moment},
    settings::WhenStale,
    wire::EndScope,
};
use harness::{
    Browser, Database, Node, TestApp,
    load::{Connection, resident},
    process::Home,
    receiver::Receiver,
};
use sqlx::{AnyConnection, Connection as _};
use tokio::time::{MissedTickBehavior, interval, sleep};

const APPS: usize = 5;
const LOGOUTS: usize = 500;
const A_SECOND: u64 = 50;
const INSTANCES: usize = 1_000;

#[actix_web::main]
async fn main() {
    sqlx::any::install_default_drivers();
    for database in [Database::Sqlite, Database::Postgres] {
        println!("\n{database:?}");
        healthy_apps(database, Delivery::Pull).await;
        healthy_apps(database, Delivery::Push).await;
        many_instances(database).await;
    }
}

/// How the apps hear.
#[derive(Clone, Copy, PartialEq)]
enum Delivery {
    Pull,
    Push,
}

/// When each app session was refused, as it is known so far.
type Refused = Arc<Mutex<HashMap<(usize, String), Instant>>>;

async fn healthy_apps(database: Database, delivery: Delivery) {
    let (home, node) = start(database).await;
    let mut apps = Vec::new();
    for number in 0..APPS {
        apps.push(home.add_app(&format!("app{number}"), &node));
    }
    let refused = Refused::default();
    let mut followers = Vec::new();
    for (number, app) in apps.iter().enumerate() {
        followers.push(match delivery {
            Delivery::Pull => tokio::spawn(follow(number, settings(&node, app), refused.clone())),
            Delivery::Push => {
                let receiver = Receiver::start().await;
                home.say(&["app", "set", &app.id, "--events-url", &receiver.url()]);
                tokio::spawn(receive(number, receiver, refused.clone()))
            }
        });
    }
    let entered = people(&home, &node, &apps, LOGOUTS).await;

    let client = Client::new(settings(&node, &apps[0])).unwrap();
    let mut ticks = interval(Duration::from_millis(1_000 / A_SECOND));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let mut ordered = Vec::new();
    for sessions in entered {
        ticks.tick().await;
        let (client, first) = (client.clone(), sessions[0].clone());
        let at = Instant::now();
        let call = tokio::spawn(async move { client.end(&first, EndScope::Session).await });
        ordered.push((at, sessions, call));
    }
    let mut took = Vec::new();
    for (at, sessions, call) in ordered {
        assert_eq!(call.await.unwrap().unwrap().ended, APPS as u64);
        for (app, session) in sessions.into_iter().enumerate() {
            let known = until(&refused, (app, session)).await;
            took.push(known.duration_since(at));
        }
    }
    let (how, limit) = match delivery {
        Delivery::Pull => ("pull", "p99 under 100 ms"),
        Delivery::Push => ("push", "p99 under 500 ms"),
    };
    print(&format!("{how}: {APPS} apps, {A_SECOND} logouts a second"), &mut took, limit);
    println!("    {}", confirmed(&node).await);
    followers.iter().for_each(tokio::task::JoinHandle::abort);
}

/// What the server itself has measured, from the commit to the last acknowledgement.
async fn confirmed(node: &Node) -> String {
    let metrics = node.browser().get("/metrics").await.body;
    let value = |name: &str| {
        let line = metrics.lines().find(|line| line.starts_with(name)).unwrap_or_default();
        line.rsplit(' ').next().and_then(|text| text.parse::<f64>().ok()).unwrap_or(f64::NAN)
    };
    let name = "passport_logout_confirmed_seconds";
    let count = value(&format!("{name}_count"));
    let within = |bound: &str| value(&format!("{name}_bucket{{le=\"{bound}\"}}")) / count * 100.0;
    format!(
        "confirmed at Passport: {count} in all, {:.1} % within 25 ms, {:.1} % within 100 ms",
        within("0.025"),
        within("0.1")
    )
}

async fn many_instances(database: Database) {
    let (home, node) = start(database).await;
    let app = home.add_app("app0", &node);
    let refused = Refused::default();
    let mut look = AnyConnection::connect(&home.url).await.unwrap();
    let mut polls = Vec::new();
    let mut memory = Vec::new();
    // The first hundred warm up what all share.
    for many in [INSTANCES / 10, INSTANCES] {
        for number in polls.len()..many {
            let polling = poll(number, app.clone(), node.address, refused.clone());
            polls.push(tokio::spawn(polling));
        }
        let known = "SELECT COUNT(*) FROM app_instances";
        while sqlx::query_as::<_, (i64,)>(known).fetch_one(&mut look).await.unwrap().0 < many as i64
        {
            sleep(Duration::from_millis(100)).await;
        }
        memory.push(resident(node.id()));
    }
    let more = (INSTANCES - INSTANCES / 10) as f64;
    let each = (memory[1] - memory[0]) * 1_024.0 / more;
    let entered = people(&home, &node, std::slice::from_ref(&app), 20).await;
    let mut took = Vec::new();
    for sessions in entered {
        let at = Instant::now();
        assert_eq!(app.end(&sessions[0], "session").await.status, 200);
        for number in 0..INSTANCES {
            took.push(until(&refused, (number, sessions[0].clone())).await.duration_since(at));
        }
        sleep(Duration::from_millis(500)).await;
    }
    print(&format!("{INSTANCES} instances at once"), &mut took, "p99 under 1 s");
    println!("    memory of a waiting instance: {each:.1} kB (limit 20 kB)");
    polls.iter().for_each(tokio::task::JoinHandle::abort);
}

async fn start(database: Database) -> (Home, Node) {
    let mut home = Home::new(database).await;
    home.set("SSO_THROTTLE__ADDRESS_ATTEMPTS", "1000000");
    home.set("SSO_OUTGOING__ALLOW_LOOPBACK", "true");
    let node = home.serve();
    (home, node)
}

fn settings(node: &Node, app: &TestApp) -> Settings {
    let passport = format!("http://localhost:{}", node.address.port());
    Settings::new(passport, &app.id, &app.secret, "http://app.localhost").unwrap()
}

/// What the SDK's follower does, with a clock beside it.
async fn follow(number: usize, settings: Settings, refused: Refused) {
    let client = Client::new(settings).unwrap();
    let mut knowledge = Knowledge::new(None, WhenStale::Refuse);
    loop {
        let question = knowledge.question();
        let page = client.events(&format!("bench-{number}"), &question).await.unwrap();
        let unix = page.events.first().map_or(0, |event| event.at);
        knowledge.apply(&question, &page, Moment { unix, steady: 0 });
        let now = Instant::now();
        let mut refused = refused.lock().unwrap();
        for event in page.events {
            refused.insert((number, event.app_session.unwrap()), now);
        }
    }
}

/// An app that is pushed to, with a clock beside it.
async fn receive(number: usize, receiver: Receiver, refused: Refused) {
    for nth in 0.. {
        let got = receiver.wait_for(nth + 1).await.swap_remove(nth);
        let now = Instant::now();
        refused.lock().unwrap().insert((number, got.event().app_session.unwrap()), now);
    }
}

/// What the follower does over a bare connection, to have a thousand of them.
async fn poll(number: usize, app: TestApp, address: std::net::SocketAddr, refused: Refused) {
    let mut connection = Connection::open(address).await;
    let mut cursor = "0".to_owned();
    loop {
        let request = format!(
            "GET /api/v1/events?after={cursor}&instance=i{number}&wait=25&max_staleness=60 HTTP/1.1\r\n\
             Host: localhost:{}\r\nAuthorization: {}\r\n\r\n",
            address.port(),
            app.authorization()
        );
        let (status, _, body) = connection.send(request.as_bytes()).await;
        assert_eq!(status, 200, "{}", String::from_utf8_lossy(&body));
        let now = Instant::now();
        let page: client_sdk::wire::EventPage = serde_json::from_slice(&body).unwrap();
        cursor = page.cursor;
        let mut refused = refused.lock().unwrap();
        for event in page.events {
            refused.insert((number, event.app_session.unwrap()), now);
        }
    }
}

/// People who are in at all apps; answers their app sessions.
async fn people(home: &Home, node: &Node, apps: &[TestApp], many: usize) -> Vec<Vec<String>> {
    home.add_user("member", harness::PASSWORD);
    let mut all = Vec::new();
    for _ in 0..many {
        let mut browser: Browser = node.browser();
        browser.sign_in("member").await;
        let mut sessions = Vec::new();
        for app in apps {
            sessions.push(app.enter(&mut browser).await.app_session);
        }
        all.push(sessions);
    }
    all
}

async fn until(refused: &Refused, which: (usize, String)) -> Instant {
    loop {
        if let Some(at) = refused.lock().unwrap().get(&which) {
            return *at;
        }
        sleep(Duration::from_millis(1)).await;
    }
}

fn print(what: &str, took: &mut [Duration], limit: &str) {
    took.sort();
    let at = |share: f64| took[((took.len() - 1) as f64 * share) as usize].as_secs_f64() * 1e3;
    println!(
        "  {what}: median {:.1} ms, p90 {:.1}, p99 {:.1}, slowest {:.1} ms ({limit})",
        at(0.5),
        at(0.9),
        at(0.99),
        at(1.0)
    );
    // A picture of it: how many within each step.
    let steps = [1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1_000.0];
    let mut below = 0.0;
    for step in steps {
        let share = took.iter().filter(|one| one.as_secs_f64() * 1e3 <= step).count() as f64
            / took.len() as f64;
        if share > below {
            let bar = "█".repeat(((share - below) * 50.0).ceil() as usize);
            println!("    ≤ {step:>5} ms {:>5.1} % {bar}", share * 100.0);
            below = share;
        }
    }
}
