//! Databases of their own for each test.

use std::{
    path::Path,
    sync::atomic::{AtomicU32, Ordering},
};

use sqlx::{Connection, Executor, PgConnection};
use tokio::sync::OnceCell;

/// Which database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Database {
    /// A file in the test's folder.
    Sqlite,
    /// A database on the server that `tests/run` has started.
    Postgres,
}

/// Runs a test on both databases, one after the other; says which one failed.
pub async fn on_both(test: impl AsyncFn(Database)) {
    for database in [Database::Sqlite, Database::Postgres] {
        eprintln!("on {database:?}");
        test(database).await;
    }
}

impl Database {
    /// The URL of a new, empty database.
    pub async fn create(self, folder: &Path) -> String {
        match self {
            Self::Sqlite => format!("sqlite://{}", folder.join("passport.db").display()),
            Self::Postgres => create_postgres().await,
        }
    }
}

/// Where the test server is; without it nothing on PostgreSQL would be tested, so that is an error.
fn server() -> String {
    std::env::var("TEST_POSTGRES_URL").expect(
        "TEST_POSTGRES_URL is not set: run the tests by `tests/run`, or point it at a PostgreSQL \
         server on which databases may be created, as in postgres://postgres@127.0.0.1:5432",
    )
}

async fn create_postgres() -> String {
    static CLEARED: OnceCell<()> = OnceCell::const_new();
    let server = server();
    CLEARED.get_or_init(|| clear(&server)).await;
    create_at(&server).await
}

/// Databases of earlier runs that may lie about. PostgreSQL looks after each of them, all the time:
/// with five hundred it takes some hundredths of a processor, and of every figure that is measured
/// beside it.
const LEFT_MOST: usize = 100;

/// Drops those of processes that are over, if there are many.
async fn clear(server: &str) {
    let mut admin = PgConnection::connect(&format!("{server}/postgres")).await.unwrap();
    let left = "SELECT datname FROM pg_database WHERE datname LIKE 'passport\\_%\\_%'";
    let left: Vec<String> = sqlx::query_scalar(left).fetch_all(&mut admin).await.unwrap();
    let is_over = |name: &&String| {
        let process = name.split('_').nth(1).unwrap_or_default();
        !Path::new("/proc").join(process).exists()
    };
    let left: Vec<&String> = left.iter().filter(is_over).collect();
    if left.len() > LEFT_MOST {
        for name in left {
            // One that another machine's tests are using stays.
            let _ = admin.execute(sqlx::AssertSqlSafe(format!("DROP DATABASE {name}"))).await;
        }
    }
    admin.close().await.unwrap();
}

/// The URL of a new, empty database on the server at `server`.
pub async fn create_at(server: &str) -> String {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let number = NUMBER.fetch_add(1, Ordering::SeqCst);
    let name = format!("passport_{}_{number}", std::process::id());
    let mut admin = PgConnection::connect(&format!("{server}/postgres")).await.unwrap();
    let drop = format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)");
    admin.execute(sqlx::AssertSqlSafe(drop)).await.unwrap();
    admin.execute(sqlx::AssertSqlSafe(format!("CREATE DATABASE {name}"))).await.unwrap();
    admin.close().await.unwrap();
    format!("{server}/{name}")
}
