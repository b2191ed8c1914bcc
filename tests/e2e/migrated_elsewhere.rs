//! `database.migrate_on_start = false`: somebody else brings the tables up to date.

use harness::{Database, Passport};
use sso_server::{app::App, app::StartError, config::Config, random::Random, store};

// The cache of sessions and the quick wakes of polls rest on knowing our own commits from others'.
#[actix_web::test]
async fn a_server_that_migrates_nothing_watches_commits_all_the_same() {
    let migrated = Passport::start().await;
    let same = migrated.app.config.clone();
    let off = |config: &mut Config| {
        *config = same.clone();
        config.database.migrate_on_start = false;
    };
    let (url, folder) = (&migrated.app.config.database.url, migrated.folder.clone());
    let node = Passport::over(Database::Sqlite, url, folder, migrated.clock.clone(), off).await;
    // Every group of writes that is told apart from others' counts itself.
    let commits = "SELECT version FROM registry WHERE id = 'commits'";
    let before = node.count(commits).await;
    node.add_user("member").await;
    assert!(node.count(commits).await > before);
    let mut browser = node.signed_in("member").await;
    assert!(browser.is_signed_in().await);
}

#[actix_web::test]
async fn without_tables_it_does_not_start() {
    let passport = Passport::start().await;
    let mut config = passport.app.config.clone();
    let url = format!("sqlite://{}", passport.folder.path().join("empty.db").display());
    config.database.url.clone_from(&url);
    config.database.migrate_on_start = false;
    let opened = App::open(config, passport.clock.clone(), Random::system()).await;
    assert!(matches!(opened, Err(StartError::Outdated)), "{opened:?}");
    let db = store::Db::open(&store::Options { url, max_connections: 1 }).await.unwrap();
    assert!(!store::is_current(&db).await.unwrap());
}
