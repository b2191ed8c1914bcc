//! Reading the configuration: the file, the environment, flags.
//!
//! Nobody should have to start a server six times to find six mistakes: [`load`] names all of them
//! at once, the unknown keys, the values of a wrong type and the values that make no sense.

use std::{collections::BTreeMap, path::Path};

use super::{Config, problems::Problem};

/// Prefix of environment variables: `SSO_SERVER__LISTEN`.
pub const PREFIX: &str = "SSO_";

/// Reads the configuration. `file` is the TOML file, if any; `environment` all variables; `flags`
/// settings by dotted key. All problems come at once.
pub fn load(
    file: Option<&Path>,
    environment: impl IntoIterator<Item = (String, String)>,
    flags: &[(String, String)],
) -> Result<Config, Vec<Problem>> {
    let mut problems = Vec::new();
    let mut builder = config::Config::builder();
    if let Some(path) = file {
        match std::fs::read_to_string(path) {
            Ok(text) => {
                builder =
                    builder.add_source(config::File::from_str(&text, config::FileFormat::Toml))
            }
            Err(error) => {
                problems.push(Problem(format!("cannot read {}: {error}", path.display())))
            }
        }
    }
    // Only names with a section: SSO_HOME or SSO_TOKEN belong to somebody else.
    let ours: Vec<(String, String)> = environment
        .into_iter()
        .filter(|(name, _)| name.strip_prefix(PREFIX).is_some_and(|rest| rest.contains("__")))
        .collect();
    let mut variables = config::Environment::with_prefix("SSO")
        .prefix_separator("_")
        .separator("__")
        .list_separator(",")
        .try_parsing(true)
        .source(Some(ours.iter().cloned().collect()));
    let lists = list_keys();
    for key in &lists {
        variables = variables.with_list_parse_key(key);
    }
    builder = builder.add_source(variables);
    for (key, value) in flags {
        let value = if lists.contains(key) { split(value) } else { value.as_str().into() };
        match builder.clone().set_override(key, value) {
            Ok(with) => builder = with,
            Err(error) => problems.push(Problem(format!("{key}: {error}"))),
        }
    }
    let settings = match builder.build() {
        Ok(settings) => settings,
        Err(error) => {
            let place = file.map_or_else(String::new, |path| format!("{}: ", path.display()));
            problems.push(Problem(format!("{place}{}", without_the_line(&error.to_string()))));
            return Err(problems);
        }
    };
    match settings.clone().try_deserialize::<Config>() {
        Ok(config) => {
            problems.extend(config.problems());
            if problems.is_empty() { Ok(config) } else { Err(problems) }
        }
        Err(_) => {
            problems.extend(mistakes(&settings, &ours));
            Err(problems)
        }
    }
}

/// Reads a flag's `KEY=VALUE`. That the key exists is a matter of usage, and of what the value may be
/// one of configuration.
pub fn flag(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("KEY=VALUE is needed")?;
    let known = known_keys();
    if !known.iter().any(|other| other == key) {
        return Err(unknown(key, key, &known));
    }
    Ok((key.to_owned(), value.to_owned()))
}

/// A list in one text, as flags and variables have it.
fn split(text: &str) -> config::Value {
    let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
    parts.map(str::to_owned).collect::<Vec<_>>().into()
}

/// Looks at each setting by itself, so that one mistake does not hide another.
fn mistakes(settings: &config::Config, environment: &[(String, String)]) -> Vec<Problem> {
    let known = known_keys();
    let mut leaves = BTreeMap::new();
    flatten("", &settings.cache, &mut leaves);
    let mut problems = Vec::new();
    let mut right = config::Config::builder();
    for (key, value) in leaves {
        let variable = format!("{PREFIX}{}", key.replace('.', "__").to_uppercase());
        let from_environment = environment.iter().any(|(name, _)| *name == variable);
        let place = if from_environment { format!("{variable} ({key})") } else { key.clone() };
        if !known.contains(&key) {
            problems.push(Problem(unknown(&place, &key, &known)));
            continue;
        }
        let alone = config::Config::builder().set_override(&key, value.clone());
        match alone.and_then(|alone| alone.build()).and_then(|one| one.try_deserialize::<Config>())
        {
            Err(error) => problems.push(Problem(format!("{place}: {}", plain(&error)))),
            Ok(_) => {
                if let Ok(with) = right.clone().set_override(&key, value) {
                    right = with;
                }
            }
        }
    }
    // What was readable may still make no sense.
    if let Ok(config) = right.build().and_then(|rest| rest.try_deserialize::<Config>()) {
        problems.extend(config.problems());
    }
    problems
}

/// TOML's parser says where and what, and quotes the line between the two, in which the database's
/// password may stand.
fn without_the_line(error: &str) -> String {
    let quotes = |line: &&str| {
        let margin = line.trim_start_matches(|c: char| c.is_ascii_digit() || c == ' ');
        margin.starts_with('|')
    };
    let lines: Vec<&str> = error.lines().filter(|line| !quotes(line)).collect();
    lines.join(": ").trim_end_matches([':', ' ']).to_owned()
}

fn plain(error: &config::ConfigError) -> String {
    match error {
        config::ConfigError::At { error, .. } => plain(error),
        other => other.to_string().split(" for key").next().unwrap_or_default().to_owned(),
    }
}

fn unknown(place: &str, key: &str, known: &[String]) -> String {
    let section = key.split('.').next().unwrap_or_default();
    let near: Vec<&str> = known
        .iter()
        .filter(|other| other.split('.').next() == Some(section))
        .map(String::as_str)
        .collect();
    if near.is_empty() {
        let mut sections: Vec<&str> = known.iter().filter_map(|k| k.split('.').next()).collect();
        sections.dedup();
        format!("{place}: unknown key; the sections are {}", sections.join(", "))
    } else {
        format!("{place}: unknown key; [{section}] has {}", near.join(", "))
    }
}

fn known_keys() -> Vec<String> {
    defaults().into_keys().collect()
}

fn list_keys() -> Vec<String> {
    defaults().into_iter().filter(|(_, value)| value.is_array()).map(|(key, _)| key).collect()
}

/// Every key with its default.
fn defaults() -> BTreeMap<String, serde_json::Value> {
    fn walk(
        prefix: &str,
        value: serde_json::Value,
        keys: &mut BTreeMap<String, serde_json::Value>,
    ) {
        match value {
            serde_json::Value::Object(fields) => {
                for (name, field) in fields {
                    let key = if prefix.is_empty() { name } else { format!("{prefix}.{name}") };
                    walk(&key, field, keys);
                }
            }
            value => {
                keys.insert(prefix.to_owned(), value);
            }
        }
    }
    let mut keys = BTreeMap::new();
    if let Ok(defaults) = serde_json::to_value(Config::default()) {
        walk("", defaults, &mut keys);
    }
    keys
}

fn flatten(prefix: &str, value: &config::Value, leaves: &mut BTreeMap<String, config::Value>) {
    match &value.kind {
        config::ValueKind::Table(fields) => {
            for (name, field) in fields {
                let key = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
                flatten(&key, field, leaves);
            }
        }
        _ => {
            leaves.insert(prefix.to_owned(), value.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{super::Period, *};

    fn from(toml: &str, environment: &[(&str, &str)]) -> Result<Config, Vec<Problem>> {
        let file = std::env::temp_dir().join(format!(
            "passport-config-{}-{:p}.toml",
            std::process::id(),
            toml
        ));
        std::fs::write(&file, toml).unwrap();
        let environment = environment.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned()));
        let loaded = load(Some(&file), environment, &[]);
        std::fs::remove_file(&file).unwrap();
        loaded
    }

    #[test]
    fn later_sources_win() {
        let toml =
            "[server]\nlisten = \"127.0.0.1:1\"\n[session]\nidle = \"2d\"\nlifetime = 864000";
        let environment = [
            ("SSO_SERVER__LISTEN", "127.0.0.1:2"),
            ("SSO_SERVER__TRUSTED_PROXIES", "10.0.0.0/8,::1"),
            ("SSO_PASSWORD__QUEUE", "9"),
        ];
        let config = from(toml, &environment).unwrap();
        assert_eq!(config.server.listen, "127.0.0.1:2");
        assert_eq!(config.trusted_proxies().len(), 2);
        assert_eq!(config.session.idle, Period::seconds(2 * 86_400));
        assert_eq!(config.session.lifetime, Period::seconds(10 * 86_400));
        assert_eq!(config.password.queue, 9);
        let flags = [flag("server.listen=127.0.0.1:3").unwrap()];
        let config =
            load(None, [("SSO_SERVER__LISTEN".into(), "127.0.0.1:2".into())], &flags).unwrap();
        assert_eq!(config.server.listen, "127.0.0.1:3");
    }

    #[test]
    fn lists_in_one_text() {
        let proxies = |text: &str| {
            let flags = [flag(&format!("server.trusted_proxies={text}")).unwrap()];
            let by_flag = load(None, [], &flags).unwrap().server.trusted_proxies;
            by_flag.join("|")
        };
        assert_eq!(proxies("10.0.0.0/8,::1"), "10.0.0.0/8|::1");
        assert_eq!(proxies(" 10.0.0.1 , "), "10.0.0.1");
        assert_eq!(proxies(""), "");
        for (text, count) in [("10.0.0.0/8, ::1", 2), ("10.0.0.0/8", 1)] {
            let variable = ("SSO_SERVER__TRUSTED_PROXIES".to_owned(), text.to_owned());
            let config = load(None, [variable], &[]).unwrap();
            assert_eq!(config.trusted_proxies().len(), count, "{text}");
        }
    }

    #[test]
    fn flags_name_known_keys() {
        assert!(flag("log.level=info,x=debug").is_ok(), "only the first = divides");
        for (bad, why) in [
            ("server.listen", "KEY=VALUE"),
            ("server.lissten=x", "[server] has"),
            ("server=x", "[server] has"),
            ("colour=1", "the sections are"),
        ] {
            let error = flag(bad).unwrap_err();
            assert!(error.contains(why), "{bad}: {error}");
        }
    }

    #[test]
    fn all_problems_at_once() {
        let toml = "colour = 1\n[server]\nlissten = \"x\"\nlisten = \"nowhere\"\nworkers = \"many\"\n[session]\nidle = \"soon\"\n[password]\niterations = 0";
        let problems = from(
            toml,
            &[("SSO_TICKET__LIFETIME", "1h"), ("SSO_LOG__LEVVEL", "x"), ("SSO_HOME", "theirs")],
        )
        .unwrap_err();
        let text = problems.iter().map(Problem::to_string).collect::<Vec<_>>().join("\n");
        for part in [
            "colour",
            "server.lissten",
            "server.listen:",
            "server.workers",
            "session.idle",
            "password.iterations",
            "ticket.lifetime",
            "SSO_LOG__LEVVEL",
        ] {
            assert!(text.contains(part), "{part} is not named in:\n{text}");
        }
        assert_eq!(problems.len(), 8, "{text}");
    }

    #[test]
    fn the_example_file_says_the_defaults() {
        assert_eq!(from(Config::example(), &[]).unwrap(), Config::default());
        assert_eq!(load(None, [], &[]).unwrap(), Config::default());
    }

    /// The rows of the README's table: key and default, a pair for each key of a row.
    fn readme_rows() -> Vec<(String, String)> {
        let code = |cell: &str| -> Vec<String> {
            cell.split(',').map(|part| part.trim().trim_matches('`').to_owned()).collect()
        };
        let readme = include_str!("../../../README.md");
        let (_, table) = readme.split_once("| key | default | meaning |\n|---|---|---|\n").unwrap();
        table
            .lines()
            .take_while(|line| line.starts_with('|'))
            .flat_map(|line| {
                let cells: Vec<&str> = line.split('|').collect();
                let (keys, mut values) = (code(cells[1]), code(cells[2]));
                if keys.len() == 1 {
                    // The commas are its own: a list.
                    values = vec![values.join(",")];
                }
                assert_eq!(keys.len(), values.len(), "{line}");
                keys.into_iter().zip(values)
            })
            .collect()
    }

    #[test]
    fn the_readme_names_every_key_with_its_default() {
        let word = |value: serde_json::Value| match value {
            serde_json::Value::String(text) => text,
            serde_json::Value::Array(list) if list.is_empty() => "none".to_owned(),
            serde_json::Value::Array(list) => {
                let parts: Vec<_> = list.iter().filter_map(|part| part.as_str()).collect();
                parts.join(",")
            }
            other => other.to_string(),
        };
        // "14days" and "14d" are one length of time.
        let same = |one: &str, other: &str| {
            let period = |text: &str| humantime::parse_duration(text).ok();
            one == other || (period(one).is_some() && period(one) == period(other))
        };
        let mut expected = defaults();
        for (key, shown) in readme_rows() {
            let default =
                expected.remove(&key).unwrap_or_else(|| panic!("README.md: no key {key}"));
            let default = word(default);
            assert!(same(&shown, &default), "README.md: {key} is {default}, not {shown}");
        }
        assert_eq!(expected.keys().collect::<Vec<_>>(), [""; 0], "not in README.md");
    }
}
