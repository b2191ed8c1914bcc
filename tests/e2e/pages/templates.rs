//! Every template, in every language, with a plain and with a hostile value in every field.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::PathBuf,
};

use scraper::{ElementRef, Html, Selector};
use serde_json::{Value, json};
use sso_server::web::{
    locale::{self, Locale},
    pages::{
        account::{AccountPage, ShownSession},
        choose::ChoosePage,
        error::ErrorPage,
        establish::ContinuePage,
        identities::{IdentitiesPage, ShownIdentity},
        login::{DonePage, LoginPage},
        login_request::Parameters,
        logout::{BackTo, LogoutPage, SignedOutPage},
        openid::start::{AskingPage, OpenIdBox, ToProviderPage},
        progress::{Detail, Progress, ShownApp},
        register::RegisterPage,
        setup::SetupPage,
    },
    view::{LanguageLink, View},
};

/// Breaks out of an attribute and of an element, if it is let.
const HOSTILE: &str = "\"><svg/onload=window.ran=1>'";

/// Kinds of [`ErrorPage`]; a message of another kind would be found unused.
const ERRORS: [&str; 12] = [
    "not-found",
    "wrong-method",
    "bad-input",
    "unknown-app",
    "unknown-return-url",
    "bad-login-request",
    "stale-form",
    "void-link",
    "void-registration",
    "busy",
    "unavailable",
    "internal",
];

/// A drawn page, and what to call it when something is wrong with it.
struct Drawn {
    name: String,
    locale: Locale,
    html: String,
}

/// Draws each template in each language with each variant of its struct.
fn all(value: &str) -> Vec<Drawn> {
    let view = View::new("en");
    let mut drawn = Vec::new();
    for locale in locale::ALL {
        let links = LanguageLink::all("/login", &format!("state={value}"));
        let mut draw = |template: &'static str, variant: &str, page: Value| {
            let html = view.draw(template, locale, &links, &page);
            let html = html.unwrap_or_else(|error| panic!("{error:?}"));
            let name = format!("{template} ({variant}) in {}", locale.tag());
            drawn.push(Drawn { name, locale, html });
        };
        for (variant, page) in logins(value) {
            draw("login.html", variant, json!(page));
        }
        draw("login_done.html", "as it is", json!(DonePage {}));
        for (variant, page) in logouts(value) {
            draw("logout.html", variant, json!(page));
        }
        for (variant, page) in signed_out(value) {
            draw("signed_out.html", variant, json!(page));
        }
        for (variant, page) in accounts(value) {
            draw("account.html", variant, json!(page));
        }
        for (variant, page) in chooses(value) {
            draw("choose.html", variant, json!(page));
        }
        for (variant, page) in continues(value) {
            draw("continue.html", variant, json!(page));
        }
        for (variant, page) in setups(value) {
            draw("setup.html", variant, json!(page));
        }
        for (variant, page) in identities(value) {
            draw("identities.html", variant, json!(page));
        }
        for (variant, page) in registrations(value) {
            draw("register.html", variant, json!(page));
        }
        let next = format!("/login/openid?openid_identifier={value}");
        let asking = AskingPage { host: value.to_owned(), next, back: "/login".to_owned() };
        draw("asking.html", "", json!(asking));
        let (host, action) = (value.to_owned(), format!("https://op.example/?{value}"));
        let fields = vec![("openid.mode".to_owned(), value.to_owned())];
        draw("to_provider.html", "", json!(ToProviderPage { host, action, fields }));
        for kind in ERRORS {
            let detail = Some(&*value.to_owned().leak());
            draw("error.html", kind, json!(ErrorPage { kind, status: 400, detail }));
            draw("error.html", kind, json!(ErrorPage { kind, status: 400, detail: None }));
        }
    }
    drawn
}

fn logins(value: &str) -> Vec<(&'static str, LoginPage)> {
    let text = || Some(value.to_owned());
    let parameters = Parameters {
        app: text(),
        return_to: text(),
        state: text(),
        challenge: text(),
        prompt: text(),
        max_age: text(),
        ui_locales: text(),
        back: text(),
    };
    let full = |problem, notice| LoginPage {
        csrf: value.to_owned(),
        app_name: text(),
        parameters: parameters.clone(),
        username: value.to_owned(),
        keep: true,
        again: true,
        problem,
        notice,
        openid: Some(openid_box(value, None)),
    };
    let mut pages = vec![("empty", LoginPage::default())];
    for problem in OPENID {
        let problem = Some(&*format!("openid-{problem}").leak());
        let openid = Some(openid_box(value, problem));
        pages.push(("openid", LoginPage { openid, ..full(None, None) }));
    }
    for problem in ["refused", "malformed", "too-many", "too-many-sessions", "busy", "stale"] {
        pages.push((problem, full(Some(format!("login-{problem}").leak()), None)));
    }
    pages.push(("notice", full(None, Some("login-password-set"))));
    pages.push(("notice", full(None, Some("login-admin-added"))));
    pages
}

/// What may go wrong with an OpenID.
const OPENID: [&str; 13] = [
    "malformed",
    "not-found",
    "too-many",
    "busy",
    "stale",
    "void",
    "cancelled",
    "provider",
    "refused",
    "no-account",
    "account",
    "too-many-sessions",
    "off",
];

fn openid_box(value: &str, problem: Option<&'static str>) -> OpenIdBox {
    let text = || value.to_owned();
    OpenIdBox { csrf: text(), identifier: text(), remember: true, problem }
}

fn identities(value: &str) -> Vec<(&'static str, IdentitiesPage)> {
    let text = || value.to_owned();
    let one = |last| ShownIdentity {
        id: text(),
        shown: text(),
        provider: text(),
        created_at: 0,
        last_used_at: 0,
        last,
        elsewhere: vec![text(), text()],
    };
    let page = |last: Option<bool>, problem, notice: Option<&'static str>| IdentitiesPage {
        csrf: text(),
        username: text(),
        admin: last.is_none(),
        has_password: last != Some(true),
        identities: last.map(one).into_iter().collect(),
        openid: Some(openid_box(value, None)),
        progress: notice.and_then(|_| progress(value)),
        notice,
        problem,
    };
    let mut pages =
        vec![("none", page(None, None, None)), ("the last", page(Some(true), None, None))];
    for problem in ["already", "taken", "too-many", "last"] {
        let problem = Some(&*format!("identities-{problem}").leak());
        pages.push(("a problem", page(Some(false), problem, None)));
    }
    for notice in ["added", "removed", "removed-ended"] {
        let notice = Some(&*format!("identities-{notice}").leak());
        pages.push(("done", page(Some(false), None, notice)));
    }
    pages
}

fn registrations(value: &str) -> Vec<(&'static str, RegisterPage)> {
    let text = || value.to_owned();
    let page = |app_name, problem| RegisterPage {
        csrf: text(),
        t: text(),
        identity: text(),
        provider: text(),
        app_name,
        username: text(),
        nickname: text(),
        email: text(),
        problem,
    };
    let mut pages = vec![("plain", page(None, None)), ("to an app", page(Some(text()), None))];
    for problem in ["nickname", "email-malformed", "stale"] {
        pages.push((problem, page(None, Some(format!("register-{problem}").leak()))));
    }
    pages
}

fn logouts(value: &str) -> Vec<(&'static str, LogoutPage)> {
    let text = || Some(value.to_owned());
    let page = |apps: &[&str], back| LogoutPage {
        csrf: value.to_owned(),
        username: value.to_owned(),
        apps: apps.iter().map(|&app| app.to_owned()).collect(),
        back,
    };
    let back = BackTo { app: text(), return_to: text(), state: text() };
    vec![("at no app", page(&[], BackTo::default())), ("at two apps", page(&[value, value], back))]
}

fn signed_out(value: &str) -> Vec<(&'static str, SignedOutPage)> {
    let there = SignedOutPage {
        back_url: Some(format!("https://aw.example/?{value}")),
        back_name: Some(value.to_owned()),
        progress: progress(value),
        frames: vec![format!("https://aw.example/out?{value}")],
    };
    let (back_url, back_name, frames) = (None, None, vec![]);
    let nowhere = SignedOutPage { back_url, back_name, progress: None, frames };
    vec![("no way back", nowhere), ("a way back", there)]
}

/// The apps that confirm a logout, one in each state. Their words come from messages, so only names
/// and addresses hold what a stranger chose.
fn progress(value: &str) -> Option<Progress> {
    let detail = |bad: bool| Detail {
        text: value.to_owned(),
        at: (!bad).then(|| "2026-11-22T12:01:00Z".to_owned()),
        bad,
    };
    let app = |state, at: Option<&str>| ShownApp {
        name: value.to_owned(),
        state,
        text: "in words".to_owned(),
        at: at.map(str::to_owned),
        details: vec![detail(true), detail(false)],
    };
    Some(Progress {
        follow: Some(format!("/logout/progress?logout={value}")),
        apps: vec![
            app("confirmed", None),
            app("waiting", Some("2026-11-22T12:01:00Z")),
            app("over", None),
        ],
    })
}

fn continues(value: &str) -> Vec<(&'static str, ContinuePage)> {
    let text = || value.to_owned();
    let plain = || ContinuePage {
        csrf: text(),
        action: "/establish",
        username: text(),
        app_name: text(),
        link: None,
        instead_of: None,
        parameters: Parameters::default(),
        another: "/login?prompt=login".to_owned(),
    };
    let parameters = Parameters { app: Some(text()), state: Some(text()), ..Default::default() };
    let full = ContinuePage { link: Some(text()), instead_of: Some(text()), parameters, ..plain() };
    vec![("plain", plain()), ("full", full)]
}

fn chooses(value: &str) -> Vec<(&'static str, ChoosePage)> {
    let page = |chosen: &str, sessions| ChoosePage {
        csrf: value.to_owned(),
        token: value.to_owned(),
        chosen: chosen.to_owned(),
        parameters: Parameters { app: Some(value.to_owned()), ..Parameters::default() },
        sessions,
    };
    let session = shown_session(value, "phone", false);
    vec![("first", page("", vec![session])), ("nothing left", page(value, vec![]))]
}

fn shown_session(value: &str, class: &str, current: bool) -> ShownSession {
    ShownSession {
        id: value.to_owned(),
        device: value.to_owned(),
        device_class: class.to_owned(),
        address: value.to_owned(),
        created_at: harness::NOON,
        last_seen_at: harness::NOON + harness::MINUTE,
        apps: if current { vec![value.to_owned(); 3] } else { vec![] },
        current,
    }
}

fn accounts(value: &str) -> Vec<(&'static str, AccountPage)> {
    let session = |class: &str, current| shown_session(value, class, current);
    let page = |sessions, email, notice: Option<&'static str>| AccountPage {
        csrf: value.to_owned(),
        username: value.to_owned(),
        email,
        admin: notice.is_some(),
        created_at: harness::NOON,
        sessions,
        notice,
        progress: notice.and_then(|_| progress(value)),
    };
    let three =
        || vec![session("desktop", true), session("phone", false), session("native", false)];
    vec![
        ("no session", page(vec![], None, None)),
        ("one session", page(vec![session("desktop", true)], None, Some("account-ended-one"))),
        ("three", page(three(), Some(value.to_owned()), Some("account-ended-others"))),
    ]
}

fn setups(value: &str) -> Vec<(&'static str, SetupPage)> {
    let page = |account: Option<&str>, problem| SetupPage {
        csrf: value.to_owned(),
        account: account.map(str::to_owned),
        lived_in: account.is_some(),
        username: value.to_owned(),
        min_length: 8,
        problem,
    };
    let mut pages = vec![
        ("first admin", page(None, None)),
        ("a password", page(Some(value), None)),
        ("differ", page(Some(value), Some("setup-differ"))),
    ];
    for problem in ["name-taken", "name-empty", "name-long", "name-characters", "name-scripts"] {
        pages.push((problem, page(None, Some(format!("setup-{problem}").leak()))));
    }
    for problem in ["short", "long", "characters", "personal"] {
        pages.push((problem, page(None, Some(format!("setup-password-{problem}").leak()))));
    }
    pages
}

fn select(text: &str) -> Selector {
    Selector::parse(text).unwrap()
}

fn attribute<'a>(element: &ElementRef<'a>, name: &str) -> &'a str {
    element.value().attr(name).unwrap_or("")
}

// STYLE: every template is drawn; SECURITY-CASES X-01.
#[test]
fn every_page_is_sound_markup_with_one_heading_and_labelled_fields() {
    assert!(!Html::parse_document("<p></div>").errors.is_empty(), "the parser notices mistakes");
    for drawn in all("plain") {
        let (name, page) = (&drawn.name, Html::parse_document(&drawn.html));
        assert!(page.errors.is_empty(), "{name}: {:?}", page.errors);
        assert_eq!(page.select(&select("h1")).count(), 1, "{name}");
        let root = page.select(&select("html")).next().unwrap();
        assert_eq!(attribute(&root, "lang"), drawn.locale.tag(), "{name}");
        let title: String = page.select(&select("title")).flat_map(|title| title.text()).collect();
        assert!(!title.starts_with(' ') && title.contains("Passport"), "{name}: {title}");
        let mut ids = BTreeSet::new();
        for element in page.select(&select("[id]")) {
            assert!(ids.insert(attribute(&element, "id")), "{name}: an id twice");
        }
        for link in ["for", "aria-describedby", "aria-labelledby"] {
            for element in page.select(&select(&format!("[{link}]"))) {
                for target in attribute(&element, link).split(' ') {
                    assert!(ids.contains(target), "{name}: {link} points at {target}");
                }
            }
        }
        for input in page.select(&select("input:not([type=hidden]):not([hidden])")) {
            let label = select(&format!("label[for='{}']", attribute(&input, "id")));
            assert_eq!(page.select(&label).count(), 1, "{name}: a field without a label");
        }
        for form in page.select(&select("form")) {
            assert_eq!(attribute(&form, "method"), "post", "{name}");
            if name.starts_with("to_provider.html") {
                // To somebody else, whose business a token of ours is not.
                continue;
            }
            let token = select("input[name=csrf]");
            assert_eq!(form.select(&token).count(), 1, "{name}: a form without its token");
        }
        assert!(page.select(&select("[autofocus]")).count() <= 1, "{name}: two fields want focus");
    }
}

// SECURITY-CASES.
#[test]
fn a_hostile_value_in_every_field_stays_text() {
    for drawn in all(HOSTILE) {
        let (name, page) = (&drawn.name, Html::parse_document(&drawn.html));
        assert!(!drawn.html.contains("<svg"), "{name}: {}", drawn.html);
        assert!(page.errors.is_empty(), "{name}: {:?}", page.errors);
        assert_eq!(page.select(&select("svg")).count(), 0, "{name}");
        let shown = drawn.html.contains("&lt;svg") || drawn.html.contains("%3Csvg");
        assert!(shown, "{name}: the value is not there at all, so nothing was tested");
    }
}

// SECURITY-CASES: a policy without inline script is only as good as pages
// that need none.
#[test]
fn pages_hold_no_inline_script_or_style_and_lead_nowhere_foreign() {
    for drawn in all("plain") {
        let (name, page) = (&drawn.name, Html::parse_document(&drawn.html));
        for element in page.select(&select("*")) {
            for (attribute, _) in element.value().attrs() {
                let inline = attribute.starts_with("on") || attribute == "style";
                assert!(!inline, "{name}: {attribute}");
            }
        }
        assert_eq!(page.select(&select("style, object, embed, base")).count(), 0, "{name}");
        // But for the apps that are told of a logout: unseen, and without script.
        for frame in page.select(&select("iframe")) {
            assert!(name.starts_with("signed_out.html"), "{name}");
            assert_eq!(attribute(&frame, "sandbox"), "allow-same-origin", "{name}");
            assert!(frame.value().attr("hidden").is_some(), "{name}");
        }
        for script in page.select(&select("script")) {
            assert!(attribute(&script, "src").starts_with("/static/"), "{name}");
            assert_eq!(script.text().collect::<String>(), "", "{name}");
        }
        for link in page.select(&select("a[href]")) {
            let href = attribute(&link, "href");
            let own = href.starts_with('/') || href.starts_with('#');
            let away = attribute(&link, "rel").contains("noreferrer");
            assert!(own || (away && href.starts_with("https:")), "{name}: {href}");
        }
        for form in page.select(&select("form")) {
            let away = name.starts_with("to_provider.html");
            let own = attribute(&form, "action").starts_with('/');
            assert_eq!(own, !away, "{name}");
        }
    }
}

fn server(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../sso-server").join(path)
}

/// The messages of a language: key, and the values that it shows.
fn messages(locale: Locale) -> BTreeMap<String, BTreeSet<String>> {
    let folder = server("locales").join(locale.tag());
    let read = |name: &str| fs::read_to_string(folder.join(name)).unwrap();
    let text = [read("passport.ftl"), read("openid.ftl")].concat();
    let mut all = BTreeMap::new();
    let mut present = String::new();
    for line in text.lines() {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        // A message with forms for one and many goes on in lines that are indented.
        let text = if line.starts_with(' ') {
            line
        } else {
            let (key, text) = line.split_once(" =").unwrap_or_else(|| panic!("what is {line:?}?"));
            let again = all.insert(key.to_owned(), BTreeSet::new());
            assert!(again.is_none(), "{key} twice in {}", locale.tag());
            present = key.to_owned();
            text
        };
        let values = text.split("{ $").skip(1).map(|rest| rest.split(' ').next().unwrap());
        all.get_mut(&present).unwrap().extend(values.map(str::to_owned));
    }
    all
}

#[test]
fn every_message_is_there_in_every_language_with_the_same_values() {
    let english = messages(Locale::En);
    assert!(english.len() > 80);
    for locale in [Locale::Zh, Locale::Ru] {
        assert_eq!(messages(locale), english, "en and {}", locale.tag());
    }
}

#[test]
fn every_message_is_used_by_a_template_or_a_page() {
    let mut sources = String::new();
    let folders = ["templates", "src/web", "src/web/pages", "src/web/pages/openid"].map(server);
    for entry in folders.iter().flat_map(|folder| fs::read_dir(folder).unwrap()) {
        let path = entry.unwrap().path();
        if path.is_file() {
            sources.push_str(&fs::read_to_string(path).unwrap());
        }
    }
    let of_errors: BTreeSet<String> = ERRORS
        .iter()
        .flat_map(|kind| [format!("error-{kind}-title"), format!("error-{kind}-text")])
        .collect();
    for key in messages(Locale::En).keys() {
        let used = of_errors.contains(key) || sources.contains(&format!("\"{key}\""));
        assert!(used, "nobody shows {key}");
    }
}

#[test]
fn no_page_shows_the_name_of_a_message() {
    let keys: Vec<String> =
        messages(Locale::En).into_keys().filter(|key| key.contains('-')).collect();
    for drawn in all("plain") {
        let page = Html::parse_document(&drawn.html);
        let mut read: String = page.root_element().text().collect();
        for element in page.select(&select("[aria-label], [alt], [title], [placeholder]")) {
            for name in ["aria-label", "alt", "title", "placeholder"] {
                read.push_str(attribute(&element, name));
            }
        }
        for key in &keys {
            assert!(!read.contains(key.as_str()), "{} shows {key}", drawn.name);
        }
    }
}

#[test]
fn pages_of_two_languages_differ_in_their_words() {
    let of = |tag: &str| -> Vec<String> {
        let drawn = all("plain").into_iter().filter(|drawn| drawn.locale.tag() == tag);
        drawn.map(|drawn| drawn.html).collect()
    };
    let (english, chinese, russian) = (of("en"), of("zh"), of("ru"));
    assert!(english.iter().zip(&chinese).all(|(one, other)| one != other));
    let cyrillic = |html: &String| html.contains("Войти") || html.contains("Выйти");
    assert!(russian.iter().filter(|html| cyrillic(html)).count() > 5);
}
