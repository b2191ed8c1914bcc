//! `user …`

use std::io::BufRead;

use clap::{Subcommand, ValueEnum};
use serde_json::json;

use super::{Refused, output};
use crate::{
    app::App,
    domain::seconds,
    flows::users::{self, AddUser},
    store,
};

/// Most accounts that are listed.
const LISTED: i64 = 100_000;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Make an account; without a password, print a link to choose one
    Add {
        /// The name to sign in with
        name: String,
        /// The mail address, taken as verified
        #[arg(long)]
        email: Option<String>,
        /// Let it administer Passport
        #[arg(long)]
        admin: bool,
        /// Read the password from the first line of standard input
        #[arg(long)]
        password_stdin: bool,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Print a new link to choose a password; earlier links are void
    Link {
        /// Whose
        name: String,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Let an account administer Passport, or no more
    Admin {
        /// Which account
        name: String,
        /// Whether
        switch: Switch,
        /// Even if it is the last admin
        #[arg(long)]
        force: bool,
    },
    /// Shut an account off and end its sessions
    Disable {
        /// Which account
        name: String,
        /// Even if it is the last admin
        #[arg(long)]
        force: bool,
    },
    /// Let an account back in
    Enable {
        /// Which account
        name: String,
    },
    /// End all sessions of a person, at every app
    Logout {
        /// Which account
        name: String,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Delete an account for good
    Delete {
        /// Which account
        name: String,
        /// Even if it is the last admin
        #[arg(long)]
        force: bool,
    },
    /// List accounts
    List {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Switch {
    On,
    Off,
}

pub(super) async fn run(app: &App, command: Command) -> Result<(), Refused> {
    match command {
        Command::Add { name, email, admin, password_stdin, json } => {
            let password = password_stdin.then(first_line).transpose()?;
            let new = AddUser {
                username: &name,
                email: email.as_deref(),
                admin,
                password: password.as_deref(),
            };
            let added = users::add(app, new).await?;
            if json {
                output::json(&json!({
                    "id": added.id.as_str(), "username": added.username, "email": email,
                    "admin": admin, "setup_url": added.setup_url,
                }));
            } else {
                output::say(&format!("Made the account {}.", added.username));
                if let Some(url) = added.setup_url {
                    say_link(&url);
                }
            }
        }
        Command::Link { name, json } => {
            let url = users::link(app, &name).await?;
            if json {
                output::json(&json!({ "username": name, "setup_url": url }));
            } else {
                say_link(&url);
            }
        }
        Command::Admin { name, switch, force } => {
            let admin = switch == Switch::On;
            users::set_admin(app, &name, admin, force).await?;
            let what = if admin { "administers" } else { "no longer administers" };
            output::say(&format!("{name} {what} Passport."));
        }
        Command::Disable { name, force } => {
            let ended = users::disable(app, &name, force).await?;
            output::say(&format!("Disabled {name}; ended {} sessions.", ended.sessions));
        }
        Command::Enable { name } => {
            users::enable(app, &name).await?;
            output::say(&format!("Enabled {name}."));
        }
        Command::Logout { name, json } => {
            let ended = users::logout(app, &name).await?;
            if json {
                output::json(
                    &json!({ "sessions": ended.sessions, "app_sessions": ended.app_sessions }),
                );
            } else {
                output::say(&format!(
                    "Ended {} sessions of {name}, {} at apps.",
                    ended.sessions, ended.app_sessions
                ));
            }
        }
        Command::Delete { name, force } => {
            let ended = users::delete(app, &name, force).await?;
            output::say(&format!("Deleted {name}; ended {} sessions.", ended.sessions));
        }
        Command::List { json } => {
            let rows = store::users::list(&mut *app.db.read().await?, LISTED).await?;
            if json {
                let rows: Vec<_> = rows
                    .iter()
                    .map(|user| {
                        json!({
                            "id": user.id.as_str(), "username": user.username, "email": user.email,
                            "admin": user.admin_since.is_some(), "disabled": user.disabled_at.is_some(),
                            "has_password": user.has_password,
                            "last_login_at": user.last_login_at.map(seconds),
                            "created_at": seconds(user.created_at),
                        })
                    })
                    .collect();
                output::json(&rows.into());
            } else {
                let rows: Vec<_> = rows
                    .into_iter()
                    .map(|user| {
                        let mut marks = Vec::new();
                        marks.extend(user.admin_since.map(|_| "admin"));
                        marks.extend(user.disabled_at.map(|_| "disabled"));
                        marks.extend((!user.has_password).then_some("no password"));
                        let login = user.last_login_at.map_or("never".to_owned(), output::time);
                        vec![user.username, user.email.unwrap_or_default(), login, marks.join(", ")]
                    })
                    .collect();
                output::table(&["NAME", "E-MAIL", "LAST LOGIN", ""], &rows);
            }
        }
    }
    Ok(())
}

fn say_link(url: &str) {
    output::say(&format!("Link to choose a password, good for 3 days:\n  {url}"));
}

fn first_line() -> Result<String, Refused> {
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line)?;
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}
