//! `key …`

use clap::Subcommand;
use serde_json::json;

use super::{Refused, output};
use crate::{
    app::App,
    domain::{Millis, seconds},
    flows::{replace_master_key, signing_keys},
    store::signing_keys::KeyRow,
    tokens::{
        keyring::{OVERLAP, PUBLISHED_BEFORE},
        master_key::MasterKey,
    },
};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// List the keys that sign tickets
    List {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Make a new key; it signs in half a minute, and the old ones go on verifying for a while
    Rotate {
        /// How long the old keys go on verifying [default: 15m]
        #[arg(long, value_parser = humantime::parse_duration)]
        overlap: Option<std::time::Duration>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Seal everything under another master key, made in FILE if there is none
    ReplaceMaster {
        /// The new key file
        file: std::path::PathBuf,
    },
    /// Open everything that is sealed under the master key
    Verify,
    /// Retire a key at once: what it signed is refused from now on
    Retire {
        /// Which key: a name in base64url, which may begin with a hyphen
        #[arg(allow_hyphen_values = true)]
        kid: String,
    },
}

pub(super) async fn run(app: &App, command: Command) -> Result<(), Refused> {
    match command {
        Command::List { json } => {
            let now = app.clock.now();
            let keys = signing_keys::list(app).await?;
            if json {
                let keys: Vec<_> = keys
                    .iter()
                    .map(|key| {
                        json!({
                            "kid": key.kid, "state": state(key, now),
                            "created_at": seconds(key.created_at), "signs_from": seconds(key.signs_from),
                            "retires_at": key.retires_at.map(seconds),
                        })
                    })
                    .collect();
                output::json(&keys.into());
            } else {
                let rows: Vec<_> = keys
                    .into_iter()
                    .map(|key| {
                        let retires = key.retires_at.map_or_else(String::new, output::time);
                        vec![
                            key.kid.clone(),
                            state(&key, now).to_owned(),
                            output::time(key.signs_from),
                            retires,
                        ]
                    })
                    .collect();
                output::table(&["KID", "STATE", "SIGNS FROM", "RETIRES AT"], &rows);
            }
        }
        Command::Rotate { overlap, json } => {
            let overlap = overlap.map_or(OVERLAP, |overlap| {
                Millis::try_from(overlap.as_millis()).unwrap_or(OVERLAP)
            });
            let kid = signing_keys::rotate(app, overlap).await?;
            if json {
                output::json(&json!({ "kid": kid, "signs_in_seconds": PUBLISHED_BEFORE / 1_000 }));
            } else {
                output::say(&format!(
                    "Made the key {kid}. It signs in {} seconds.",
                    PUBLISHED_BEFORE / 1_000
                ));
            }
        }
        Command::ReplaceMaster { file } => {
            if file == std::path::Path::new(&app.config.master_key.file) {
                return Err(Refused("this is the present key file: name another one".to_owned()));
            }
            let new = MasterKey::load_or_create(&file, &app.random)?;
            let sealed = replace_master_key::replace_master_key(app, &new).await?;
            output::say(&format!(
                "Sealed {sealed} values under {}. Now set master_key.file to it and restart every node; \
                 then remove {}.",
                file.display(),
                app.config.master_key.file
            ));
        }
        Command::Verify => {
            let opened = replace_master_key::verify_all(app).await?;
            output::say(&format!("All {opened} sealed values open."));
        }
        Command::Retire { kid } => {
            signing_keys::retire(app, &kid).await?;
            output::say(&format!("Retired the key {kid}."));
        }
    }
    Ok(())
}

fn state(key: &KeyRow, now: Millis) -> &'static str {
    match key.retires_at {
        Some(end) if end <= now => "retired",
        _ if key.signs_from > now => "published",
        Some(_) => "retiring",
        None => "in use",
    }
}
