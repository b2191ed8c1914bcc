//! HTTP: one table of routes, pages for people ([`pages`]), an API for programs ([`api`]), questions of
//! scripts in apps' pages ([`in_page`]), and of browsers on their own account ([`fedcm`]).
//!
//! The layers around every route, from outside in: the request log and the net under panics
//! ([`log`]), the headers that every answer bears ([`headers`]), the door that refuses what no
//! honest client sends ([`door`]). Around pages and API, which ask the database: the deadline of the
//! answer ([`deadline`]). Around pages also: errors drawn as pages, and the login state
//! ([`login_state`]), which reads its row for whoever brings the cookie and so is mounted only there.

pub mod address;
pub mod api;
pub mod cookies;
pub mod csrf;
pub mod deadline;
pub mod door;
pub mod fedcm;
pub mod headers;
pub mod in_page;
pub mod input;
pub mod locale;
pub mod log;
pub mod login_state;
pub mod pages;
pub mod server;
pub mod view;

use std::sync::Arc;

use actix_web::{
    Scope,
    cookie::Key,
    middleware::{Compress, from_fn},
    web::{self, ServiceConfig, get, post, resource, route, scope},
};
use ipnet::IpNet;

use self::{login_state::LoginStore, view::View};
use crate::app::App;

/// When to come back after a 503, in seconds, where nobody can say better. What answers it mends
/// itself in moments or needs a person; either way more haste would only be more load.
const RETRY_AFTER_SECONDS: i64 = 2;

/// What the routes share.
pub struct Web {
    /// The program.
    pub app: Arc<App>,
    /// Templates and messages.
    pub view: View,
    /// Proxies whose forwarding headers count.
    pub proxies: Vec<IpNet>,
    /// Networks that may read `/metrics`.
    pub metrics_from: Vec<IpNet>,
    /// Names under which this server may be addressed.
    pub hosts: Vec<String>,
    /// Signs the session cookie.
    cookie_key: Key,
}

impl Web {
    /// Prepares what the routes share. `listens` are the addresses under which the server can be
    /// reached beside its public name.
    pub fn new(app: Arc<App>, listens: &[std::net::SocketAddr]) -> Self {
        Self {
            view: View::new(app.config.pages.default_locale.as_str()),
            proxies: app.config.trusted_proxies(),
            metrics_from: app.config.metrics_from(),
            hosts: door::hosts(&app.config.server.public_url, listens),
            cookie_key: Key::from(&*app.secrets.cookie_key()),
            app,
        }
    }
}

/// All routes. What is not here does not exist.
pub fn routes(web: &web::Data<Web>) -> impl FnOnce(&mut ServiceConfig) + use<> {
    let web = web.clone();
    move |config| {
        config
            // Machines
            .service(only(GET, resource("/healthz").route(get().to(api::health::alive))))
            .service(only(GET, resource("/readyz").route(get().to(api::health::ready))))
            .service(only(GET, resource("/metrics").route(get().to(api::health::metrics))))
            .service(only(
                GET,
                resource("/.well-known/passport-configuration")
                    .route(get().to(api::well_known::configuration)),
            ))
            .service(only(
                GET,
                resource("/.well-known/jwks.json").route(get().to(api::well_known::jwks)),
            ))
            // Pages of apps
            .service(only(GET, resource("/sso.js").route(get().to(in_page::script::script))))
            .service(only(GET, resource("/sso.mjs").route(get().to(in_page::script::module))))
            .service(only(GET, resource("/sso.d.ts").route(get().to(in_page::script::types))))
            .service(
                only(GET, resource("/check").route(get().to(in_page::check::check)))
                    .wrap(from_fn(deadline::keep)),
            )
            .service(
                only(GET, resource("/frame").route(get().to(in_page::frame::show)))
                    .wrap(from_fn(deadline::keep)),
            )
            .service(
                only(POST, resource("/frame/ticket").route(post().to(in_page::frame::ticket)))
                    .wrap(from_fn(deadline::keep)),
            )
            // Browsers
            .service(only(
                GET,
                resource("/.well-known/web-identity")
                    .route(get().to(fedcm::description::well_known)),
            ))
            .service(
                scope("/fedcm")
                    .wrap(from_fn(deadline::keep))
                    .service(only(
                        GET,
                        resource("/config.json").route(get().to(fedcm::description::config)),
                    ))
                    .service(only(
                        GET,
                        resource("/client-metadata")
                            .route(get().to(fedcm::description::client_metadata)),
                    ))
                    .service(only(
                        GET,
                        resource("/accounts").route(get().to(fedcm::accounts::accounts)),
                    ))
                    .service(only(
                        POST,
                        resource("/assertion").route(post().to(fedcm::assertion::assert)),
                    ))
                    .service(only(
                        POST,
                        resource("/disconnect").route(post().to(fedcm::disconnect::disconnect)),
                    ))
                    .default_service(route().to(api::error::not_found)),
            )
            .service(administering_calls().wrap(from_fn(deadline::keep)))
            .service(
                scope("/api/v1")
                    .wrap(from_fn(deadline::keep))
                    .service(only(
                        POST,
                        resource("/tickets/redeem").route(post().to(api::tickets::redeem)),
                    ))
                    .service(only(POST, resource("/logins").route(post().to(api::logins::log_in))))
                    .service(only(
                        GET,
                        resource("/app-sessions/{id}").route(get().to(api::app_sessions::status)),
                    ))
                    .service(only(
                        POST,
                        resource("/app-sessions/{id}/end").route(post().to(api::app_sessions::end)),
                    ))
                    .service(only(
                        GET,
                        resource("/events").route(
                            get().to(api::events::follow).wrap(from_fn(api::events::shed_headers)),
                        ),
                    ))
                    .service(only(
                        POST,
                        resource("/events/leave").route(post().to(api::events::leave)),
                    ))
                    .default_service(route().to(api::error::not_found)),
            )
            .service(
                scope("/static")
                    .wrap(Compress::default())
                    .service(only(GET, resource("/{name}").route(get().to(pages::assets::file)))),
            )
            // People
            .service(
                scope("")
                    .wrap(login_state::middleware(LoginStore::new(&web), &web.cookie_key))
                    .wrap(from_fn(login_state::keep_cookie))
                    .wrap(from_fn(deadline::keep))
                    .wrap(from_fn(pages::error::draw))
                    .service(page(GET, resource("/").route(get().to(pages::home))))
                    .service(page(
                        GET_POST,
                        resource("/login")
                            .route(get().to(pages::login::show))
                            .route(post().to(pages::login::submit)),
                    ))
                    .service(page(GET, resource("/login/done").route(get().to(pages::login::done))))
                    .service(page(
                        POST,
                        resource("/login/continue").route(post().to(pages::go_on::submit)),
                    ))
                    .service(page(
                        GET_POST,
                        resource("/establish")
                            .route(get().to(pages::establish::show))
                            .route(post().to(pages::establish::submit)),
                    ))
                    .service(page(
                        POST,
                        resource("/login/choose").route(post().to(pages::choose::submit)),
                    ))
                    .service(page(
                        GET_POST,
                        resource("/login/openid")
                            .route(get().to(pages::openid::start::show))
                            .route(post().to(pages::openid::start::submit)),
                    ))
                    .service(page(
                        GET_POST,
                        resource("/complete/openid")
                            .route(get().to(pages::openid::complete::show))
                            .route(post().to(pages::openid::complete::pass_on)),
                    ))
                    .service(page(
                        GET_POST,
                        resource("/register/openid")
                            .route(get().to(pages::register::show))
                            .route(post().to(pages::register::submit)),
                    ))
                    .service(page(
                        GET,
                        resource("/account/identities").route(get().to(pages::identities::show)),
                    ))
                    .service(page(
                        POST,
                        resource("/account/identities/add")
                            .route(post().to(pages::identities::add)),
                    ))
                    .service(page(
                        POST,
                        resource("/account/identities/remove")
                            .route(post().to(pages::identities::remove)),
                    ))
                    .service(page(
                        GET_POST,
                        resource("/logout")
                            .route(get().to(pages::logout::show))
                            .route(post().to(pages::logout::submit)),
                    ))
                    .service(page(
                        GET,
                        resource("/logout/bounce").route(get().to(pages::front_logout::bounce)),
                    ))
                    .service(page(GET, resource("/account").route(get().to(pages::account::show))))
                    .service(page(
                        GET,
                        resource("/logout/progress").route(get().to(pages::progress::follow)),
                    ))
                    .service(page(
                        GET_POST,
                        resource("/account/secure")
                            .route(get().to(pages::secure::show))
                            .route(post().to(pages::secure::submit)),
                    ))
                    .service(page(
                        POST,
                        resource("/account/sessions/end").route(post().to(pages::account::end)),
                    ))
                    .service(page(
                        GET_POST,
                        resource("/setup")
                            .route(get().to(pages::setup::show))
                            .route(post().to(pages::setup::submit)),
                    ))
                    .service(administering_pages())
                    .default_service(route().to(pages::error::not_found)),
            );
    }
}

/// What programs with a token do for an administrator.
fn administering_calls() -> Scope {
    scope("/api/v1/admin")
        .service(only(GET, resource("/users").route(get().to(api::admin::users::list))))
        .service(only(GET, resource("/users/{id}").route(get().to(api::admin::users::show))))
        .service(only(
            POST,
            resource("/users/{id}/logout").route(post().to(api::admin::users::log_out)),
        ))
        .service(only(
            POST,
            resource("/users/{id}/disable").route(post().to(api::admin::users::disable)),
        ))
        .service(only(
            POST,
            resource("/users/{id}/enable").route(post().to(api::admin::users::enable)),
        ))
        .service(only(
            POST,
            resource("/sessions/{id}/end").route(post().to(api::admin::users::end_session)),
        ))
        .service(only(GET, resource("/apps").route(get().to(api::admin::apps::list))))
        .service(only(GET, resource("/apps/{id}").route(get().to(api::admin::apps::show))))
        .service(only(
            POST,
            resource("/apps/{id}/logout").route(post().to(api::admin::apps::log_out)),
        ))
        .service(only(
            GET_POST,
            resource("/logouts")
                .route(get().to(api::admin::logouts::list))
                .route(post().to(api::admin::logouts::order)),
        ))
        .service(only(GET, resource("/logouts/{id}").route(get().to(api::admin::logouts::show))))
        .service(only(GET, resource("/audit").route(get().to(api::admin::audit::list))))
        .default_service(route().to(api::error::not_found))
}

/// The console.
fn administering_pages() -> Scope {
    scope("/admin")
        .service(console_page(GET, resource("").route(get().to(pages::admin::people::home))))
        .service(console_page(GET, resource("/people").route(get().to(pages::admin::people::list))))
        .service(console_page(
            GET,
            resource("/people/{id}").route(get().to(pages::admin::people::show)),
        ))
        .service(console_page(
            POST,
            resource("/people/{id}/logout").route(post().to(pages::admin::people::log_out)),
        ))
        .service(console_page(
            POST,
            resource("/people/{id}/disable").route(post().to(pages::admin::people::disable)),
        ))
        .service(console_page(
            POST,
            resource("/people/{id}/enable").route(post().to(pages::admin::people::enable)),
        ))
        .service(console_page(GET, resource("/apps").route(get().to(pages::admin::apps::list))))
        .service(console_page(
            GET,
            resource("/apps/{id}").route(get().to(pages::admin::apps::show)),
        ))
        .service(console_page(
            POST,
            resource("/apps/{id}/logout").route(post().to(pages::admin::apps::log_out)),
        ))
        .service(console_page(
            GET_POST,
            resource("/apps/{id}/doctor")
                .route(get().to(pages::admin::doctor::show))
                .route(post().to(pages::admin::doctor::submit)),
        ))
        .service(console_page(
            GET_POST,
            resource("/everybody")
                .route(get().to(pages::admin::everybody::show))
                .route(post().to(pages::admin::everybody::submit)),
        ))
        .service(console_page(
            GET,
            resource("/logouts").route(get().to(pages::admin::logouts::list)),
        ))
        .service(console_page(
            GET,
            resource("/logouts/{id}").route(get().to(pages::admin::logouts::show)),
        ))
        .service(console_page(
            GET,
            resource("/logouts/{id}/progress").route(get().to(pages::admin::logouts::follow)),
        ))
        .service(console_page(GET, resource("/audit").route(get().to(pages::admin::audit::list))))
        .service(console_page(
            GET,
            resource("/audit/export").route(get().to(pages::admin::audit::export)),
        ))
}

/// The methods of a resource, as its 405 says them (RFC 9110 section 15.5.6).
type Allow = &'static str;
const GET: Allow = "GET";
const POST: Allow = "POST";
const GET_POST: Allow = "GET, POST";

/// A resource for programs: other methods than its own are told so (405), not that it is not there.
fn only(allow: Allow, resource: actix_web::Resource) -> actix_web::Resource {
    resource.default_service(route().to(move || api::error::wrong_method(allow)))
}

/// The same for a page.
fn page(allow: Allow, resource: actix_web::Resource) -> actix_web::Resource {
    resource.default_service(route().to(move || pages::error::wrong_method(allow)))
}

/// The same for a page of the console: also of a wrong method nobody learns who may not see the page.
fn console_page(allow: Allow, resource: actix_web::Resource) -> actix_web::Resource {
    let wrong = move |_: pages::admin::AdminState| pages::error::wrong_method(allow);
    resource.default_service(route().to(wrong))
}
