//! The weaker twin of the session cookie: what a browser shows from inside an app's page.
//!
//! The session cookie is `SameSite=Lax` and never travels there. The twin does (`SameSite=None`), so it
//! must be worth less: it names the session by the digest of its cookie, from which nobody finds the
//! cookie, and by a MAC that only we can make, so that the digests of a stolen database open nothing
//! (SECURITY-CASES S-01, S-04). It needs no row of its own: whatever ends the session or gives it a
//! new cookie voids the twin with the same commit.

use super::secrets::Secrets;
use crate::domain::token::{Digest, is_base64url};

const PURPOSE: &str = "cookie|twin";

/// The twin of the session with this digest.
pub fn make(secrets: &Secrets, session: &Digest) -> String {
    format!("{}.{}", session.as_str(), secrets.mac(PURPOSE, &[session.as_str()]))
}

/// The digest of the session that a twin names; `None` when we did not make it.
pub fn read(secrets: &Secrets, twin: &str) -> Option<Digest> {
    let (digest, mac) = twin.split_once('.')?;
    let genuine = is_base64url(digest, 43) && secrets.verify_mac(mac, PURPOSE, &[digest]);
    genuine.then(|| Digest::stored(digest.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{random::Random, tokens::master_key::MasterKey};

    #[test]
    fn only_our_own_twins_are_read() {
        let random = Random::system();
        let master = MasterKey::from_bytes(&random.bytes::<32>()).unwrap();
        let open = || Secrets::open(&Secrets::fresh_sealed(&master, &random), &master).unwrap();
        let (ours, theirs) = (open(), open());
        let (one, two) = (Digest::of(b"one"), Digest::of(b"two"));
        let twin = make(&ours, &one);
        assert_eq!(read(&ours, &twin), Some(one.clone()));
        assert_eq!(read(&theirs, &twin), None, "of another installation");
        let (digest, mac) = twin.split_once('.').unwrap();
        for forged in [
            digest.to_owned(),
            format!("{digest}."),
            format!("{}.{mac}", two.as_str()),
            format!("{digest}.{}", &mac[1..]),
            format!("{digest}.{mac}="),
            format!("{digest}.{}", ours.mac("form|session", &[digest])),
            String::new(),
            ".".to_owned(),
        ] {
            assert_eq!(read(&ours, &forged), None, "{forged}");
        }
    }
}
