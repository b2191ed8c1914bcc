//! `admin-token …`

use std::time::Duration;

use clap::Subcommand;
use serde_json::json;

use super::{Refused, output};
use crate::{
    app::App,
    domain::{admin::Scope, seconds},
    flows::admin_tokens,
};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Make a token; it is shown once
    Add {
        /// The name by which the audit log calls it; names are not reused
        name: String,
        /// What it is good for, with commas: users:read, users:disable, sessions:end, apps:read,
        /// logouts:read, logouts:order, audit:read
        #[arg(long, required = true, value_delimiter = ',', value_name = "SCOPE", value_parser = scope)]
        scopes: Vec<Scope>,
        /// How long it is good [default: until it is revoked]
        #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
        expires_in: Option<Duration>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// List tokens; never the tokens themselves
    List {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Revoke a token, at once and for good
    Revoke {
        /// Which
        name: String,
    },
}

fn scope(word: &str) -> Result<Scope, String> {
    let all: Vec<&str> = Scope::ALL.iter().map(|scope| scope.as_str()).collect();
    Scope::parse(word).ok_or_else(|| format!("one of {}", all.join(", ")))
}

pub(super) async fn run(app: &App, command: Command) -> Result<(), Refused> {
    match command {
        Command::Add { name, scopes, expires_in, json } => {
            let life = expires_in.map(|life| i64::try_from(life.as_millis()).unwrap_or(i64::MAX));
            let token = admin_tokens::add(app, &name, &scopes, life).await?.expose();
            if json {
                output::json(&json!({ "name": name, "token": token }));
            } else {
                output::say(&format!("Made the token {name}. It is not shown again:\n  {token}"));
            }
        }
        Command::List { json } => {
            let rows = admin_tokens::list(app).await?;
            let scopes = |scopes: &[Scope]| -> Vec<&str> {
                scopes.iter().map(|scope| scope.as_str()).collect()
            };
            if json {
                let rows: Vec<_> = rows
                    .iter()
                    .map(|token| {
                        json!({
                            "name": token.name, "scopes": scopes(&token.scopes),
                            "created_at": seconds(token.created_at),
                            "expires_at": token.expires_at.map(seconds),
                            "last_used_at": token.last_used_at.map(seconds),
                            "revoked_at": token.revoked_at.map(seconds),
                        })
                    })
                    .collect();
                output::json(&rows.into());
            } else {
                let now = app.clock.now();
                let rows: Vec<_> = rows
                    .into_iter()
                    .map(|token| {
                        let state = match (token.revoked_at, token.expires_at) {
                            (Some(at), _) => format!("revoked {}", output::time(at)),
                            (None, Some(at)) if at <= now => "expired".to_owned(),
                            (None, Some(at)) => format!("until {}", output::time(at)),
                            (None, None) => "good".to_owned(),
                        };
                        let used = token.last_used_at.map_or("never".to_owned(), output::time);
                        vec![token.name, scopes(&token.scopes).join(","), used, state]
                    })
                    .collect();
                output::table(&["NAME", "SCOPES", "LAST USED", ""], &rows);
            }
        }
        Command::Revoke { name } => {
            admin_tokens::revoke(app, &name).await?;
            output::say(&format!("Revoked the token {name}."));
        }
    }
    Ok(())
}
