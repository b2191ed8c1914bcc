//! The command line, as an operator types it: what it does, and what it says by its exit code.

use harness::{Database, process::Home};

#[actix_web::test]
async fn settings_by_flag_are_usage_in_form_and_configuration_in_value() {
    let home = Home::new(Database::Sqlite).await;
    for (setting, code, said) in [
        ("server.trusted_proxies=10.0.0.0/8,::1", 0, ""),
        ("server.listen", 2, "KEY=VALUE is needed"),
        ("server.lissten=127.0.0.1:0", 2, "[server] has"),
        ("server.trusted_proxies=10.0.0.0/8,nobody", 1, "`nobody` is neither"),
        ("server.workers=many", 1, "server.workers"),
    ] {
        let output = home.run(&["--set", setting, "check"]);
        let error = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{setting}: {error}");
        assert!(error.contains(said), "{setting}: {error}");
    }
}
