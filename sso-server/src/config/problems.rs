//! What makes no sense, in sentences.

use std::fmt;

use ipnet::IpNet;
use openid2::url::WebUrl;

use super::Config;
use crate::{
    domain::{DAY, MINUTE, Millis, SECOND, ticket::LIFETIME_MAX_SECONDS},
    store,
};

/// The longest length of time that can be set: 10 years.
const PERIOD_MAX: Millis = 3_650 * DAY;

/// One mistake, in a sentence that says where it is and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem(pub String);

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Config {
    /// Everything about these values that makes no sense.
    pub fn problems(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        let mut check = |good: bool, problem: &dyn Fn() -> String| {
            if !good {
                problems.push(Problem(problem()));
            }
        };
        check(self.listen().is_some(), &|| {
            format!(
                "server.listen: `{}` is not an address with a port, such as 127.0.0.1:8800",
                self.server.listen
            )
        });
        if let Err(why) = public_url(&self.server.public_url) {
            check(false, &|| format!("server.public_url: {why}"));
        }
        let networks = [
            ("server.trusted_proxies", &self.server.trusted_proxies),
            ("server.metrics_from", &self.server.metrics_from),
            ("outgoing.allow_networks", &self.outgoing.allow_networks),
        ];
        let each =
            networks.into_iter().flat_map(|(key, all)| all.iter().map(move |one| (key, one)));
        for (key, network) in each {
            check(parse_network(network).is_some(), &|| {
                format!("{key}: `{network}` is neither an address nor a network such as 10.0.0.0/8")
            });
        }
        let scheme = self.database.url.split_once(':').map(|(scheme, _)| scheme);
        check(matches!(scheme, Some("sqlite" | "postgres" | "postgresql")), &|| {
            format!(
                "database.url: `{}` begins with neither sqlite:// nor postgres://",
                store::without_password(&self.database.url)
            )
        });
        check(
            scheme != Some("sqlite") || store::sqlite_path(&self.database.url).is_some(),
            &|| {
                "database.url: a file is needed, as in sqlite://passport.db; databases in memory are not supported".to_owned()
            },
        );
        check((1..=512).contains(&self.database.max_connections), &|| {
            "database.max_connections: between 1 and 512".to_owned()
        });
        check(!self.master_key.file.is_empty(), &|| "master_key.file: a path is needed".to_owned());
        check(self.session.lifetime.0 >= MINUTE, &|| {
            "session.lifetime: at least one minute".to_owned()
        });
        for (key, idle) in [
            ("session.idle", self.session.idle),
            ("session.browser_idle", self.session.browser_idle),
        ] {
            check(idle.0 >= MINUTE && idle <= self.session.lifetime, &|| {
                format!(
                    "{key}: between one minute and session.lifetime ({})",
                    self.session.lifetime
                )
            });
        }
        check(self.app_session.lifetime.0 >= MINUTE, &|| {
            "app_session.lifetime: at least one minute".to_owned()
        });
        check((1..=LIFETIME_MAX_SECONDS).contains(&self.ticket.lifetime.as_seconds()), &|| {
            format!("ticket.lifetime: between 1 and {LIFETIME_MAX_SECONDS} seconds")
        });
        // Less than a few round trips and a pause of the collector would sign people out at random.
        check(self.events.lease.0 >= 10 * SECOND, &|| {
            "events.lease: at least 10 seconds".to_owned()
        });
        // Added to the present these stay far from the end of the numbers.
        for (key, period) in [
            ("server.shutdown_within", self.server.shutdown_within),
            ("session.lifetime", self.session.lifetime),
            ("app_session.lifetime", self.app_session.lifetime),
            ("events.lease", self.events.lease),
            ("password.wait", self.password.wait),
            ("admin.login_max_age", self.admin.login_max_age),
        ] {
            check(period.0 <= PERIOD_MAX, &|| format!("{key}: at most 10 years"));
        }
        check((1..=300).contains(&self.events.longest_wait.as_seconds()), &|| {
            "events.longest_wait: between 1 and 300 seconds".to_owned()
        });
        check((0..=3_600).contains(&self.openid.skew.as_seconds()), &|| {
            "openid.skew: at most one hour".to_owned()
        });
        let resolver = &self.openid.xri_resolver;
        check(resolver.is_empty() || WebUrl::parse(resolver).is_ok(), &|| {
            format!("openid.xri_resolver: `{resolver}` is no URL such as https://xri.example/")
        });
        for (key, endpoints) in [
            ("prefetch_association", &self.openid.prefetch_association),
            ("providers", &self.openid.providers),
        ] {
            for endpoint in endpoints {
                check(WebUrl::parse(endpoint).is_ok(), &|| {
                    format!("openid.{key}: `{endpoint}` is no http or https URL")
                });
            }
        }
        check((8..=1 << 20).contains(&self.password.memory_kib), &|| {
            "password.memory_kib: between 8 and 1048576".to_owned()
        });
        check((1..=16).contains(&self.password.iterations), &|| {
            "password.iterations: between 1 and 16".to_owned()
        });
        check((1..=8).contains(&self.password.parallelism), &|| {
            "password.parallelism: between 1 and 8".to_owned()
        });
        check(self.password.memory_kib >= 8 * self.password.parallelism, &|| {
            "password.memory_kib: at least 8 for each lane of password.parallelism".to_owned()
        });
        check((1..=10_000).contains(&self.password.queue), &|| {
            "password.queue: between 1 and 10000".to_owned()
        });
        check((0..=19).contains(&self.password.niceness), &|| {
            "password.niceness: between 0 and 19".to_owned()
        });
        check((1..=128).contains(&self.password.min_length), &|| {
            "password.min_length: between 1 and 128".to_owned()
        });
        check((1..=100).contains(&self.throttle.account_attempts), &|| {
            "throttle.account_attempts: between 1 and 100 (NIST SP 800-63B allows no more)"
                .to_owned()
        });
        check(self.throttle.address_attempts >= 1, &|| {
            "throttle.address_attempts: at least 1".to_owned()
        });
        check(self.throttle.app_attempts >= 1, &|| "throttle.app_attempts: at least 1".to_owned());
        check(self.throttle.openid_attempts >= 1, &|| {
            "throttle.openid_attempts: at least 1".to_owned()
        });
        check(["en", "zh", "ru"].contains(&self.pages.default_locale.as_str()), &|| {
            format!(
                "pages.default_locale: `{}` is not one of en, zh, ru",
                self.pages.default_locale
            )
        });
        check(self.admin.act_max_age.0 >= SECOND, &|| {
            "admin.act_max_age: at least one second".to_owned()
        });
        check(self.admin.login_max_age >= self.admin.act_max_age, &|| {
            "admin.login_max_age: at least admin.act_max_age".to_owned()
        });
        check(self.log.level.parse::<tracing_subscriber::filter::Targets>().is_ok(), &|| {
            format!("log.level: `{}` is neither a level nor a filter", self.log.level)
        });
        problems
    }
}

pub(super) fn parse_network(text: &str) -> Option<IpNet> {
    let text = text.trim();
    text.parse().ok().or_else(|| text.parse::<std::net::IpAddr>().ok().map(IpNet::from))
}

fn public_url(text: &str) -> Result<(), String> {
    let url = url::Url::parse(text).map_err(|error| format!("`{text}` is not a URL: {error}"))?;
    let origin = url.origin().ascii_serialization();
    if origin != text {
        return Err(format!(
            "`{text}` must be scheme and host alone, without a path or a slash at the end: {origin}"
        ));
    }
    let local = match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    match url.scheme() {
        "https" => Ok(()),
        "http" if local => Ok(()),
        _ => Err(format!(
            "`{text}` must begin with https://; browsers keep the session cookie from http:// outside localhost"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_make_sense() {
        assert_eq!(Config::default().problems(), []);
    }

    #[test]
    fn public_urls() {
        for good in [
            "https://sso.example",
            "http://sso.localhost:8800",
            "http://127.0.0.1:1",
            "https://sso.example:8443",
        ] {
            assert_eq!(public_url(good), Ok(()), "{good}");
        }
        for bad in [
            "http://sso.example",
            "https://sso.example/",
            "https://sso.example/x",
            "sso.example",
            "ftp://x",
            "https://SSO.example",
        ] {
            assert!(public_url(bad).is_err(), "{bad}");
        }
    }
}
