//! How often somebody may try: exact under races, one counter a person, no weapon in strange hands.

use futures_util::future::join_all;
use harness::{Browser, DAY, Database, MINUTE, PASSWORD, Passport, SECOND, on_both};
use sso_server::{
    config::{Config, Period},
    domain::throttle::Policy,
    flows::users::{self, AddUser},
    store::{
        Tx,
        throttles::{self, Answer},
    },
};

use crate::scene::{attempt, counter, counters, eventually, refusals};

const WRONG: &str = "wrong horse battery";

async fn with_limits(database: Database, account: i64, address: i64) -> Passport {
    Passport::with(database, |config: &mut Config| {
        config.throttle.account_attempts = account;
        config.throttle.address_attempts = address;
        // Races are made here on purpose; none of them is to end for lack of time.
        config.password.wait = Period::seconds(60);
    })
    .await
}

/// Sends a wrong password (or another) from each of these browsers at once; answers the statuses.
async fn all_at_once(browsers: Vec<Browser>, name: &str, password: &str) -> Vec<u16> {
    let forms = join_all(browsers.into_iter().map(async |mut browser| {
        let form = browser.login_form("", name, password).await;
        (browser, form)
    }))
    .await;
    join_all(
        forms
            .into_iter()
            .map(async |(mut browser, form)| browser.submit(&form).await.status.as_u16()),
    )
    .await
}

// SECURITY-CASES L-07: of 64 guesses at once over two nodes five are looked at, all are counted.
#[actix_web::test]
async fn parallel_guesses_are_counted_one_by_one() {
    on_both(async |database| {
        let one = with_limits(database, 5, 300).await;
        let two = one.second_node().await;
        one.add_user("member").await;
        let browsers: Vec<Browser> =
            (0..64).map(|n| if n % 2 == 0 { one.browser() } else { two.browser() }).collect();
        let statuses = all_at_once(browsers, "member", WRONG).await;
        assert_eq!(statuses, vec![401; 64]);
        assert_eq!(counter(&one, "account:").await, 5);
        assert_eq!(counter(&one, "address:").await, 64);
        let reasons = refusals(&one).await;
        assert_eq!((reasons["wrong_password"], reasons["blocked"]), (5, 59));

        assert_eq!(two.browser().try_password("member", PASSWORD).await, 401, "blocked");
        one.advance(30 * SECOND);
        assert_eq!(two.browser().try_password("member", PASSWORD).await, 303);
    })
    .await;
}

// SECURITY-CASES L-07, INV-03: a right guess among many wrong ones at once does not undo their
// count, and the network's counter is exact to the one.
#[actix_web::test]
async fn the_network_counts_exactly_too() {
    on_both(async |database| {
        let one = with_limits(database, 1_000, 40).await;
        let two = one.second_node().await;
        one.add_user("member").await;
        let browsers: Vec<Browser> =
            (0..64).map(|n| if n % 2 == 0 { one.browser() } else { two.browser() }).collect();
        let mut statuses = all_at_once(browsers, "member", WRONG).await;
        statuses.sort_unstable();
        assert_eq!(statuses, [vec![401; 40], vec![429; 24]].concat());
        assert_eq!(counter(&one, "address:").await, 40);
        assert_eq!(counter(&one, "account:").await, 40, "what is told to wait is not looked at");

        let mut late = one.browser();
        let answer = attempt(&mut late, "member", PASSWORD).await;
        assert_eq!(answer.status, 429);
        let retry_after: i64 = answer.header("retry-after").parse().unwrap();
        assert!((1..=6).contains(&retry_after), "{retry_after}");
        one.advance(retry_after * SECOND);
        assert_eq!(late.try_password("member", PASSWORD).await, 303);
    })
    .await;
}

/// Every way to write one person, who is `Zoë` with the mail address `Zoe.Q@Example.org`.
const SPELLINGS: [&str; 12] = [
    "Zoë",
    "zoë",
    "ZOË",
    " zoë",
    "zoë ",
    "\tzoë",
    "zoe\u{308}",
    "ＺＯË",
    "zoe.q@example.org",
    "ZOE.Q@EXAMPLE.ORG",
    " Zoe.Q@Example.org ",
    "zoe.q@EXAMPLE.org",
];

// SECURITY-CASES L-08: one person, one counter, however the name is written.
#[actix_web::test]
async fn another_spelling_is_no_further_attempt() {
    on_both(async |database| {
        let passport = with_limits(database, SPELLINGS.len() as i64, 300).await;
        let email = Some("Zoe.Q@Example.org");
        let new = AddUser { username: "Zoë", email, admin: false, password: Some(PASSWORD) };
        users::add(&passport.app, new).await.unwrap();
        // Each of them is this person.
        for spelling in SPELLINGS {
            let status = passport.browser().try_password(spelling, PASSWORD).await;
            assert_eq!(status, 303, "{spelling:?}");
        }
        for (n, spelling) in (1..).zip(SPELLINGS) {
            assert_eq!(passport.browser().try_password(spelling, WRONG).await, 401);
            assert_eq!(counter(&passport, "account:").await, n, "{spelling:?}");
        }
        for spelling in SPELLINGS {
            let status = passport.browser().try_password(spelling, PASSWORD).await;
            assert_eq!(status, 401, "{spelling:?} is blocked as well");
        }
        passport.advance(30 * SECOND);
        assert_eq!(passport.browser().try_password("zoë", PASSWORD).await, 303);
    })
    .await;
}

// SECURITY-CASES L-08: the same for a name that nobody has, so that the counters do not tell.
#[actix_web::test]
async fn nobodys_names_are_counted_by_their_canonical_form() {
    let passport = with_limits(Database::Sqlite, 5, 300).await;
    for spelling in ["ghost", "GHOST", " ghost ", "ｇｈｏｓｔ", "Ghost"] {
        assert_eq!(passport.browser().try_password(spelling, WRONG).await, 401);
    }
    assert_eq!(counter(&passport, "name:").await, 5);
    passport.browser().try_password("ghost", WRONG).await;
    assert_eq!(refusals(&passport).await["blocked"], 1, "and blocked like anybody's");
    for (key, _) in counters(&passport).await {
        assert!(!key.contains("ghost"), "what strangers type is not kept: {key}");
    }
}

// SECURITY-CASES L-09: logins to an own account buy no guesses at another.
#[actix_web::test]
async fn an_own_success_resets_nothing_of_others() {
    on_both(async |database| {
        let passport = with_limits(database, 5, 30).await;
        passport.add_user("victim").await;
        passport.add_user("crook").await;
        let mut crook = passport.browser();
        for n in 1..=4 {
            assert_eq!(crook.try_password("victim", WRONG).await, 401);
            // From a browser that nobody knows, and from one that is known at the crook's account.
            assert_eq!(passport.browser().try_password("crook", PASSWORD).await, 303);
            crook.cookies.clear();
            crook.sign_in("crook").await;
            crook.forget_all_cookies_but(&["__Host-passport-device"]);
            assert_eq!(counter(&passport, "address:").await, n, "own successes are given back");
        }
        let victim = counters(&passport)
            .await
            .into_iter()
            .find(|(key, number)| key.starts_with("account:") && *number == 4);
        assert!(victim.is_some(), "four guesses at the victim: {:?}", counters(&passport).await);
        assert_eq!(crook.try_password("victim", WRONG).await, 401);
        assert_eq!(crook.try_password("victim", PASSWORD).await, 401, "blocked");
        passport.advance(30 * SECOND);
        assert_eq!(crook.try_password("victim", PASSWORD).await, 303);
    })
    .await;
}

// SECURITY-CASES L-10: what strangers say about where they come from counts for nothing.
#[actix_web::test]
async fn forged_forwarding_headers_make_no_new_address() {
    let passport = with_limits(Database::Sqlite, 1_000, 20).await;
    passport.add_user("member").await;
    for n in 0..20 {
        let mut browser = passport.browser();
        for name in ["x-forwarded-for", "x-real-ip", "cf-connecting-ip", "true-client-ip"] {
            browser.headers.push((name.to_owned(), format!("203.0.113.{n}")));
        }
        browser.headers.push(("forwarded".to_owned(), format!("for=203.0.113.{n}")));
        assert_eq!(browser.try_password(&format!("guess{n}"), WRONG).await, 401);
    }
    assert_eq!(counter(&passport, "address:").await, 20);
    let mut browser = passport.browser();
    browser.headers.push(("x-forwarded-for".to_owned(), "198.51.100.1".to_owned()));
    assert_eq!(browser.try_password("member", PASSWORD).await, 429);
    assert_eq!(passport.audited("login.refused").await.address.as_deref(), Some("127.0.0.1"));
}

// SECURITY-CASES L-10: behind a proxy of ours the last hop counts, IPv6 by the customer's /64.
#[actix_web::test]
async fn behind_an_own_proxy_each_network_is_counted() {
    let passport = Passport::with(Database::Sqlite, |config| {
        config.server.trusted_proxies = vec!["127.0.0.1".to_owned()];
        config.throttle.address_attempts = 3;
        config.throttle.account_attempts = 1_000;
    })
    .await;
    passport.add_user("member").await;
    let from = |hops: &str| {
        let mut browser = passport.browser();
        browser.headers.push(("x-forwarded-for".to_owned(), hops.to_owned()));
        browser
    };
    for host in ["2001:db8:1:2::1", "2001:db8:1:2:ffff::9", "9.9.9.9, 2001:db8:1:2:3:4:5:6"] {
        assert_eq!(from(host).try_password("member", WRONG).await, 401);
    }
    assert_eq!(counter(&passport, "address:").await, 3);
    let answer = from("2001:db8:1:2::77").try_password("member", PASSWORD).await;
    assert_eq!(answer, 429, "the same customer");
    assert_eq!(from("2001:db8:1:3::1").try_password("member", PASSWORD).await, 303);
    passport.advance(SECOND);
    assert_eq!(from("203.0.113.9").try_password("member", PASSWORD).await, 303);
    let address = passport.audited("login").await.address;
    assert_eq!(address.as_deref(), Some("203.0.113.9"));
}

// SECURITY-CASES L-11: strangers' guesses never keep a person out on a device that is known.
#[actix_web::test]
async fn strangers_do_not_lock_the_owner_out() {
    on_both(async |database| {
        let passport = with_limits(database, 5, 10_000).await;
        passport.add_user("owner").await;
        passport.add_user("other").await;
        let mut known = passport.signed_in("owner").await;
        known.sign_out().await;
        known.forget_all_cookies_but(&["__Host-passport-device"]);
        let device = known.cookies["__Host-passport-device"].clone();
        let others = passport.signed_in("other").await.cookies["__Host-passport-device"].clone();
        for n in 0..40 {
            passport.advance(MINUTE);
            assert_eq!(passport.browser().try_password("owner", WRONG).await, 401, "{n}");
        }
        let with_device = |cookie: &str| {
            let mut browser = passport.browser();
            browser.cookies.insert("__Host-passport-device".to_owned(), cookie.to_owned());
            browser
        };
        let (id, stamp) = device.split_once('.').unwrap();
        for (what, cookie) in [
            ("none", String::new()),
            ("another person's", others),
            ("a forged stamp", format!("{id}.{}x", &stamp[..stamp.len() - 1])),
            ("another id under the stamp", format!("x{}.{stamp}", &id[1..])),
            ("no stamp", id.to_owned()),
        ] {
            let status = with_device(&cookie).try_password("owner", PASSWORD).await;
            assert_eq!(status, 401, "a device cookie of {what} does not help");
        }
        assert_eq!(with_device(&device).try_password("owner", PASSWORD).await, 303);
        // The lock of the rest ends by itself.
        passport.advance(15 * MINUTE);
        assert_eq!(passport.browser().try_password("owner", PASSWORD).await, 303);
    })
    .await;
}

// SECURITY-CASES L-11, L-06: a device that is known has a limit of its own.
#[actix_web::test]
async fn a_known_device_cannot_guess_without_end() {
    let passport = with_limits(Database::Sqlite, 5, 300).await;
    passport.add_user("owner").await;
    let mut stolen = passport.signed_in("owner").await;
    stolen.forget_all_cookies_but(&["__Host-passport-device"]);
    for _ in 0..5 {
        assert_eq!(stolen.try_password("owner", WRONG).await, 401);
    }
    assert_eq!(stolen.try_password("owner", PASSWORD).await, 401, "blocked");
    assert_eq!(refusals(&passport).await["blocked"], 1);
    assert_eq!(counter(&passport, "device:").await, 5);
    assert_eq!(passport.browser().try_password("owner", PASSWORD).await, 303, "the account is not");
    passport.advance(30 * SECOND);
    assert_eq!(stolen.try_password("owner", PASSWORD).await, 303);
}

// SECURITY-CASES L-06: whoever tries as soon as it is allowed has a hundred guesses in a day.
#[actix_web::test]
async fn a_hundred_guesses_a_day() {
    on_both(async |database| {
        let passport = with_limits(database, 5, 10_000).await;
        passport.add_user("member").await;
        let mut guesser = passport.browser();
        let form = guesser.login_form("", "member", WRONG).await;
        let mut spent = 0;
        while spent < DAY {
            assert_eq!(guesser.submit(&form).await.status, 401);
            let until =
                passport.count("SELECT blocked_until FROM throttles WHERE id LIKE 'account:%'");
            // The free ones are followed by no wait.
            let wait = (until.await - passport.app.clock.now()).max(0);
            passport.advance(wait);
            spent += wait;
        }
        let looked_at = refusals(&passport).await["wrong_password"];
        assert!((50..=110).contains(&looked_at), "{looked_at} guesses in a day");
        assert_eq!(passport.browser().try_password("member", PASSWORD).await, 303);
    })
    .await;
}

// SECURITY-CASES L-07: a double click, many times over: everybody is let in, and each attempt is
// given back once.
#[actix_web::test]
async fn the_same_person_many_times_at_once() {
    on_both(async |database| {
        let one = with_limits(database, 1_000, 10_000).await;
        let two = one.second_node().await;
        one.add_user("member").await;
        for _ in 0..2 {
            let browsers: Vec<Browser> =
                (0..16).map(|n| if n % 2 == 0 { one.browser() } else { two.browser() }).collect();
            let statuses = all_at_once(browsers, "member", PASSWORD).await;
            assert_eq!(statuses, vec![303; 16]);
            assert_eq!(counter(&one, "account:").await, 0);
            assert_eq!(counter(&one, "address:").await, 0);
        }
    })
    .await;
}

// What the double click once found: a login that ends and one that begins, of one person from one
// place, each held the counter that the other wanted, until PostgreSQL failed one of them.
#[actix_web::test]
async fn counters_are_always_locked_in_one_order() {
    let passport = Passport::on(Database::Postgres).await;
    let (free, now) = (Policy::account(1_000), passport.app.clock.now());
    let attempted =
        async |tx: &mut Tx, key: &str| match throttles::attempt(tx, key, free, now).await {
            Ok(Answer::Granted(attempt)) => attempt,
            other => panic!("{key}: {other:?}"),
        };
    let mut tx = passport.app.db.write().await.unwrap();
    // The account's row first, so that it also comes first when the table is read through.
    let account = attempted(&mut tx, "account:a").await;
    let network = attempted(&mut tx, "address:a").await;
    tx.commit().await.unwrap();

    let mut begins = passport.app.db.write().await.unwrap();
    attempted(&mut begins, "address:a").await;
    let app = passport.app.clone();
    let ends = tokio::spawn(async move {
        let mut tx = app.db.write().await.unwrap();
        let settled =
            throttles::settle(&mut tx, &account, std::slice::from_ref(&network), now).await;
        tx.commit().await.unwrap();
        settled
    });
    let waiting = "SELECT COUNT(*) FROM pg_stat_activity
                   WHERE wait_event_type = 'Lock' AND datname = current_database()";
    eventually(async || passport.count(waiting).await == 1).await;
    attempted(&mut begins, "account:a").await;
    begins.commit().await.unwrap();
    assert!(ends.await.unwrap().unwrap());
    assert_eq!(
        (counter(&passport, "account:").await, counter(&passport, "address:").await),
        (0, 1)
    );
}
