//! Many callers, two processes, one ticket.

use futures_util::future::join_all;
use harness::{Answer, Database, TestApp, on_both, process::Home};
use sso_server::store::{Db, Options};

use crate::scene::{assert_invalid_ticket, insist};

/// How many ask at once, each over a connection of its own.
const CALLERS: usize = 64;
/// How many tickets are fought over on each database.
const ROUNDS: usize = 10;

async fn count(db: &Db, sql: &'static str) -> usize {
    let (count,): (i64,) =
        sqlx::query_as(sql).fetch_one(&mut *db.read().await.unwrap()).await.unwrap();
    usize::try_from(count).unwrap()
}

async fn ask(app: &TestApp, ticket: &str) -> Answer {
    insist(async || app.redeem(ticket).await).await
}

// SECURITY-CASES T-06
#[actix_web::test]
async fn of_many_redemptions_over_two_processes_one_succeeds() {
    on_both(async |database| fight(database).await).await;
}

async fn fight(database: Database) {
    let mut home = Home::new(database).await;
    home.set("SSO_THROTTLE__REFUSED_TICKETS_PER_MINUTE", "1000000");
    home.add_user("member", harness::PASSWORD);
    let nodes = [home.serve(), home.serve()];
    let apps = [home.add_app("aw", &nodes[0]), home.add_app("bw", &nodes[0])];
    // Each app at each node.
    let at: Vec<[TestApp; 2]> = apps
        .iter()
        .map(|app| {
            let url = "http://sso.localhost:8800";
            let new = |node: &harness::Node| {
                TestApp::new(node.address, url, &app.id, &app.secret, &app.return_to)
            };
            [new(&nodes[0]), new(&nodes[1])]
        })
        .collect();
    let mut browser = nodes[0].browser();
    browser.sign_in("member").await;

    for round in 0..ROUNDS {
        let ticket = at[0][round % 2].send(&mut browser).await.ticket();
        let callers = (0..CALLERS).map(|caller| ask(&at[0][caller % 2], &ticket));
        let answers = join_all(callers).await;
        let (entered, refused): (Vec<_>, Vec<_>) =
            answers.iter().partition(|answer| answer.status == 200);
        assert_eq!(entered.len(), 1, "round {round}");
        assert_eq!(entered[0].json()["user"]["username"], "member");
        refused.into_iter().for_each(assert_invalid_ticket);
    }

    // The wrong app among them: either it burns the ticket or the right one enters.
    let ticket = apps[0].send(&mut browser).await.ticket();
    let callers = (0..CALLERS).map(|caller| ask(&at[caller / 2 % 2][caller % 2], &ticket));
    let answers = join_all(callers).await;
    let entered = answers.iter().filter(|answer| answer.status == 200).count();
    assert!(entered <= 1, "{entered} entered");

    let options = Options { url: home.url.clone(), max_connections: 1 };
    let db = Db::open(&options).await.unwrap();
    assert_eq!(count(&db, "SELECT COUNT(*) FROM spent_tickets").await, ROUNDS + 1);
    assert_eq!(count(&db, "SELECT COUNT(*) FROM app_sessions").await, ROUNDS + entered);
    let redeemed = "SELECT COUNT(*) FROM audit WHERE kind = 'ticket.redeemed'";
    assert_eq!(count(&db, redeemed).await, ROUNDS + entered);
    let refused = "SELECT COUNT(*) FROM audit WHERE kind = 'ticket.refused'";
    let all = (ROUNDS + 1) * CALLERS;
    assert_eq!(count(&db, refused).await, all - ROUNDS - entered, "each refusal was noted");
    db.close().await;
}
