//! What is refused changes nothing.

use std::{
    collections::BTreeMap,
    os::unix::fs::{MetadataExt, chown},
    path::Path,
};

use harness::{Database, process::Home};
use sha2::{Digest, Sha256};
use sqlx::{Connection, Executor, SqliteConnection};
use sso_server::store::copies::Alone;

use super::scene::Scene;

/// Names and contents of a folder's files, without the empty lock files.
fn everything(folder: &Path) -> BTreeMap<String, Option<[u8; 32]>> {
    std::fs::read_dir(folder)
        .unwrap()
        .map(|file| file.unwrap().path())
        .map(|path| (path.file_name().unwrap().to_string_lossy().into_owned(), path))
        .filter(|(name, _)| !name.ends_with("-in-use") && !name.ends_with("-migrating"))
        .map(|(name, path)| (name, std::fs::read(path).ok().map(|it| Sha256::digest(it).into())))
        .collect()
}

async fn execute(file: &Path, sql: &'static str) {
    let url = format!("sqlite://{}?mode=rwc", file.display());
    let mut connection = SqliteConnection::connect(&url).await.unwrap();
    connection.execute(sql).await.unwrap();
    connection.close().await.unwrap();
}

#[actix_web::test]
async fn what_is_not_a_good_backup_of_ours_changes_nothing() {
    let mut scene = Scene::on(Database::Sqlite).await;
    let good = scene.back_up("good");
    scene.stop();
    let home = &scene.home;
    let copy = |name: &str| {
        let file = home.file(name);
        std::fs::copy(&good, &file).unwrap();
        file
    };
    std::fs::write(home.file("text"), "nothing of the kind").unwrap();
    std::fs::write(home.file("empty"), "").unwrap();
    let bytes = std::fs::read(&good).unwrap();
    std::fs::write(home.file("cut"), &bytes[..bytes.len() / 2]).unwrap();
    let mut damaged = bytes.clone();
    for byte in &mut damaged[8_192..16_384] {
        *byte ^= 0x55;
    }
    std::fs::write(home.file("damaged"), damaged).unwrap();
    execute(&home.file("other"), "CREATE TABLE sessions (id TEXT)").await;
    let newer = "INSERT INTO _sqlx_migrations (version, description, success, checksum,
        execution_time) VALUES (9999, 'later', TRUE, x'00', 0)";
    execute(&copy("newer"), newer).await;
    execute(&copy("trigger"), "CREATE TRIGGER t AFTER INSERT ON users BEGIN SELECT 1; END").await;
    execute(
        &copy("dangling"),
        "PRAGMA foreign_keys = OFF; INSERT INTO sessions (id, digest, user_id,
        auth_time, amr, device, device_class, address, state, created_at, last_seen_at, idle_until,
        expires_at) VALUES ('s', 'd', 'nobody', 0, '', '', '', '', '', 0, 0, 0, 0)",
    )
    .await;
    execute(&copy("changed"), "UPDATE _sqlx_migrations SET checksum = x'00' WHERE version = 1")
        .await;
    execute(&copy("future"), "UPDATE audit SET id = 'f' || id, at = 9000000000000").await;

    let before = everything(home.folder.path());
    for (name, why) in [
        ("absent", "No such file"),
        (".", "not a file"),
        ("text", "no backup"),
        ("empty", "no backup"),
        ("cut", "no backup"),
        ("damaged", "no backup"),
        ("other", "no backup"),
        ("trigger", "other tables"),
        ("dangling", "damaged"),
        ("newer", "migration 9999"),
        ("changed", "migration 1"),
        ("future", "clock"),
    ] {
        let said = home.refused(1, &["restore", name]);
        assert!(said.contains(why), "{name}: {said}");
        assert_eq!(everything(home.folder.path()), before, "{name}");
    }
    home.refused(2, &["restore"]);
    home.refused(2, &["restore", "good", "--done"]);
    home.refused(2, &["backup"]);

    // Another installation's: sealed under another key.
    let stranger = Home::new(Database::Sqlite).await;
    stranger.say(&["migrate"]);
    stranger.say(&["backup", "theirs"]);
    let theirs = stranger.file("theirs").display().to_string();
    assert!(home.refused(1, &["restore", &theirs]).contains("master key"));
    assert_eq!(everything(home.folder.path()), before);

    // The control.
    scene.home.say(&["restore", "good"]);
    scene.serve().await;
    scene.signed_in("ann").await;
}

#[actix_web::test]
async fn a_database_in_use_is_left_alone() {
    let mut scene = Scene::on(Database::Sqlite).await;
    let mut browser = scene.signed_in("ann").await;
    scene.back_up("good");
    let said = scene.home.refused(1, &["restore", "good"]);
    assert!(said.contains("in use"), "{said}");
    assert!(browser.is_signed_in().await, "it serves on");
    scene.stop();

    // A program that does not know our lock.
    let url = format!("sqlite://{}", scene.file().display());
    let mut connection = SqliteConnection::connect(&url).await.unwrap();
    connection.execute("SELECT COUNT(*) FROM users").await.unwrap();
    let before = std::fs::read(scene.file()).unwrap();
    let said = scene.home.refused(1, &["restore", "good"]);
    assert!(said.contains("in use"), "{said}");
    assert_eq!(std::fs::read(scene.file()).unwrap(), before);
    connection.close().await.unwrap();

    // And nobody begins while a restore is at it.
    let alone = Alone::take(&scene.file()).unwrap();
    assert!(scene.home.refused(1, &["serve"]).contains("being restored"));
    drop(alone);
    scene.home.say(&["restore", "good"]);
    scene.serve().await;
    assert!(!browser.is_signed_in().await);
}

#[actix_web::test]
async fn nothing_is_overwritten() {
    let scene = Scene::on(Database::Sqlite).await;
    let good = scene.back_up("good");
    let before = std::fs::read(&good).unwrap();
    assert!(scene.home.refused(1, &["backup", "good"]).contains("exists already"));
    assert_eq!(std::fs::read(&good).unwrap(), before);
    std::os::unix::fs::symlink("nowhere", scene.home.file("link")).unwrap();
    scene.home.refused(1, &["backup", "link"]);
    assert!(!scene.home.file("nowhere").exists());
    scene.home.refused(1, &["backup", "absent/folder"]);
    let left = everything(scene.home.folder.path());
    assert!(!left.keys().any(|name| name.contains("partial")), "{:?}", left.keys());
}

#[actix_web::test]
async fn postgresql_has_tools_of_its_own() {
    let scene = Scene::on(Database::Postgres).await;
    assert!(scene.home.refused(1, &["backup", "b"]).contains("pg_dump"));
    std::fs::write(scene.home.file("b"), "").unwrap();
    assert!(scene.home.refused(1, &["restore", "b"]).contains("pg_restore"));
}

// A command run as root does not keep a server out that runs as somebody else.
#[actix_web::test]
async fn what_root_restores_belongs_to_whose_it_was() {
    let mut scene = Scene::on(Database::Sqlite).await;
    scene.back_up("good");
    scene.stop();
    let nobody = 65_534;
    if let Err(error) = chown(scene.file(), Some(nobody), Some(nobody)) {
        eprintln!("not tested: only root may give files away ({error})");
        return;
    }
    let lock = scene.home.file("passport.db-in-use");
    std::fs::remove_file(&lock).unwrap();
    scene.home.say(&["restore", "good"]);
    for file in [scene.file(), lock] {
        assert_eq!(std::fs::metadata(&file).unwrap().uid(), nobody, "{}", file.display());
    }
}
