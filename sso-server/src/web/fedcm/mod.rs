//! FedCM (W3C Federated Credential Management): the browser itself lets a person into an app, with a
//! dialog of its own or, for those who come back, without one.
//!
//! The browser reads who we are and where our endpoints are ([`description`]), asks with the person's
//! cookie who is signed in here ([`accounts`]), and, when the person or an earlier choice agrees, asks for
//! a statement to one app ([`assertion`]): an in-page ticket, as `GET /check` gives. An app may tell it to
//! forget that choice ([`disconnect`]). Of all cookies only the twin goes along: it is
//! `SameSite=None`, and that is what browsers send here, also those that block third-party cookies.
//!
//! What keeps others out: [`asker`].

pub mod accounts;
pub mod answer;
pub mod asker;
pub mod assertion;
pub mod description;
pub mod disconnect;
