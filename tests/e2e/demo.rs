//! The sample sites as programs of their own.

use std::{
    io::{BufRead, BufReader},
    net::TcpListener,
    process::{Child, Command, Stdio},
};

use harness::{
    Browser, Database, PASSWORD,
    process::{Home, program},
};

use crate::scene::until;

/// A site that is stopped with the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn free() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn site(name: &str) -> Command {
    let mut command = Command::new(program(name));
    command.env_clear();
    command
}

#[actix_web::test]
async fn a_site_runs_beside_a_passport_elsewhere() {
    let mut home = Home::new(Database::Sqlite).await;
    let (at_sso, at_aw) = (free(), free());
    let (sso, aw) =
        (format!("http://sso.localhost:{at_sso}"), format!("http://aw.localhost:{at_aw}"));
    home.set("SSO_SERVER__LISTEN", &format!("127.0.0.1:{at_sso}"));
    home.set("SSO_SERVER__PUBLIC_URL", &sso);
    let node = home.serve();
    home.add_user("member", PASSWORD);
    let return_to = format!("{aw}/sso/callback");
    let added =
        home.json(&["app", "add", "aw", "--name", "Aw", "--return-to", &return_to, "--json"]);
    let secret = added["secret"].as_str().unwrap();

    let mut command = site("aw");
    command.args(["--passport", &sso, "--url", &aw, "--listen", &format!("127.0.0.1:{at_aw}")]);
    let child =
        command.env("APP_SECRET", secret).stdout(Stdio::piped()).stderr(Stdio::null()).spawn();
    let mut running = Running(child.unwrap());
    let mut line = String::new();
    BufReader::new(running.0.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert_eq!(line, format!("Aw on http://127.0.0.1:{at_aw} as {aw}\n"));

    let mut at_passport = Browser::new(node.address, &sso);
    let mut browser = Browser::new(([127, 0, 0, 1], at_aw).into(), &aw);
    assert_eq!(browser.get("/members").await.location(), "/sso/login?next=%2Fmembers");
    let sent = browser.get("/sso/login?next=%2Fmembers").await;
    let query = sent.location().strip_prefix(&format!("{sso}/login")).unwrap().to_owned();
    let form = at_passport.login_form(&query, "member", PASSWORD).await;
    let back = at_passport.submit(&form).await;
    let callback = back.location().strip_prefix(&aw).unwrap().trim_end_matches('#').to_owned();
    assert_eq!(browser.get(&callback).await.location(), "/members");
    until("the members' page", async || browser.get("/members").await.status == 200).await;
    assert!(browser.get("/members").await.text().contains("Shown to member"));

    home.say(&["user", "logout", "member"]);
    until("it hears", async || browser.get("/members").await.status == 303).await;
}

#[actix_web::test]
async fn a_secret_is_not_shown_by_a_site() {
    let secret = "canary-0123456789abcdefghijklmnopqrstuvwxyz";
    for arguments in [
        &["--help"][..],
        &["--url", "http://aw.localhost/slash/"],
        &["--passport", "http://sso.example"],
    ] {
        let output = site("bw").args(arguments).env("APP_SECRET", secret).output().unwrap();
        let said = [output.stdout, output.stderr].concat();
        assert!(!String::from_utf8_lossy(&said).contains("canary"), "{arguments:?}");
        assert_eq!(output.status.success(), arguments == ["--help"], "{arguments:?}");
    }
    let output = site("bw").env("APP_SECRET", "canary-too-short").output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && !said.contains("canary") && said.contains("43"), "{said}");
    assert_eq!(site("bw").output().unwrap().status.code(), Some(2), "no secret at all");
}
