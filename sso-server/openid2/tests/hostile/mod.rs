//! Those who would cheat a relying party: group O of SECURITY-CASES and the table of attacks of the
//! OpenID checklist (`OPENID A16-n`), as far as no network and no store is needed. Every refusal has
//! the honest answer beside it.

mod discovery;
mod extensions;
mod identities;
mod messages;
mod scene;
mod signatures;
