//! What operators set, and what they hear when it cannot be: by the program itself.

use std::{fs, net::TcpListener, os::unix::ffi::OsStringExt, os::unix::fs::PermissionsExt};

use harness::{Database, on_both, process::Home};
use sqlx::{AnyConnection, Connection, Executor};

async fn home() -> Home {
    Home::new(Database::Sqlite).await
}

/// Does something by SQL behind the program's back.
async fn alter(home: &Home, sql: &'static str) {
    sqlx::any::install_default_drivers();
    let mut connection = AnyConnection::connect(&home.url).await.unwrap();
    connection.execute(sql).await.unwrap();
    connection.close().await.unwrap();
}

#[actix_web::test]
async fn check_names_every_problem_at_once() {
    let mut home = home().await;
    let said = home.say(&["check"]);
    assert!(said.starts_with("The configuration is good.\n"), "{said}");
    assert!(said.contains("no passport.toml here") && said.contains("not there yet"), "{said}");
    fs::write(
        home.file("passport.toml"),
        "colour = 1\n[server]\nlissten = \"x\"\npublic_url = \"http://sso.example/\"\n[session]\nidle = \"soon\"\n",
    )
    .unwrap();
    home.unset("SSO_SERVER__PUBLIC_URL");
    home.set("SSO_TICKET__LIFETIME", "1h");
    home.set("SSO_LOG__LEVVEL", "debug");
    home.set("SSO_NOPE__X", "1");
    let said = home.refused(1, &["check", "--set", "password.iterations=0"]);
    for name in [
        "colour",
        "server.lissten",
        "server.public_url",
        "session.idle",
        "ticket.lifetime",
        "SSO_LOG__LEVVEL",
        "password.iterations",
        "SSO_NOPE__X",
    ] {
        assert_eq!(said.matches(&format!("- {name}")).count(), 1, "{name} in:\n{said}");
    }
    assert!(said.contains("8 problems"), "{said}");
    assert!(!home.file("passport.key").exists(), "a check makes nothing");
}

#[actix_web::test]
async fn unknown_keys_are_refused_wherever_they_come_from() {
    let mut home = home().await;
    // Somebody else's variables are not ours to judge: no section, or not even text.
    home.set("SSO_HOME", "/opt/other");
    let foreign = std::ffi::OsString::from_vec(vec![0xff, 0xfe]);
    let output = home.command(&["check"]).env("LS_COLOURS", &foreign).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let ours = home.command(&["check"]).env("SSO_DATABASE__URL", &foreign).output().unwrap();
    assert_eq!(ours.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&ours.stderr).contains("SSO_DATABASE__URL"), "{ours:?}");

    // A flag that cannot be is wrong usage.
    for (key, near) in [("server.port", "server.listen"), ("nope.x", "the sections are")] {
        let said = home.refused(2, &["serve", "--set", &format!("{key}=1")]);
        assert!(said.contains(key) && said.contains(near), "{said}");
    }
    home.set("SSO_SERVER__PORT", "1");
    assert!(home.refused(1, &["serve"]).contains("SSO_SERVER__PORT"));
    home.unset("SSO_SERVER__PORT");
    fs::write(home.file("passport.toml"), "[server]\nport = 1\n").unwrap();
    let said = home.refused(1, &["user", "list"]);
    assert!(said.contains("server.port") && said.contains("server.listen"), "{said}");
}

#[actix_web::test]
async fn flags_win_over_the_environment_over_the_file_over_the_defaults() {
    let mut home = home().await;
    home.unset("SSO_SERVER__PUBLIC_URL");
    let url = |home: &Home, more: &[&str]| {
        let mut command = home.command(&["serve"]);
        command.args(more);
        let node = harness::Node::start(command);
        node.line.trim().rsplit_once(" as ").unwrap().1.to_owned()
    };
    assert_eq!(url(&home, &[]), "http://sso.localhost:8800");
    let file = "[server]\npublic_url = \"http://file.localhost\"\n";
    fs::write(home.file("other.toml"), file).unwrap();
    assert_eq!(url(&home, &[]), "http://sso.localhost:8800", "only passport.toml is found");
    assert_eq!(url(&home, &["--config", "other.toml"]), "http://file.localhost");
    fs::write(home.file("passport.toml"), file).unwrap();
    assert_eq!(url(&home, &[]), "http://file.localhost");
    home.set("SSO_SERVER__PUBLIC_URL", "http://environment.localhost");
    assert_eq!(url(&home, &[]), "http://environment.localhost");
    let flag = "server.public_url=http://flag.localhost";
    assert_eq!(url(&home, &["--set", flag]), "http://flag.localhost");
    assert!(home.refused(1, &["check", "--config", "none.toml"]).contains("none.toml"));
}

#[actix_web::test]
async fn wrong_usage_is_told_from_a_refusal() {
    let home = home().await;
    let wrong: [&[&str]; 9] = [
        &[],
        &["frobnicate"],
        &["user"],
        &["user", "add"],
        &["user", "list", "--colour"],
        &["app", "add", "aw", "--name", "Aw"],
        &["app", "rotate-secret", "aw", "--overlap", "soon"],
        &["session", "end"],
        &["check", "--set", "server.listen"],
    ];
    for arguments in wrong {
        home.refused(2, arguments);
    }
    let refused: [&[&str]; 9] = [
        &["user", "disable", "nobody"],
        &["user", "logout", "nobody"],
        &["user", "delete", "nobody"],
        &["session", "list", "--user", "nobody"],
        &["session", "end", "none"],
        &["app", "disable", "none"],
        &["app", "rotate-secret", "none"],
        &["app", "add", "aw", "--name", "Aw", "--return-to", "https://*.example/cb"],
        &["key", "retire", "none"],
    ];
    for arguments in refused {
        let said = home.refused(1, arguments);
        assert!(said.starts_with("sso-server: ") && said.lines().count() == 1, "{said}");
    }
    for arguments in [["--help"], ["--version"]] {
        assert!(home.run(&arguments).status.success());
    }
}

#[actix_web::test]
async fn a_taken_port_is_named_before_anything_is_touched() {
    let mut home = home().await;
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    home.set("SSO_SERVER__LISTEN", &address);
    let said = home.refused(1, &["serve"]);
    assert!(said.contains(&address) && said.contains("server.listen"), "{said}");
    assert!(!home.file("passport.key").exists() && !home.file("passport.db").exists());
    drop(taken);
    assert_eq!(home.serve().address.to_string(), address);
}

// SECURITY-CASES H-08: the password is in no complaint, however the URL is broken.
#[actix_web::test]
async fn a_database_out_of_reach_is_named_without_its_password() {
    let mut home = home().await;
    for url in [
        "postgres://passport:canary@127.0.0.1:1/passport",
        "postgres://passport:canary@127.0.0.1:99999/passport",
        "postgres://passport:can/canary@127.0.0.1/passport",
        "postgres://passport:can@canary@127.0.0.1:x/passport",
        "postgres://127.0.0.1:99999/passport?user=passport&password=canary",
        "mysql://passport:canary@127.0.0.1:1/passport",
    ] {
        home.set("SSO_DATABASE__URL", url);
        let said = home.refused(1, &["serve"]);
        assert!(said.contains("127.0.0.1") && !said.contains("canary"), "{url}: {said}");
        let closed = url.contains("postgres") && url.contains("127.0.0.1:1/");
        assert_eq!(said.contains("refused"), closed, "the reason, and not that time is up: {said}");
    }
    home.set("SSO_DATABASE__URL", "sqlite:///no/such/folder/passport.db");
    assert!(home.refused(1, &["serve"]).contains("/no/such/folder/passport.db"));

    home.unset("SSO_DATABASE__URL");
    let broken = "[database]\nurl = \"postgres://passport:canary@127.0.0.1/passport\n";
    fs::write(home.file("passport.toml"), broken).unwrap();
    let said = home.refused(1, &["serve"]);
    assert!(said.contains("line 2") && !said.contains("canary"), "{said}");
    let good = format!("[database]\nurl = \"{}\"\n", home.url);
    fs::write(home.file("passport.toml"), good).unwrap();
    drop(home.serve());
}

// SECURITY-CASES K-03.
#[actix_web::test]
async fn a_master_key_that_is_not_ours_alone_is_refused_and_left_alone() {
    let mut home = home().await;
    home.say(&["migrate"]);
    let key = home.file("passport.key");
    let mode = |path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&key), mode(&home.file("passport.db"))), (0o600, 0o600));
    let good = fs::read_to_string(&key).unwrap();

    for open in [0o644, 0o640, 0o660, 0o604, 0o620] {
        fs::set_permissions(&key, fs::Permissions::from_mode(open)).unwrap();
        let said = home.refused(1, &["serve"]);
        assert!(said.contains("passport.key") && said.contains("chmod 600"), "{open:o}: {said}");
    }
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();

    let another = good.trim().chars().rev().collect::<String>();
    let another = format!("A{}A", &another[1..42]);
    let zeros = "A".repeat(43);
    for (content, complaint) in [
        ("", "does not hold a key"),
        ("short", "does not hold a key"),
        (&good[..42], "does not hold a key"),
        (&zeros, "does not hold a key"),
        (&another, "another master key"),
    ] {
        fs::write(&key, content).unwrap();
        let said = home.refused(1, &["serve"]);
        assert!(said.contains(complaint), "{content}: {said}");
        assert!(content.len() < 20 || !said.contains(content), "the key is not shown: {said}");
        assert_eq!(fs::read_to_string(&key).unwrap(), content, "nor overwritten");
    }
    fs::write(&key, &good).unwrap();
    drop(home.serve());

    fs::create_dir(home.file("folder")).unwrap();
    fs::set_permissions(home.file("folder"), fs::Permissions::from_mode(0o700)).unwrap();
    home.set("SSO_MASTER_KEY__FILE", "folder");
    let said = home.refused(1, &["serve"]);
    assert!(said.contains("cannot read the master key file"), "{said}");
    home.set("SSO_MASTER_KEY__FILE", "no/such/folder/key");
    assert!(home.refused(1, &["serve"]).contains("cannot create the master key file"));
}

// SECURITY-CASES: the tables of another version are refused clearly.
#[actix_web::test]
async fn a_database_of_another_version_is_refused() {
    on_both(async |database| {
        let mut home = Home::new(database).await;
        home.set("SSO_DATABASE__MIGRATE_ON_START", "false");
        let said = home.refused(1, &["serve"]);
        assert!(said.contains("sso-server migrate"), "{said}");
        assert_eq!(home.say(&["migrate"]), "The database is up to date.\n");
        drop(home.serve());

        alter(
            &home,
            "INSERT INTO _sqlx_migrations (version, description, installed_on, success, checksum, execution_time)
             SELECT 9999, 'later', installed_on, success, checksum, execution_time FROM _sqlx_migrations WHERE version = 1",
        )
        .await;
        for migrates in ["false", "true"] {
            home.set("SSO_DATABASE__MIGRATE_ON_START", migrates);
            let said = home.refused(1, &["serve"]);
            assert!(said.contains("newer than this program"), "{said}");
        }
        alter(&home, "DELETE FROM _sqlx_migrations WHERE version = 9999").await;
        drop(home.serve());
    })
    .await;
}
