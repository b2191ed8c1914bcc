//! Names: what looks like another's is another's.

use harness::{PASSWORD, Passport, on_both};
use sso_server::flows::users::{self, AddUser, UsersError};

async fn add(passport: &Passport, username: &str, email: Option<&str>) -> Result<(), UsersError> {
    let new = AddUser { username, email, admin: false, password: Some(PASSWORD) };
    users::add(&passport.app, new).await.map(|_| ())
}

// SECURITY-CASES L-14: whoever looks like `admin` is refused when there is an `admin`.
#[actix_web::test]
async fn no_second_account_looks_like_the_first() {
    on_both(async |database| {
        let passport = Passport::on(database).await;
        add(&passport, "admin", None).await.unwrap();
        add(&passport, "coco", None).await.unwrap();
        add(&passport, "office", None).await.unwrap();
        add(&passport, "bill", None).await.unwrap();
        for (look_alike, taken) in [
            ("ADMIN", true),
            ("Admin", true),
            ("ａｄｍｉｎ", true),
            ("𝐚𝐝𝐦𝐢𝐧", true),
            ("adm\u{131}n", true),
            ("oﬃce", true),
            ("сосо", true),
            ("bi1l", true),
            ("adm\u{130}n", false),
            ("admin\u{200b}", false),
            ("ad\u{202e}min", false),
            ("\u{430}dmin", false),
            ("admin ", false),
            (" admin", false),
            ("admin.", false),
            (".admin", false),
        ] {
            let error = add(&passport, look_alike, None).await.unwrap_err();
            let found = matches!(error, UsersError::Taken);
            assert_eq!(found, taken, "{look_alike:?}: {error}");
            assert!(found || matches!(error, UsersError::Username(_)), "{look_alike:?}: {error}");
        }
        assert_eq!(passport.count("SELECT COUNT(*) FROM users").await, 4);
        for (number, other) in (5..).zip(["adamin", "root", "王小明", "Мария"]) {
            add(&passport, other, None).await.unwrap();
            assert_eq!(passport.count("SELECT COUNT(*) FROM users").await, number);
        }
    })
    .await;
}

// SECURITY-CASES L-15: names, addresses and our own keys live in spaces that do not meet.
#[actix_web::test]
async fn a_name_is_never_anothers_address() {
    on_both(async |database| {
        let passport = Passport::on(database).await;
        add(&passport, "ann", Some("ann@example.org")).await.unwrap();
        for name in [
            "ann@example.org",
            "ann＠example.org",
            "https://ann.example.org/",
            "=ann",
            "a/b",
            "account:ann",
            "deleted:ann",
            "a|b",
            "a b",
            "a\nb",
            "",
        ] {
            let error = add(&passport, name, None).await.unwrap_err();
            assert!(matches!(error, UsersError::Username(_)), "{name:?}: {error}");
        }
        for email in ["ann@example.org", "ANN@EXAMPLE.ORG", "Ann@Example.org"] {
            let error = add(&passport, "ben", Some(email)).await.unwrap_err();
            assert!(matches!(error, UsersError::Taken), "{email}: {error}");
        }
        assert_eq!(passport.count("SELECT COUNT(*) FROM users").await, 1);
        add(&passport, "ben", Some("ben@example.org")).await.unwrap();
        for (name, email) in [("ann", "ann@example.org"), ("ben", "ben@example.org")] {
            for typed in [name, email] {
                let mut browser = passport.browser();
                assert_eq!(browser.try_password(typed, PASSWORD).await, 303);
                assert!(browser.get("/account").await.text().contains(email), "{typed}");
            }
        }
    })
    .await;
}

// SECURITY-CASES L-14: of many who want one name at once, one gets it.
#[actix_web::test]
async fn a_name_is_given_once() {
    on_both(async |database| {
        let one = Passport::on(database).await;
        let two = one.second_node().await;
        let wishes = (0..16).map(async |n| {
            let passport = if n % 2 == 0 { &one } else { &two };
            let name = ["Goal", "goal", "GOAL", "ｇｏａｌ"][n % 4];
            add(passport, name, None).await
        });
        let granted = futures_util::future::join_all(wishes).await;
        assert_eq!(granted.iter().filter(|one| one.is_ok()).count(), 1);
        assert!(
            granted
                .iter()
                .flat_map(|one| one.as_ref().err())
                .all(|error| { matches!(error, UsersError::Taken) })
        );
        assert_eq!(one.count("SELECT COUNT(*) FROM users").await, 1);
    })
    .await;
}
