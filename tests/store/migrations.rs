//! Migrations: once, by one; a database that is not ours to change is left alone.

use std::os::unix::fs::PermissionsExt;

use client_sdk::wire::Cause;
use futures_util::future::join_all;
use harness::{Database, NOON, on_both};
use sqlx::Executor;
use sso_server::{
    app::{App, StartError},
    clock::Clock,
    config::Config,
    random::Random,
    store::{self, MigrateError, sessions},
};

use crate::scene::{Scene, count, end_session, open};

const APPLIED: &str = "SELECT COUNT(*) FROM _sqlx_migrations";

/// Changes the record of what was applied, as a later program or a meddler would.
async fn meddle(scene: &Scene, sql: &'static str) {
    scene.write(async |tx| tx.execute(sql).await.unwrap()).await;
}

fn config(scene: &Scene, migrate_on_start: bool) -> Config {
    let mut config = Config::default();
    config.database.url = scene.url.clone();
    config.database.migrate_on_start = migrate_on_start;
    config.master_key.file = scene.folder.path().join("passport.key").display().to_string();
    config.password.memory_kib = 64;
    config.password.iterations = 1;
    config
}

async fn start(scene: &Scene, migrate_on_start: bool) -> Result<(), StartError> {
    let config = config(scene, migrate_on_start);
    App::open(config, Clock::manual(NOON), Random::system()).await.map(|_| ())
}

#[tokio::test]
async fn an_empty_database_is_brought_up_to_date_once() {
    on_both(async |database| {
        let scene = Scene::without_tables(database).await;
        assert!(!store::is_current(&scene.db).await.unwrap());
        store::migrate(&scene.db, &scene.url).await.unwrap();
        assert!(store::is_current(&scene.db).await.unwrap());
        let applied = scene.count(APPLIED).await;
        let user = scene.user("member").await;
        let (_, digest) = scene.session(&user).await;
        for _ in 0..2 {
            store::migrate(&scene.db, &scene.url).await.unwrap();
            scene.another().await;
        }
        assert_eq!(scene.count(APPLIED).await, applied, "again is nothing");
        let found = sessions::find_live(&scene.db, &digest, NOON).await.unwrap();
        assert!(matches!(found, sessions::Found::Live(_)), "and what was there is there");
    })
    .await;
}

// SECURITY-CASES Q-10
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_who_start_at_once_one_migrates_and_the_others_wait() {
    on_both(async |database| {
        let scene = Scene::without_tables(database).await;
        let mut sides = vec![scene.db.clone()];
        for _ in 0..5 {
            sides.push(open(&scene.url).await);
        }
        let outcomes = join_all(sides.iter().map(|db| store::migrate(db, &scene.url))).await;
        assert!(outcomes.iter().all(Result::is_ok), "{outcomes:?}");
        for db in &sides {
            assert!(store::is_current(db).await.unwrap());
        }
        let once = "SELECT COUNT(*) - COUNT(DISTINCT version) FROM _sqlx_migrations";
        assert_eq!(count(&scene.db, once).await, 0);
    })
    .await;
}

// SECURITY-CASES Q-10: a step of another node may take longer than any request may wait.
#[tokio::test]
async fn who_waits_for_a_long_migration_waits() {
    let scene = Scene::on(Database::Postgres).await;
    let mut long = scene.db.write().await.unwrap();
    long.execute("LOCK TABLE _sqlx_migrations IN ACCESS EXCLUSIVE MODE").await.unwrap();
    let other = open(&scene.url).await;
    let step = async {
        // Requests give up after 4 seconds.
        long.execute("SELECT pg_sleep(4.3)").await.unwrap();
        long.commit().await.unwrap();
    };
    let ((), waited) = tokio::join!(step, store::migrate(&other, &scene.url));
    waited.expect("it waits");
}

// SECURITY-CASES Q-11: refuses clearly, and changes nothing.
#[tokio::test]
async fn a_database_of_a_later_version_is_refused() {
    on_both(async |database| {
        let scene = Scene::on(database).await;
        start(&scene, true).await.unwrap();
        meddle(
            &scene,
            "INSERT INTO _sqlx_migrations
                 (version, description, installed_on, success, checksum, execution_time)
             SELECT 9000, description, installed_on, success, checksum, execution_time
             FROM _sqlx_migrations WHERE version = 1",
        )
        .await;
        let before = scene.count(APPLIED).await;
        let refused = store::migrate(&scene.db, &scene.url).await.unwrap_err();
        assert!(matches!(refused, MigrateError::Newer(9000)), "{refused}");
        for migrate_on_start in [true, false] {
            let said = start(&scene, migrate_on_start).await.unwrap_err().to_string();
            assert!(said.contains("newer than this program") && said.contains("9000"), "{said}");
        }
        assert_eq!(scene.count(APPLIED).await, before);
        meddle(&scene, "DELETE FROM _sqlx_migrations WHERE version = 9000").await;
        start(&scene, true).await.expect("its own database");
    })
    .await;
}

// SECURITY-CASES Q-10
#[tokio::test]
async fn an_applied_migration_that_was_changed_is_refused() {
    on_both(async |database| {
        let scene = Scene::on(database).await;
        meddle(&scene, "CREATE TABLE kept AS SELECT version, checksum FROM _sqlx_migrations").await;
        meddle(
            &scene,
            match database {
                Database::Sqlite => {
                    "UPDATE _sqlx_migrations SET checksum = x'00' WHERE version = 1"
                }
                Database::Postgres => {
                    "UPDATE _sqlx_migrations SET checksum = '\\x00' WHERE version = 1"
                }
            },
        )
        .await;
        let refused = store::migrate(&scene.db, &scene.url).await.unwrap_err();
        assert!(matches!(refused, MigrateError::Changed(1)), "{refused}");
        let said = start(&scene, true).await.unwrap_err().to_string();
        assert!(said.contains("migration 1") && said.contains("changed"), "{said}");
        meddle(
            &scene,
            "UPDATE _sqlx_migrations SET checksum =
                 (SELECT checksum FROM kept WHERE kept.version = _sqlx_migrations.version)",
        )
        .await;
        start(&scene, true).await.expect("as it was");
    })
    .await;
}

#[tokio::test]
async fn without_leave_to_migrate_an_old_database_is_refused_and_a_current_one_runs() {
    on_both(async |database| {
        let scene = Scene::without_tables(database).await;
        let refused = start(&scene, false).await.unwrap_err();
        assert!(matches!(refused, StartError::Outdated), "{refused}");
        assert!(refused.to_string().contains("sso-server migrate"), "{refused}");
        store::migrate(&scene.db, &scene.url).await.unwrap();
        let app = App::open(config(&scene, false), Clock::manual(NOON), Random::system());
        let app = app.await.expect("it is current");
        if database == Database::Sqlite {
            // Counted only by a writer that keeps sessions at hand.
            let commits = "SELECT version FROM registry WHERE id = 'commits'";
            let before = scene.count(commits).await;
            app.db.write().await.unwrap().commit().await.unwrap();
            assert_eq!(scene.count(commits).await, before + 1, "sessions are kept at hand");
        }
        let user = scene.user("member").await;
        let (id, digest) = scene.session(&user).await;
        let live = async || {
            let found = sessions::find_live(&app.db, &digest, NOON).await.unwrap();
            matches!(found, sessions::Found::Live(_))
        };
        assert!(live().await && live().await);
        scene.write(async |tx| end_session(tx, &id, Cause::User, NOON).await).await;
        assert!(!live().await, "and are never served after their end");
    })
    .await;
}

#[tokio::test]
async fn columns_are_text_or_bigint() {
    on_both(async |database| {
        let scene = Scene::on(database).await;
        let sql = match database {
            Database::Sqlite => {
                "SELECT CAST(m.name AS TEXT), CAST(c.name AS TEXT), CAST(c.type AS TEXT)
                 FROM sqlite_master m, pragma_table_info(m.name) c
                 WHERE m.type = 'table' AND m.name <> '_sqlx_migrations'"
            }
            Database::Postgres => {
                "SELECT CAST(table_name AS TEXT), CAST(column_name AS TEXT), CAST(data_type AS TEXT)
                 FROM information_schema.columns
                 WHERE table_schema = 'public' AND table_name <> '_sqlx_migrations'"
            }
        };
        let columns: Vec<(String, String, String)> =
            sqlx::query_as(sql).fetch_all(&mut *scene.db.read().await.unwrap()).await.unwrap();
        assert!(columns.len() > 80, "{}", columns.len());
        for (table, column, kind) in columns {
            let fits = ["TEXT", "BIGINT"].contains(&kind.to_uppercase().as_str());
            assert!(fits, "{table}.{column} is {kind}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_new_file_is_its_owners_alone() {
    let scene = Scene::on(Database::Sqlite).await;
    scene.user("member").await;
    for name in ["passport.db", "passport.db-wal", "passport.db-shm"] {
        let found = std::fs::metadata(scene.folder.path().join(name)).unwrap();
        assert_eq!(found.permissions().mode() & 0o777, 0o600, "{name}");
    }
}

#[tokio::test]
async fn a_database_that_cannot_be_is_refused_with_advice_and_without_its_password() {
    for url in [
        "mysql://ann:pa55word@db/passport",
        "sqlite::memory:",
        "sqlite:///no/such/folder/passport.db",
        "postgres://ann:pa55word@127.0.0.1:1/none",
        "postgres://127.0.0.1:1/none?user=ann&password=pa55word",
        "postgres://ann:pa55word#x@127.0.0.1:1/none",
        "nonsense",
    ] {
        let mut options = crate::scene::options(url);
        options.max_connections = 1;
        assert!(!format!("{options:?}").contains("pa55word"), "{url}: {options:?}");
        let refused = store::Db::open(&options).await.unwrap_err();
        for said in [refused.to_string(), format!("{refused:?}")] {
            assert!(!said.contains("pa55word"), "{url}: {said}");
        }
        let said = refused.to_string();
        assert!(said.contains("sqlite://path") || said.contains("Check that"), "{url}: {said}");
    }
}
