//! OpenID 2.0 and 1.1: a complete relying party that never talks to anybody itself.
//!
//! A *relying party* lets people log in with an identifier of their own: a URL such as
//! `https://alice.example/`. It asks the identifier which *provider* may speak for it, sends the
//! person there, and believes what the provider signs. This crate decides everything in that
//! conversation; sockets, databases, clocks and random numbers belong to whoever drives it.
//!
//! # The way of a login
//!
//! | step | with | what the driver does beside it |
//! |---|---|---|
//! | read what was typed | [`UserInput::parse`](identifier::UserInput::parse) | the field is called `openid_identifier` |
//! | find the provider | [`Discovery::start`](discovery::Discovery::start) | may keep the outcome for ten minutes |
//! | send the person away | [`Request::build`](request::Request::build) | stores [`Pending`](request::Pending), bound to the browser; redirects |
//! | read the answer | [`Response::from_get`](verify::Response::from_get) | takes `Pending` out of its store: once |
//! | believe it | [`Verification::start`](verify::Verification::start) | looks up the association |
//! | once | [`Verified::redeem`](verify::Verified::redeem) | spends the nonce by one statement |
//! | the person | [`Authenticated`](verify::Authenticated) | finds the account by [`claimed_id`](verify::Authenticated::claimed_id) |
//! | what else was said | [`sreg`](extensions::sreg), [`ax`](extensions::ax), [`pape`](extensions::pape) | shows it as what it is: the provider's claim |
//!
//! Beside the logins, never in their way, a worker gets keys with
//! [`Associate::start`](association::associate::Associate::start). A login for which there is none
//! goes without: [`Verification`](verify::Verification) then asks the provider itself.
//!
//! # Exchanges
//!
//! Whatever needs an answer from outside is an [`Exchange`](exchange::Exchange): it starts as a
//! [`Step`](exchange::Step), and as long as that is a `Fetch`, the driver sends it and hands in what
//! came back. One function drives them all, and it is the only one that knows of a network:
//!
//! ```
//! use std::{cell::RefCell, collections::HashSet, future::Future};
//! use openid2::{
//!     discovery::Discovery,
//!     exchange::{Answer, Exchange, Fetch, Step, Unreachable},
//!     extensions::{Extensions, sreg},
//!     identifier::UserInput,
//!     nonce::{NonceToSpend, Spent},
//!     policy::Policy,
//!     realm::Realm,
//!     request::Request,
//!     url::WebUrl,
//!     verify::{Outcome, Response, Verification},
//! };
//!
//! // In a server `send` is one request of an HTTP client that checks addresses, follows no
//! // redirects and keeps `fetch.limits`, and all of this stands in a `timeout(DEADLINE, …)`.
//! async fn drive<E: Exchange, F: Future<Output = Result<Answer, Unreachable>>>(
//!     mut step: Step<E>,
//!     send: impl Fn(Fetch) -> F,
//! ) -> Result<E::Output, E::Error> {
//!     loop {
//!         match step {
//!             Step::Done(output) => return Ok(output),
//!             Step::Failed(error) => return Err(error),
//!             Step::Fetch(fetch, exchange) => step = exchange.receive(send(fetch).await),
//!         }
//!     }
//! }
//!
//! // In a server: INSERT INTO openid_nonce (hash, expires_at) VALUES ($1, $2) ON CONFLICT DO
//! // NOTHING. Whether a row was inserted decides, on however many nodes.
//! async fn spend(store: &RefCell<HashSet<[u8; 32]>>, nonce: &NonceToSpend) -> Spent {
//!     if store.borrow_mut().insert(nonce.hash) { Spent::First } else { Spent::Again }
//! }
//!
//! // A provider, as far as a relying party sees it.
//! async fn web(fetch: Fetch) -> Result<Answer, Unreachable> {
//!     let html = vec![("content-type".to_owned(), "text/html".to_owned())];
//!     match (fetch.url.as_str(), fetch.body.contains("openid.mode=check_authentication")) {
//!         ("https://alice.example/", _) => Ok(Answer {
//!             status: 200,
//!             headers: html,
//!             body: b"<html><head><link rel='openid2.provider' href='https://op.example/op'>\
//!                     <link rel='openid2.local_id' href='https://op.example/alice'></head>"
//!                 .to_vec(),
//!         }),
//!         ("https://op.example/op", true) => Ok(Answer {
//!             status: 200,
//!             headers: vec![],
//!             body: b"ns:http://specs.openid.net/auth/2.0\nis_valid:true\n".to_vec(),
//!         }),
//!         _ => Err(Unreachable::Nobody),
//!     }
//! }
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let mut login = std::pin::pin!(login());
//! # let mut context = std::task::Context::from_waker(std::task::Waker::noop());
//! # match login.as_mut().poll(&mut context) {
//! #     std::task::Poll::Ready(outcome) => outcome,
//! #     std::task::Poll::Pending => panic!("nothing here waits"),
//! # }
//! # }
//! async fn login() -> Result<(), Box<dyn std::error::Error>> {
//!     let policy = Policy::default();
//!     let now = 1_795_348_800; // 2026-11-22T12:00:00Z
//!
//!     // Somebody types an identifier.
//!     let typed = UserInput::parse("alice.example")?;
//!     let found = drive(Discovery::start(&typed, &policy), web).await?;
//!
//!     // They are sent to their provider. `t` names the login in our store.
//!     let return_to = WebUrl::parse("https://rp.example/openid/return?t=mX3")?;
//!     let request = Request {
//!         endpoint: &found.endpoints[0],
//!         association: None,
//!         return_to: &return_to,
//!         realm: &Realm::parse("https://rp.example/")?,
//!         immediate: false,
//!         extensions: &Extensions {
//!             sreg: Some(sreg::Request {
//!                 optional: vec![sreg::Field::Nickname],
//!                 ..Default::default()
//!             }),
//!             ..Default::default()
//!         },
//!     };
//!     let (outgoing, pending) = request.build(&policy, now)?;
//!     assert!(outgoing.url().starts_with("https://op.example/op?openid.ns="));
//!
//!     // They come back.
//!     let response = Response::from_get(
//!         "https://rp.example/openid/return?t=mX3\
//!          &openid.ns=http%3A%2F%2Fspecs.openid.net%2Fauth%2F2.0&openid.mode=id_res\
//!          &openid.op_endpoint=https%3A%2F%2Fop.example%2Fop\
//!          &openid.claimed_id=https%3A%2F%2Falice.example%2F\
//!          &openid.identity=https%3A%2F%2Fop.example%2Falice\
//!          &openid.return_to=https%3A%2F%2Frp.example%2Fopenid%2Freturn%3Ft%3DmX3\
//!          &openid.response_nonce=2026-11-22T12%3A00%3A20Z7f&openid.assoc_handle=a1\
//!          &openid.ns.sreg=http%3A%2F%2Fopenid.net%2Fextensions%2Fsreg%2F1.1\
//!          &openid.sreg.nickname=Alice&openid.sreg.email=not%40signed.example\
//!          &openid.signed=op_endpoint%2Cclaimed_id%2Cidentity%2Creturn_to%2Cresponse_nonce%2C\
//!          assoc_handle%2Cns.sreg%2Csreg.nickname&openid.sig=c2lnbmF0dXJl",
//!     )?;
//!     assert_eq!(response.parameter("t"), Some("mX3"));
//!     // Our store has no key of this provider's under `response.assoc_handle()`: it is asked.
//!     let step = Verification::start(&response, &pending, None, &policy, now + 30);
//!     let Outcome::Verified(verified) = drive(step, web).await? else {
//!         return Err("no login".into());
//!     };
//!     let nonces = RefCell::new(HashSet::new());
//!     let spent = spend(&nonces, verified.nonce()).await;
//!     let person = drive(verified.redeem(spent, &policy), web).await?;
//!
//!     assert_eq!(person.claimed_id(), "https://alice.example/");
//!     let registration = sreg::Response::read(person.signed()).unwrap_or_default();
//!     assert_eq!(registration.nickname.as_deref(), Some("Alice"));
//!     assert_eq!(registration.email, None, "it was not signed");
//!     Ok(())
//! }
//! ```
//!
//! # What cannot be done by mistake
//!
//! * Use an answer that is verified but may be an old one: [`Verified`](verify::Verified) tells
//!   nothing of the person until its nonce was spent.
//! * Use what was not signed: [`Signed`](extensions::Signed) has nothing else.
//! * Answer a step twice, or after the end: [`receive`](exchange::Exchange::receive) takes the
//!   exchange away.
//! * Find a key by its handle alone: an [`Association`](association::Association) of another
//!   provider is refused.
//! * Make an [`Authenticated`](verify::Authenticated), or a URL that was not checked: they have no
//!   other constructors.
//!
//! # What the driver owes
//!
//! * Every [`Fetch`](exchange::Fetch) keeps its [`Limits`](exchange::Limits) and goes to checked
//!   addresses only; redirects are not followed, certificates are verified.
//! * The endpoint that a person is sent to passes the same check of addresses: a document may name
//!   one in the network that we stand in.
//! * [`Pending`](request::Pending) is taken out of its store by the statement that finds it, and
//!   belongs to the browser that shows it (a cookie). Without it there is no answer to verify:
//!   unsolicited assertions are not for us, they are logins that somebody else started.
//! * Random bytes come from a cryptographic source; time is one clock.
//! * People are told one sentence whatever discovery failed of; the errors here are for logs.
//! * The account is found by [`claimed_id`](verify::Authenticated::claimed_id), byte for byte:
//!   never by an e-mail address, a nickname, or what was typed.
//!
//! # Rules
//!
//! The specifications are [OpenID Authentication 2.0] and [1.1], Yadis 1.0, XRI Resolution 2.0,
//! Simple Registration 1.0/1.1, Attribute Exchange 1.0, PAPE 1.0 and the UI extension. "Section"
//! without a name is one of OpenID Authentication 2.0. What is stricter than they are is a decision
//! of [`Policy`](policy::Policy), or has its reason beside the code.
//!
//! [OpenID Authentication 2.0]: https://openid.net/specs/openid-authentication-2_0.html
//! [1.1]: https://openid.net/specs/openid-authentication-1_1.html

pub mod association;
pub mod discovery;
pub mod exchange;
pub mod extensions;
pub mod identifier;
pub mod message;
pub mod names;
pub mod nonce;
pub mod policy;
pub mod realm;
pub mod request;
pub mod url;
pub mod verify;
