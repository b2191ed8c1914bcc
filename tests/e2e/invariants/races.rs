//! What comes at the same time, and what is given up half-way (SECURITY-CASES ).

use std::{collections::BTreeSet, future::Future, task::Poll};

use futures_util::future::join_all;
use harness::{PASSWORD, Passport, on_both, process::Home};
use sso_server::{
    domain::token::Token,
    flows::{one_time_link, users},
};

// Of two logins at once, the one whose clock was read first may be counted last. It is counted
// like any other: nobody who knows the password is told to wait.
#[actix_web::test]
async fn a_log_in_that_was_overtaken_is_not_blocked() {
    on_both(async |database| {
        let passport = Passport::on(database).await;
        passport.add_user("member").await;
        passport.add_user("other").await;
        // From the same address, and from the same device.
        let mut known = passport.signed_in("member").await;
        passport.advance(-5);
        passport.signed_in("member").await;
        passport.signed_in("other").await;
        known.forget_all_cookies_but(&["__Host-passport-device"]);
        known.sign_in("member").await;
        passport.advance(-5);
        known.forget_all_cookies_but(&["__Host-passport-device"]);
        known.sign_in("member").await;

        // The same while failed attempts are counted.
        assert_eq!(passport.browser().try_password("member", "a wrong guess").await, 401);
        passport.advance(-5);
        passport.signed_in("member").await;
    })
    .await;
}

// SECURITY-CASES Q-01: what may happen once happens once, whichever of two nodes is asked. (Tickets:
// the target `tickets`.)
#[actix_web::test]
async fn of_many_who_do_the_same_one_does_it() {
    on_both(async |database| {
        let one = Passport::on(database).await;
        let two = one.second_node().await;
        let aw = one.add_app("aw").await;
        // The link of the first start makes one admin.
        let link = one_time_link::first_admin(&one.app).await.unwrap().unwrap();
        let token = &Token::parse(link.split_once("token=").unwrap().1).unwrap();
        let uses = (0..8).map(|number| {
            let node = if number % 2 == 0 { &one } else { &two };
            async move {
                let name = format!("admin{number}");
                one_time_link::use_link(&node.app, token, Some(&name), PASSWORD).await.is_ok()
            }
        });
        assert_eq!(join_all(uses).await.into_iter().filter(|used| *used).count(), 1);
        let admins = "SELECT COUNT(*) FROM users WHERE admin_since IS NOT NULL";
        assert_eq!(one.count(admins).await, 1);
        for round in 0..5 {
            // A session ends once, and each app hears once.
            let name = format!("member{round}");
            one.add_user(&name).await;
            let mut browser = one.signed_in(&name).await;
            let entered = aw.enter(&mut browser).await;
            let cursor = aw.events("0").await.cursor;
            let ends = (0..8).map(|number| {
                let at = aw.at(if number % 2 == 0 { &one } else { &two });
                let id = entered.app_session.clone();
                async move { at.end(&id, "session").await.json()["ended"].as_u64().unwrap() }
            });
            assert_eq!(join_all(ends).await.into_iter().sum::<u64>(), 1);
            assert_eq!(aw.events(&cursor).await.events.len(), 1);
            // An account is disabled once.
            let disablings = (0..6).map(|number| {
                let node = if number % 2 == 0 { &one } else { &two };
                users::disable(&node.app, &name, false)
            });
            let disabled = join_all(disablings).await.into_iter().filter(Result::is_ok).count();
            assert_eq!(disabled, 1);
        }
    })
    .await;
}

// SECURITY-CASES Q-01: two admins, each disabled by another process: one is left.
#[actix_web::test]
async fn the_last_admin_stays_even_under_a_race() {
    on_both(async |database| {
        let home = Home::new(database).await;
        let arguments = |name: &'static str| ["user", "add", name, "--admin", "--json"];
        home.json(&arguments("ann"));
        home.json(&arguments("bob"));
        let statuses = std::thread::scope(|scope| {
            let go = |name: &'static str| home.run(&["user", "disable", name]).status.success();
            let (ann, bob) = (scope.spawn(move || go("ann")), scope.spawn(move || go("bob")));
            [ann.join().unwrap(), bob.join().unwrap()]
        });
        let list = home.json(&["user", "list", "--json"]);
        let left = list.as_array().unwrap().iter().filter(|user| user["disabled"] == false).count();
        assert_eq!(left, 1, "{statuses:?}: {list}");
        // Refused is refused: nothing of it is kept when the command ends.
        for name in ["ann", "bob", "ann", "bob"] {
            assert!(!home.run(&["user", "disable", name]).status.success());
        }
        assert_eq!(home.json(&["user", "list", "--json"]), list);
    })
    .await;
}

// SECURITY-CASES Q-02: many writers at once, of two processes' worth; nobody hears that the database
// is locked.
#[actix_web::test]
async fn many_writers_do_not_lock_each_other_out() {
    on_both(async |database| {
        let one = Passport::on(database).await;
        let two = one.second_node().await;
        let aw = one.add_app("aw").await;
        let mut browsers = Vec::new();
        for number in 0..25 {
            let name = format!("member{number}");
            one.add_user(&name).await;
            for node in [&one, &two] {
                let mut browser = node.browser();
                let form = browser.login_form("", &name, PASSWORD).await;
                browsers.push((node, browser, form));
            }
        }
        let walks = browsers.into_iter().map(|(node, mut browser, form)| {
            let aw = aw.at(node);
            async move {
                assert_eq!(browser.submit(&form).await.status, 303);
                let entered = aw.enter(&mut browser).await;
                browser.sign_out().await;
                entered.app_session
            }
        });
        let entered: BTreeSet<String> = join_all(walks).await.into_iter().collect();
        assert_eq!(entered.len(), 50);
        assert_eq!(one.count("SELECT COUNT(*) FROM sessions WHERE ended_at IS NULL").await, 0);
        let (mut cursor, mut told) = ("0".to_owned(), BTreeSet::new());
        loop {
            let page = aw.events(&cursor).await;
            if page.events.is_empty() {
                break;
            }
            told.extend(page.events.into_iter().filter_map(|event| event.app_session));
            cursor = page.cursor;
        }
        assert_eq!(told, entered, "each app session's end, once");
    })
    .await;
}

// SECURITY-CASES Q-06: callers that give up at any moment. What they began is done or is not;
// nobody else notices, and no connection is lost.
#[actix_web::test]
async fn whoever_gives_up_leaves_nothing_half_done() {
    on_both(async |database| {
        let passport = Passport::with(database, |config| config.database.max_connections = 2).await;
        let aw = passport.add_app("aw").await;
        passport.add_user("neighbour").await;
        for polls in 1..60_u32 {
            let name = format!("member{polls}");
            passport.add_user(&name).await;
            let mut browser = passport.signed_in(&name).await;
            let entered = aw.enter(&mut browser).await;
            // Dropped after so many steps.
            let mut left = polls;
            let mut act = Box::pin(users::disable(&passport.app, &name, false));
            let finished = std::future::poll_fn(|context| {
                let polled = act.as_mut().poll(context);
                left -= 1;
                match polled {
                    Poll::Ready(done) => Poll::Ready(Some(done.is_ok())),
                    Poll::Pending if left == 0 => Poll::Ready(None),
                    Poll::Pending => Poll::Pending,
                }
            })
            .await;
            drop(act);
            // Whoever comes next is served, by every connection.
            join_all((0..4).map(|_| passport.signed_in("neighbour"))).await;
            let over = aw.status(&entered.app_session).await.json()["state"] == "ended";
            let disabled = users::named(&passport.app, &name).await.unwrap().disabled_at.is_some();
            assert_eq!(over, disabled, "{polls}: all or nothing");
            assert_eq!(browser.is_signed_in().await, !disabled, "{polls}");
            if let Some(done) = finished {
                assert!(done && disabled);
                return;
            }
        }
        panic!("it takes more steps than are tried");
    })
    .await;
}
