//! A backup while the server writes.

use std::{
    cell::{Cell, RefCell},
    os::unix::fs::PermissionsExt,
    rc::Rc,
};

use harness::Database;

use super::scene::Scene;

/// The numbers of backups.
const BACKUPS: usize = 3;

// SECURITY-CASES W-14: backup under load, destroy, restore, start. Whatever was acknowledged before a
// backup began is in it.
#[actix_web::test]
async fn a_backup_under_load_restores_whole() {
    let mut scene = Scene::on(Database::Sqlite).await;
    let aw = scene.aw();
    let entered = Rc::new(RefCell::new(Vec::new()));
    let stop = Rc::new(Cell::new(false));
    let mut load = Vec::new();
    for name in ["ann", "ben", "cid"] {
        let (aw, entered, stop, mut browser) =
            (aw.clone(), entered.clone(), stop.clone(), scene.browser());
        load.push(actix_web::rt::spawn(async move {
            while !stop.get() {
                browser.sign_in(name).await;
                for _ in 0..5 {
                    let app_session = aw.enter(&mut browser).await.app_session;
                    entered.borrow_mut().push(app_session);
                }
                browser.sign_out().await;
            }
        }));
    }
    let mut backups = Vec::new();
    for number in 0..BACKUPS {
        let before = entered.borrow().len();
        super::scene::until("there is load", async || entered.borrow().len() > before + 5).await;
        let acknowledged = entered.borrow().clone();
        let name = format!("backup-{number}");
        let mut command = tokio::process::Command::from(scene.home.command(&["backup", &name]));
        let output = command.output().await.unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        backups.push((scene.home.file(&name), acknowledged));
    }
    stop.set(true);
    for task in load {
        task.await.unwrap();
    }
    for (backup, acknowledged) in backups {
        let mode = std::fs::metadata(&backup).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        // Destroyed: also the file, its log and its index.
        scene.stop();
        for suffix in ["", "-wal", "-shm"] {
            let _ = std::fs::remove_file(format!("{}{suffix}", scene.file().display()));
        }
        // What a restore that was killed leaves behind.
        std::fs::write(scene.home.file("passport.db.restoring"), "half of it").unwrap();
        std::fs::write(scene.home.file("passport.db.restoring-wal"), "half of it").unwrap();
        let said = scene.home.json(&["restore", "--json", &backup.display().to_string()]);
        assert!(said["aside"].is_null() && said["backup_made_at"].is_i64(), "{said}");
        let mode = std::fs::metadata(scene.file()).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        scene.serve().await;
        scene.home.say(&["audit", "verify"]);
        scene.home.say(&["key", "verify"]);
        assert!(!acknowledged.is_empty());
        for app_session in &acknowledged {
            let status = aw.status(app_session).await;
            assert_eq!((status.status.as_u16(), &status.json()["state"]), (200, &"ended".into()));
        }
        aw.enter(&mut scene.signed_in("ann").await).await;
    }
    let left: Vec<String> = std::fs::read_dir(scene.home.folder.path())
        .unwrap()
        .map(|file| file.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.contains("partial") || name.contains("restoring"))
        .collect();
    assert!(left.is_empty(), "{left:?}");
}
