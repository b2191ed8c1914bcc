//! Tickets: what they say, and what must match when one is shown.

use client_sdk::wire::TicketClaims;

use super::{Millis, SECOND, app::AppId, seconds, token::Digest};

/// The longest a ticket may live, whatever the configuration says (CAS protocol 3.0 section 3.1.1).
pub const LIFETIME_MAX_SECONDS: i64 = 300;

/// Claims of a new ticket. `return_to` is absent for in-page tickets.
pub fn claims(
    issuer: &str,
    app: &AppId,
    (user, session): (&str, &str),
    jti: String,
    now: Millis,
    lifetime_seconds: i64,
    (return_to, challenge): (Option<&str>, Option<&str>),
) -> TicketClaims {
    let iat = seconds(now);
    TicketClaims {
        iss: issuer.to_owned(),
        aud: app.as_str().to_owned(),
        sub: user.to_owned(),
        sid: session.to_owned(),
        jti,
        iat,
        exp: iat + lifetime_seconds.min(LIFETIME_MAX_SECONDS),
        return_to_hash: return_to.map(hash),
        challenge_hash: challenge.map(hash),
    }
}

fn hash(text: &str) -> String {
    Digest::of(text.as_bytes()).as_str().to_owned()
}

/// What the app shows together with a ticket.
#[derive(Clone, Copy, Debug)]
pub struct Shown<'a> {
    /// The app that authenticated itself.
    pub app: &'a AppId,
    /// The return URL at which the ticket arrived.
    pub return_to: Option<&'a str>,
    /// The secret behind the challenge.
    pub verifier: Option<&'a str>,
}

/// Why a genuine ticket is refused. The app hears `invalid_ticket` for all of them, the audit log
/// has the reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Not a ticket of ours: form, signature, key, type, issuer or claims.
    NotGenuine,
    /// `exp` has passed.
    Expired,
    /// Issued for another app.
    WrongApp,
    /// Another return URL, or one where there was none, or none where there was one.
    WrongReturnUrl,
    /// The verifier is missing, superfluous or wrong.
    WrongVerifier,
    /// The login is older than the app accepts.
    TooOld,
    /// Spent before.
    AlreadyUsed,
    /// The app was disabled since it called.
    AppDisabled,
    /// Issued before the database was put back from a backup.
    BeforeRestore,
    /// The session behind it is over.
    SessionOver,
    /// The person's account is disabled, or suspended at this app.
    UserBarred,
}

impl Refusal {
    /// The word in the audit log.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NotGenuine => "not_genuine",
            Self::Expired => "expired",
            Self::WrongApp => "ticket_wrong_app",
            Self::WrongReturnUrl => "wrong_return_url",
            Self::WrongVerifier => "wrong_verifier",
            Self::TooOld => "too_old",
            Self::AlreadyUsed => "already_used",
            Self::AppDisabled => "app_disabled",
            Self::BeforeRestore => "before_restore",
            Self::SessionOver => "session_over",
            Self::UserBarred => "user_barred",
        }
    }
}

/// Compares a genuine ticket with what the app shows. Each binding is checked on its own and all
/// must hold: no OR between them (SECURITY-CASES T-04).
pub fn check(claims: &TicketClaims, shown: Shown<'_>, now: Millis) -> Result<(), Refusal> {
    if claims.aud != shown.app.as_str() {
        return Err(Refusal::WrongApp);
    }
    if claims.return_to_hash != shown.return_to.map(hash) {
        return Err(Refusal::WrongReturnUrl);
    }
    // The challenge is S256 of the verifier (RFC 7636 section 4.2). An in-page ticket always has
    // one; a verifier without a challenge is a downgrade and refused (RFC 9700 section 4.8.2).
    let challenge = shown.verifier.map(hash);
    if claims.challenge_hash != challenge.as_deref().map(hash)
        || (claims.return_to_hash.is_none() && challenge.is_none())
    {
        return Err(Refusal::WrongVerifier);
    }
    if seconds(now) >= claims.exp {
        return Err(Refusal::Expired);
    }
    Ok(())
}

/// The app's own demand on the age of the login: how old it was when the ticket was issued, in whole
/// seconds, as both times are told. Counted until now it could never be 0, since the way from the
/// login to here takes its time; a ticket itself lives [`LIFETIME_MAX_SECONDS`] at most.
pub fn check_max_age(
    auth_time: Millis,
    max_age: Option<i64>,
    claims: &TicketClaims,
) -> Result<(), Refusal> {
    // Somebody who proved themselves again since then did so no time before.
    let age = (claims.iat * SECOND - auth_time).div_euclid(SECOND).max(0);
    if max_age.is_none_or(|limit| age <= limit) { Ok(()) } else { Err(Refusal::TooOld) }
}

/// A ticket from before the database was put back from a backup is void: that it was spent since
/// the backup nobody knows any more (SECURITY-CASES Q-15). Its time counts in whole seconds; a
/// restore lasts at least until its second is over. `restored_at` is 0 when there was none.
pub fn check_restored(claims: &TicketClaims, restored_at: Millis) -> Result<(), Refusal> {
    if claims.iat > seconds(restored_at) { Ok(()) } else { Err(Refusal::BeforeRestore) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const URL: &str = "https://aw.example/cb";
    const VERIFIER: &str = "0123456789abcdef0123456789abcdef0123456789a";

    fn ticket(return_to: Option<&str>, challenge: Option<&str>) -> TicketClaims {
        let aw = AppId::parse("aw").unwrap();
        claims("https://sso.example", &aw, ("u", "s"), "j".into(), 0, 60, (return_to, challenge))
    }

    fn shown<'a>(
        app: &'a AppId,
        return_to: Option<&'a str>,
        verifier: Option<&'a str>,
    ) -> Shown<'a> {
        Shown { app, return_to, verifier }
    }

    #[test]
    fn every_binding_counts() {
        let (aw, bw) = (AppId::parse("aw").unwrap(), AppId::parse("bw").unwrap());
        let challenge = hash(VERIFIER);
        let bound = ticket(Some(URL), Some(&challenge));
        let good = shown(&aw, Some(URL), Some(VERIFIER));
        assert_eq!(check(&bound, good, 0), Ok(()));
        assert_eq!(check(&bound, Shown { app: &bw, ..good }, 0), Err(Refusal::WrongApp));
        for other in [None, Some("https://aw.example/cb/"), Some("")] {
            let wrong = Shown { return_to: other, ..good };
            assert_eq!(check(&bound, wrong, 0), Err(Refusal::WrongReturnUrl));
        }
        for other in [None, Some(""), Some(challenge.as_str()), Some(&VERIFIER[1..])] {
            let wrong = Shown { verifier: other, ..good };
            assert_eq!(check(&bound, wrong, 0), Err(Refusal::WrongVerifier));
        }
        let unbound = ticket(Some(URL), None);
        assert_eq!(check(&unbound, shown(&aw, Some(URL), None), 0), Ok(()));
        assert_eq!(check(&unbound, good, 0), Err(Refusal::WrongVerifier), "downgrade");
    }

    #[test]
    fn in_page_tickets_need_a_verifier() {
        let aw = AppId::parse("aw").unwrap();
        let bare = ticket(None, None);
        assert_eq!(check(&bare, shown(&aw, None, None), 0), Err(Refusal::WrongVerifier));
        let bound = ticket(None, Some(&hash(VERIFIER)));
        assert_eq!(check(&bound, shown(&aw, None, Some(VERIFIER)), 0), Ok(()));
    }

    // SECURITY-CASES T-26.
    #[test]
    fn the_log_in_may_be_so_old() {
        let issued = TicketClaims { iat: 1_000, ..ticket(None, None) };
        let with = |auth_time, max_age| check_max_age(auth_time, Some(max_age), &issued);
        assert_eq!(check_max_age(0, None, &issued), Ok(()));
        for just_now in [999_001, 1_000_000, 1_000_999, 1_030_000] {
            assert_eq!(with(just_now, 0), Ok(()), "{just_now}");
            assert_eq!(with(just_now, -1), Err(Refusal::TooOld), "{just_now}");
        }
        assert_eq!(with(999_000, 0), Err(Refusal::TooOld));
        assert_eq!((with(940_000, 60), with(939_000, 60)), (Ok(()), Err(Refusal::TooOld)));
        assert_eq!((with(0, i64::MAX), with(0, i64::MIN)), (Ok(()), Err(Refusal::TooOld)));
    }

    // SECURITY-CASES Q-15.
    #[test]
    fn what_was_issued_before_a_restore_is_void() {
        let issued = TicketClaims { iat: 1_000, ..ticket(None, None) };
        assert_eq!(check_restored(&issued, 0), Ok(()), "there was none");
        assert_eq!(check_restored(&issued, 999_999), Ok(()));
        for restored_at in [1_000_000, 1_000_999, 2_000_000] {
            assert_eq!(check_restored(&issued, restored_at), Err(Refusal::BeforeRestore));
        }
    }

    // SECURITY-CASES T-13.
    #[test]
    fn sixty_seconds_and_not_one_more() {
        let aw = AppId::parse("aw").unwrap();
        let bound = ticket(Some(URL), None);
        let good = shown(&aw, Some(URL), None);
        assert_eq!(check(&bound, good, 59_999), Ok(()));
        assert_eq!(check(&bound, good, 60_000), Err(Refusal::Expired));
        let long = claims("i", &aw, ("u", "s"), "j".into(), 0, 86_400, (None, None));
        assert_eq!(long.exp, LIFETIME_MAX_SECONDS);
    }
}
