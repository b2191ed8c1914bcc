//! What the browser reads before it asks anything: no cookie comes along, and nothing here depends on
//! who asks.

use actix_web::{
    HttpRequest, HttpResponse,
    http::header::{ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue, VARY},
    web::Data,
};
use serde::{Deserialize, Serialize};

use super::{
    super::{
        Web,
        api::error::ApiError,
        input::Query,
        pages::{assets, login},
    },
    answer::{self, Refusal},
    asker,
};

/// Where the configuration is.
pub const CONFIG: &str = "/fedcm/config.json";
/// Where the browser asks who is signed in.
const ACCOUNTS: &str = "/fedcm/accounts";
/// The accent of our light pages, and what is legible on it.
const ACCENT: &str = "#2f55cf";
const ON_ACCENT: &str = "#ffffff";
/// The mark as a bitmap: browsers draw no SVG in their dialogs. Its width and height in pixels.
const ICON: (&str, u16) = ("mark-128.png", 128);

/// `/.well-known/web-identity`: which configuration is ours. The browser reads it at the registrable
/// domain, so that no provider can have a configuration of its own for each app and learn from that who
/// is where (FedCM, "The Well-Known File").
#[derive(Debug, Serialize)]
struct WellKnown {
    provider_urls: [String; 1],
    accounts_endpoint: String,
    login_url: String,
}

/// The configuration (FedCM, "The config file").
#[derive(Debug, Serialize)]
struct Config {
    accounts_endpoint: &'static str,
    client_metadata_endpoint: &'static str,
    id_assertion_endpoint: &'static str,
    disconnect_endpoint: &'static str,
    login_url: String,
    branding: Branding,
    modes: Modes,
}

/// How the dialog looks.
#[derive(Debug, Serialize)]
struct Branding {
    background_color: &'static str,
    color: &'static str,
    icons: [Icon; 1],
}

#[derive(Debug, Serialize)]
struct Icon {
    url: String,
    size: u16,
}

#[derive(Debug, Serialize)]
struct Modes {
    active: Active,
}

#[derive(Debug, Serialize)]
struct Active {
    supports_use_other_account: bool,
}

/// Where the browser lets a person sign in, in a window of its own.
fn login_url() -> String {
    let back: String = url::form_urlencoded::byte_serialize(login::DONE.as_bytes()).collect();
    format!("/login?back={back}")
}

fn described(description: impl Serialize) -> HttpResponse {
    let mut response = HttpResponse::Ok().json(description);
    answer::hand_out(response.headers_mut());
    response
}

/// `GET /.well-known/web-identity`
pub async fn well_known(web: Data<Web>) -> HttpResponse {
    let issuer = &web.app.config.server.public_url;
    described(WellKnown {
        provider_urls: [format!("{issuer}{CONFIG}")],
        accounts_endpoint: format!("{issuer}{ACCOUNTS}"),
        login_url: format!("{issuer}{}", login_url()),
    })
}

/// `GET /fedcm/config.json`
pub async fn config(web: Data<Web>) -> HttpResponse {
    let (icon, size) = ICON;
    described(Config {
        accounts_endpoint: ACCOUNTS,
        client_metadata_endpoint: "/fedcm/client-metadata",
        id_assertion_endpoint: "/fedcm/assertion",
        disconnect_endpoint: "/fedcm/disconnect",
        login_url: login_url(),
        branding: Branding {
            background_color: ACCENT,
            color: ON_ACCENT,
            icons: [Icon {
                url: format!("{}{}", web.app.config.server.public_url, assets::url(icon)),
                size,
            }],
        },
        modes: Modes { active: Active { supports_use_other_account: true } },
    })
}

/// What the browser asks about an app.
#[derive(Debug, Deserialize)]
pub struct Asked {
    client_id: String,
}

/// Links for the dialog of somebody's first visit. The sites of one Passport are one family, which
/// shows its terms where it makes accounts; so there are none, and the browser shows none.
#[derive(Debug, Serialize)]
struct ClientMetadata {}

/// `GET /fedcm/client-metadata?client_id`
pub async fn client_metadata(
    web: Data<Web>,
    asked: Query<Asked>,
    request: HttpRequest,
) -> Result<HttpResponse, ApiError> {
    let Ok(asked) = asked.0 else { return Ok(Refusal::InvalidRequest.respond()) };
    let apps = web.app.db.apps().await?;
    let origin = asker::origin(request.headers());
    let page = origin.filter(|origin| {
        asker::page_of(&apps, &asked.client_id, origin)
            .is_some_and(|client| client.disabled_at.is_none())
    });
    let mut response = match page {
        Some(_) => HttpResponse::Ok().json(ClientMetadata {}),
        None => Refusal::UnauthorizedClient.respond(),
    };
    answer::hand_out(response.headers_mut());
    response.headers_mut().insert(VARY, HeaderValue::from_static("Origin"));
    // Without credentials: there were none.
    if let Some(origin) = page.and_then(|origin| HeaderValue::from_str(origin).ok()) {
        response.headers_mut().insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    }
    Ok(response)
}
