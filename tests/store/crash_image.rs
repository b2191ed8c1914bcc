//! What a crash leaves behind, and what a disk makes of it: SQLite's files as they are in the middle
//! of work, with the log cut short, overwritten or gone.

use std::{fs, path::Path};

use harness::Database;
use sso_server::store::{self, Db, meta};

use crate::scene::{Scene, count, open};

/// Commits, one after the other.
const COMMITS: usize = 40;

/// The files of a database under which somebody pulled the plug.
fn image(of: &Path, into: &Path) {
    for end in ["", "-wal", "-shm"] {
        let from = format!("{}{end}", of.display());
        fs::copy(from, into.join(format!("passport.db{end}"))).unwrap();
    }
}

/// Overwrites everything behind `from`, a part of the length.
fn garble(file: &Path, from: f64) {
    let mut bytes = fs::read(file).unwrap();
    let begin = (bytes.len() as f64 * from) as usize;
    for (at, byte) in bytes[begin..].iter_mut().enumerate() {
        *byte = (at * 131 + 7) as u8;
    }
    fs::write(file, bytes).unwrap();
}

fn cut(file: &Path, to: f64) {
    let length = fs::metadata(file).unwrap().len();
    fs::File::options()
        .write(true)
        .open(file)
        .unwrap()
        .set_len((length as f64 * to) as u64)
        .unwrap();
}

/// Which commits are there, if the database is whole and takes another one.
async fn found(db: &Db, case: &str) -> Vec<bool> {
    let said: String = sqlx::query_scalar("PRAGMA integrity_check")
        .fetch_one(&mut *db.read().await.unwrap())
        .await
        .unwrap();
    assert_eq!(said, "ok", "{case}");
    assert_eq!(count(db, "SELECT COUNT(*) FROM pragma_foreign_key_check").await, 0, "{case}");
    let mut found = Vec::new();
    for number in 0..COMMITS {
        let id = format!("fact{number}");
        found.push(meta::get(&mut db.read().await.unwrap(), &id).await.unwrap().is_some());
    }
    let mut tx = db.write().await.unwrap();
    meta::put(&mut tx, "after", "x").await.unwrap();
    tx.commit().await.unwrap();
    found
}

// SECURITY-CASES W-13: of what the log has lost, the end is missing; never the middle, and never half
// a commit.
#[tokio::test]
async fn a_damaged_log_loses_its_end_and_nothing_else() {
    let scene = Scene::on(Database::Sqlite).await;
    let path = store::sqlite_path(&scene.url).unwrap();
    for number in 0..COMMITS {
        scene
            .write(async |tx| {
                // Larger than a page, so that half a commit would be seen.
                let value = format!("{number}").repeat(3_000);
                meta::put(tx, &format!("fact{number}"), &value).await.unwrap();
            })
            .await;
    }
    type Damage = fn(&Path);
    let cases: [(&str, Damage); 8] = [
        ("as it is", |_| {}),
        ("log cut", |folder| cut(&folder.join("passport.db-wal"), 0.6)),
        ("log cut in its first frame", |folder| cut(&folder.join("passport.db-wal"), 0.001)),
        ("log overwritten", |folder| garble(&folder.join("passport.db-wal"), 0.6)),
        ("log overwritten from its beginning", |folder| {
            garble(&folder.join("passport.db-wal"), 0.0)
        }),
        ("log gone", |folder| fs::remove_file(folder.join("passport.db-wal")).unwrap()),
        ("index overwritten", |folder| garble(&folder.join("passport.db-shm"), 0.0)),
        ("index gone", |folder| fs::remove_file(folder.join("passport.db-shm")).unwrap()),
    ];
    for (case, damage) in cases {
        let folder = tempfile::tempdir().unwrap();
        image(&path, folder.path());
        damage(folder.path());
        let url = format!("sqlite://{}", folder.path().join("passport.db").display());
        let db = open(&url).await;
        store::migrate(&db, &url).await.unwrap();
        let found = found(&db, case).await;
        let many = found.iter().take_while(|there| **there).count();
        assert!(found[many..].iter().all(|there| !there), "{case}: a hole: {found:?}");
        let whole = matches!(case, "as it is" | "index overwritten" | "index gone");
        assert_eq!(many == COMMITS, whole, "{case}: {many} of {COMMITS}");
        db.close().await;
    }
}
