//! The pages of a sample site: one for everybody, one for members.

use actix_web::{
    HttpResponse,
    http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE},
    web::Data,
};
use client_sdk::actix::{MaybeSignedIn, Passport, SignedIn};
use serde::Serialize;
use tera::{Context, Kwargs, State, Tera};

use crate::site::Site;

/// What the pages share.
pub struct Shared {
    tera: Tera,
    site: Site,
}

impl Shared {
    /// Parses the templates, which are part of the program.
    #[expect(clippy::expect_used, reason = "the templates are compiled in and drawn by tests")]
    pub fn new(site: Site) -> Self {
        let mut tera = Tera::new();
        tera.register_filter("moment", |at: i64, _: Kwargs, _: &State| moment(at));
        tera.add_raw_templates([
            ("base.html", include_str!("../templates/base.html")),
            ("home.html", include_str!("../templates/home.html")),
            ("members.html", include_str!("../templates/members.html")),
            ("how.html", include_str!("../templates/how.html")),
        ])
        .expect("templates parse");
        Self { tera, site }
    }

    fn draw(&self, template: &str, passport: &Passport, person: Option<&SignedIn>) -> HttpResponse {
        let mut context = Context::new();
        context.insert("id", self.site.id);
        context.insert("name", self.site.name);
        context.insert("tagline", self.site.tagline);
        context.insert("members", self.site.members);
        context.insert("in_page", &self.site.in_page);
        context.insert("sibling_name", self.site.sibling.0);
        context.insert("sibling_url", self.site.sibling.1);
        context.insert("passport", passport.settings().passport());
        context.insert("person", &person.map(Shown::of));
        match self.tera.render(template, &context) {
            Ok(page) => HttpResponse::Ok()
                .insert_header((CONTENT_TYPE, "text/html; charset=utf-8"))
                .insert_header((CACHE_CONTROL, "no-store"))
                .insert_header((CONTENT_SECURITY_POLICY, policy(passport)))
                .body(page),
            Err(error) => {
                tracing::error!(%error, template, "a page cannot be drawn");
                HttpResponse::InternalServerError().finish()
            }
        }
    }
}

/// As strict as can be: `sso.js` and the page's own script, requests to ourselves and to Passport, a
/// frame of Passport's. Nothing inline, and no text becomes markup or a script.
fn policy(passport: &Passport) -> String {
    let passport = passport.settings().passport();
    format!(
        "default-src 'none'; style-src 'self'; script-src 'self' {passport}; \
         connect-src 'self' {passport}; frame-src {passport}; img-src 'self'; base-uri 'none'; \
         form-action 'self'; frame-ancestors 'none'; \
         require-trusted-types-for 'script'; trusted-types 'none'"
    )
}

/// Somebody as the pages show them.
#[derive(Serialize)]
struct Shown<'a> {
    username: &'a str,
    email: Option<&'a str>,
    since: i64,
    until: i64,
    auth_time: i64,
    session: &'a str,
    app_session: &'a str,
}

impl<'a> Shown<'a> {
    fn of(person: &'a SignedIn) -> Self {
        let session = person.session();
        Self {
            username: &person.user().username,
            email: person.user().email.as_deref(),
            since: person.since(),
            until: session.expires_at,
            auth_time: session.auth_time,
            session: &session.session,
            app_session: &session.id,
        }
    }
}

fn moment(seconds: i64) -> String {
    jiff::Timestamp::from_second(seconds)
        .map_or_else(|_| String::new(), |time| time.strftime("%Y-%m-%d %H:%M:%S UTC").to_string())
}

/// `GET /`: for everybody.
pub async fn home(
    shared: Data<Shared>,
    passport: Data<Passport>,
    visitor: MaybeSignedIn,
) -> HttpResponse {
    shared.draw("home.html", &passport, visitor.0.as_ref())
}

/// `GET /members`: whoever is not signed in is sent to Passport and comes back.
pub async fn members(
    shared: Data<Shared>,
    passport: Data<Passport>,
    person: SignedIn,
) -> HttpResponse {
    shared.draw("members.html", &passport, Some(&person))
}

/// `GET /how`: which way of signing in works in this browser, and why others do not.
pub async fn how(
    shared: Data<Shared>,
    passport: Data<Passport>,
    visitor: MaybeSignedIn,
) -> HttpResponse {
    shared.draw("how.html", &passport, visitor.0.as_ref())
}

/// `GET /how.js`
pub async fn how_script() -> HttpResponse {
    HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, "text/javascript; charset=utf-8"))
        .body(include_str!("../static/how.js"))
}

/// `GET /site.css`
pub async fn stylesheet(shared: Data<Shared>) -> HttpResponse {
    let colours = match shared.site.id {
        "aw" => include_str!("../static/aw.css"),
        _ => include_str!("../static/bw.css"),
    };
    HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, "text/css; charset=utf-8"))
        .body(format!("{colours}{}", include_str!("../static/site.css")))
}

/// `GET /icon.svg`
pub async fn icon(shared: Data<Shared>) -> HttpResponse {
    let icon = match shared.site.id {
        "aw" => include_str!("../static/aw.svg"),
        _ => include_str!("../static/bw.svg"),
    };
    HttpResponse::Ok().insert_header((CONTENT_TYPE, "image/svg+xml")).body(icon)
}
