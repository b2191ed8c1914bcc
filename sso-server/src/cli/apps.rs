//! `app …`

use clap::{ArgGroup, Subcommand};
use serde_json::json;

use super::{Refused, doctor, output};
use crate::{
    app::App,
    domain::{
        app::{App as Client, Silent},
        events_url::EventsUrl,
        front_logout::FrontLogoutUrl,
        push::PushState,
        return_url::{Origin, ReturnUrl},
        seconds,
    },
    flows::{
        apps::{self, AddApp, Added, ChangeApp, Updated},
        push_streams,
    },
    web::api::admin::proof::PushJson,
};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Register an app and print its secret, once
    Add {
        /// Its id: a-z, 0-9, - and _
        id: String,
        /// The name people see
        #[arg(long)]
        name: String,
        /// Where tickets may go, exactly; may be repeated
        #[arg(long, value_name = "URL", num_args = 1.., required = true)]
        return_to: Vec<String>,
        /// Who may ask from inside a page, exactly; may be repeated
        #[arg(long, value_name = "ORIGIN", num_args = 1..)]
        origin: Vec<String>,
        /// Where events are pushed
        #[arg(long, value_name = "URL")]
        events_url: Option<String>,
        /// Allow JSONP
        #[arg(long)]
        jsonp: bool,
        /// Know its pages by their Referer, too, for browsers that send no Origin
        #[arg(long)]
        old_browsers: bool,
        /// Let it end every session of a person
        #[arg(long)]
        may_end_user: bool,
        /// Let its server pass on name and password (`POST /api/v1/logins`)
        #[arg(long)]
        may_login: bool,
        /// Whether people who are signed in enter it unnoticed for the first time, too: always, or
        /// ask_first
        #[arg(long, value_name = "POLICY", default_value = "always", value_parser = silent)]
        silent: Silent,
        /// Where the browser tells it of a logout
        #[arg(long, value_name = "URL")]
        front_logout_url: Option<String>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Change what is registered of an app; what is not named stays as it is
    #[command(group(ArgGroup::new("change").required(true).multiple(true)))]
    Set {
        /// Which app
        id: String,
        /// The name people see
        #[arg(long, group = "change")]
        name: Option<String>,
        /// Where tickets may go, exactly, in place of all before; may be repeated
        #[arg(long, value_name = "URL", num_args = 1.., group = "change")]
        return_to: Option<Vec<String>>,
        /// Who may ask from inside a page, exactly, in place of all before; may be repeated
        #[arg(long, value_name = "ORIGIN", num_args = 1.., group = "change")]
        origin: Option<Vec<String>>,
        /// Let nobody ask from inside a page
        #[arg(long, group = "change", conflicts_with = "origin")]
        no_origin: bool,
        /// Where events are pushed
        #[arg(long, value_name = "URL", group = "change")]
        events_url: Option<String>,
        /// Push events no more
        #[arg(long, group = "change", conflicts_with = "events_url")]
        no_events_url: bool,
        /// Allow JSONP
        #[arg(long, group = "change")]
        jsonp: bool,
        /// Forbid JSONP
        #[arg(long, group = "change", conflicts_with = "jsonp")]
        no_jsonp: bool,
        /// Know its pages by their Referer, too, for browsers that send no Origin
        #[arg(long, group = "change")]
        old_browsers: bool,
        /// Know its pages by their Origin alone
        #[arg(long, group = "change", conflicts_with = "old_browsers")]
        no_old_browsers: bool,
        /// Let it end every session of a person
        #[arg(long, group = "change")]
        may_end_user: bool,
        /// Let it end every session of a person no more
        #[arg(long, group = "change", conflicts_with = "may_end_user")]
        no_may_end_user: bool,
        /// Let its server pass on name and password (`POST /api/v1/logins`)
        #[arg(long, group = "change")]
        may_login: bool,
        /// Let its server pass on name and password no more
        #[arg(long, group = "change", conflicts_with = "may_login")]
        no_may_login: bool,
        /// Whether people who are signed in enter it unnoticed for the first time, too: always, or
        /// ask_first
        #[arg(long, value_name = "POLICY", group = "change", value_parser = silent)]
        silent: Option<Silent>,
        /// Where the browser tells it of a logout
        #[arg(long, value_name = "URL", group = "change")]
        front_logout_url: Option<String>,
        /// Let the browser tell it of logouts no more
        #[arg(long, group = "change", conflicts_with = "front_logout_url")]
        no_front_logout_url: bool,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Forbid JSONP to all apps at once
    ForbidJsonp {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// List apps
    List {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Give an app a new secret and print it, once
    RotateSecret {
        /// Which app
        id: String,
        /// How long the old secret is good, such as 10m
        #[arg(long, default_value = "0s", value_parser = humantime::parse_duration)]
        overlap: std::time::Duration,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Give an app a new secret for the events that are pushed to it and print it, once
    RotateEventsSecret {
        /// Which app
        id: String,
        /// For how long the old secret signs, too, such as 10m
        #[arg(long, value_name = "TIME", default_value = "0s", value_parser = humantime::parse_duration)]
        overlap: std::time::Duration,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Test how fast an app obeys a logout, and say what is wrong if it does not
    Doctor {
        /// Which app
        id: String,
        /// How long to wait for its answers at most
        #[arg(long, value_name = "TIME", default_value = "30s", value_parser = humantime::parse_duration)]
        within: std::time::Duration,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Shut an app off and end its sessions
    Disable {
        /// Which app
        id: String,
    },
    /// Let an app back in
    Enable {
        /// Which app
        id: String,
    },
    /// Remove an app for good; its id is not used again
    Delete {
        /// Which app
        id: String,
    },
}

pub(super) async fn run(app: &App, command: Command) -> Result<(), Refused> {
    match command {
        Command::Add {
            id,
            name,
            return_to,
            origin,
            events_url,
            jsonp,
            old_browsers,
            may_end_user,
            may_login,
            silent,
            front_logout_url,
            json,
        } => {
            let new = AddApp {
                id: &id,
                name: &name,
                return_urls: &return_to,
                origins: &origin,
                events_url: events_url.as_deref(),
                jsonp,
                old_browsers,
                may_end_user,
                may_login,
                silent,
                front_logout_url: front_logout_url.as_deref(),
            };
            let Added { client, secret, events_secret } = apps::add(app, new).await?;
            if json {
                let push = events_secret.as_ref().map(|_| PushState::default());
                let mut shown = as_json(&client, push.as_ref());
                shown["secret"] = secret.expose().into();
                with_events_secret(&mut shown, events_secret.as_deref());
                output::json(&shown);
            } else {
                output::say(&format!(
                    "Registered {id}. Its secret, which is not shown again:\n  {}",
                    secret.expose()
                ));
                say_events_secret(events_secret.as_deref());
            }
        }
        Command::Set {
            id,
            name,
            return_to,
            origin,
            no_origin,
            events_url,
            no_events_url,
            jsonp,
            no_jsonp,
            old_browsers,
            no_old_browsers,
            may_end_user,
            no_may_end_user,
            may_login,
            no_may_login,
            silent,
            front_logout_url,
            no_front_logout_url,
            json,
        } => {
            let switch = |on: bool, off: bool| (on || off).then_some(on);
            fn url(given: Option<&str>, off: bool) -> Option<Option<&str>> {
                if off { Some(None) } else { given.map(Some) }
            }
            let change = ChangeApp {
                name: name.as_deref(),
                return_urls: return_to.as_deref(),
                origins: if no_origin { Some(&[]) } else { origin.as_deref() },
                events_url: url(events_url.as_deref(), no_events_url),
                jsonp: switch(jsonp, no_jsonp),
                old_browsers: switch(old_browsers, no_old_browsers),
                may_end_user: switch(may_end_user, no_may_end_user),
                may_login: switch(may_login, no_may_login),
                silent,
                front_logout_url: url(front_logout_url.as_deref(), no_front_logout_url),
            };
            let Updated { client, changed, events_secret } = apps::update(app, &id, change).await?;
            if json {
                let states = push_streams::states(app).await?;
                let mut shown = as_json(&client, states.get(&client.id));
                with_events_secret(&mut shown, events_secret.as_deref());
                output::json(&shown);
            } else if changed.is_empty() {
                output::say(&format!("{id} is so already."));
            } else {
                output::say(&format!("Changed {id}: {}.", changed.join(", ")));
                say_events_secret(events_secret.as_deref());
            }
        }
        Command::ForbidJsonp { json } => {
            let ids: Vec<String> =
                apps::forbid_jsonp(app).await?.iter().map(ToString::to_string).collect();
            match ids.as_slice() {
                _ if json => output::json(&json!({ "changed": ids })),
                [] => output::say("No app was allowed JSONP."),
                ids => output::say(&format!("JSONP is off for {}.", ids.join(", "))),
            }
        }
        Command::List { json } => {
            let clients = apps::list(app).await?;
            let states = push_streams::states(app).await?;
            if json {
                let shown = clients.iter().map(|client| as_json(client, states.get(&client.id)));
                output::json(&shown.collect());
            } else {
                let rows: Vec<_> = clients
                    .into_iter()
                    .map(|client| {
                        let urls: Vec<&str> =
                            client.return_urls.iter().map(ReturnUrl::as_str).collect();
                        let push = states.get(&client.id).map_or("", PushState::word);
                        let mark = if client.disabled_at.is_some() { "disabled" } else { "" };
                        vec![
                            client.id.to_string(),
                            client.name.clone(),
                            urls.join(" "),
                            push.to_owned(),
                            mark.to_owned(),
                        ]
                    })
                    .collect();
                output::table(&["ID", "NAME", "RETURN URLS", "PUSH", ""], &rows);
            }
        }
        Command::RotateSecret { id, overlap, json } => {
            let overlap = i64::try_from(overlap.as_millis()).unwrap_or(i64::MAX);
            let secret = apps::rotate_secret(app, &id, overlap).await?;
            if json {
                output::json(&json!({ "id": id, "secret": secret.expose() }));
            } else {
                output::say(&format!(
                    "The new secret of {id}, which is not shown again:\n  {}",
                    secret.expose()
                ));
            }
        }
        Command::RotateEventsSecret { id, overlap, json } => {
            let overlap = i64::try_from(overlap.as_millis()).unwrap_or(i64::MAX);
            let secret = push_streams::rotate_secret(app, &id, overlap).await?;
            if json {
                output::json(&json!({ "id": id, "events_secret": secret.as_str() }));
            } else {
                output::say(&format!(
                    "The new events secret of {id}, which is not shown again:\n  {}",
                    secret.as_str()
                ));
            }
        }
        Command::Doctor { id, within, json } => doctor::examine(app, &id, within, json).await?,
        Command::Disable { id } => {
            let ended = apps::disable(app, &id).await?;
            output::say(&format!("Disabled {id}; ended {} of its sessions.", ended.app_sessions));
        }
        Command::Enable { id } => {
            apps::enable(app, &id).await?;
            output::say(&format!("Enabled {id}."));
        }
        Command::Delete { id } => {
            let ended = apps::delete(app, &id).await?;
            output::say(&format!("Deleted {id}; ended {} of its sessions.", ended.app_sessions));
        }
    }
    Ok(())
}

fn silent(word: &str) -> Result<Silent, &'static str> {
    Silent::parse(word).ok_or("always or ask_first")
}

fn with_events_secret(shown: &mut serde_json::Value, secret: Option<&String>) {
    if let Some(secret) = secret {
        shown["events_secret"] = secret.as_str().into();
    }
}

fn say_events_secret(secret: Option<&String>) {
    if let Some(secret) = secret {
        output::say(&format!(
            "What signs the events that are pushed to it, not shown again either:\n  {secret}"
        ));
    }
}

fn as_json(client: &Client, push: Option<&PushState>) -> serde_json::Value {
    let urls: Vec<&str> = client.return_urls.iter().map(ReturnUrl::as_str).collect();
    let origins: Vec<&str> = client.origins.iter().map(Origin::as_str).collect();
    json!({
        "id": client.id.as_str(), "name": client.name, "bit": client.bit,
        "return_to": urls, "origins": origins, "events_url": client.events_url.as_ref().map(EventsUrl::as_str),
        "push": push.map(PushJson::from),
        "jsonp": client.jsonp_since.is_some(), "old_browsers": client.old_browsers_since.is_some(),
        "may_end_user": client.may_end_user_since.is_some(),
        "may_login": client.may_login_since.is_some(), "silent": client.silent().as_str(),
        "front_logout_url": client.front_logout_url.as_ref().map(FrontLogoutUrl::as_str),
        "disabled": client.disabled_at.is_some(), "created_at": seconds(client.created_at),
    })
}
