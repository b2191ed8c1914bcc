//! An honest provider, its users, and a login at it; to be spoilt in one thing at a time.

use base64::{Engine, engine::general_purpose::STANDARD};
use openid2::{
    association::{AssocType, Association, MacKey},
    discovery::{Endpoint, Person},
    exchange::{Answer, Fetch, Unreachable},
    extensions::Extensions,
    identifier::Identifier,
    message::Fields,
    names::{NS_2_0, Version},
    nonce::Spent,
    policy::Policy,
    realm::Realm,
    request::{Outgoing, Pending, Request},
    url::WebUrl,
    verify::{Authenticated, ConfirmError, Outcome, Response, Verification, Verified, VerifyError},
};

use crate::net::{Pages, SIGNON, answer, document, drive, service, xrds};

pub(super) const OP: &str = "https://op.example/op";
pub(super) const ALICE: &str = "https://op.example/id/alice";
pub(super) const BOB: &str = "https://op.example/id/bob";
/// A page of her own, which names the provider and her name there.
pub(super) const HOME: &str = "https://alice.example/";
pub(super) const RETURN_TO: &str = "https://rp.example/openid/return?t=abc";
/// 2026-11-22T12:00:00Z.
pub(super) const NOW: i64 = 1_795_348_800;

pub(super) fn policy() -> Policy {
    Policy::everything()
}

pub(super) fn url(text: &str) -> WebUrl {
    WebUrl::parse(text).unwrap()
}

/// The web as it is.
pub(super) fn web() -> Pages {
    let speaks = |local_id: Option<&str>| xrds(document(&service(SIGNON, OP, local_id)));
    Pages::default()
        .with(ALICE, speaks(None))
        .with(BOB, speaks(None))
        .with(HOME, speaks(Some(ALICE)))
}

pub(super) fn association(op_endpoint: &str, version: Version) -> Association {
    let kind = if version == Version::V2 { AssocType::HmacSha256 } else { AssocType::HmacSha1 };
    Association {
        op_endpoint: url(op_endpoint),
        handle: "shared".to_owned(),
        version,
        kind,
        key: MacKey::new(&[7; 32][..kind.key_len()], kind).unwrap(),
        issued_at: NOW - 60,
        expires_at: NOW + 7200,
    }
}

/// Alice's login with her identifier.
pub(super) fn alice() -> Login {
    Login::of(Some(ALICE), ALICE)
}

/// A login, on its way.
#[derive(Clone)]
pub(super) struct Login {
    pub(super) pending: Pending,
    pub(super) outgoing: Outgoing,
    pub(super) association: Option<Association>,
    pub(super) now: i64,
}

impl Login {
    /// Of somebody who typed this identifier; `None` for the provider's own.
    pub(super) fn of(claimed_id: Option<&str>, local_id: &str) -> Self {
        Self::speaking(Version::V2, claimed_id, local_id)
    }

    pub(super) fn speaking(version: Version, claimed_id: Option<&str>, local_id: &str) -> Self {
        let person = claimed_id.map_or(Person::Unknown, |claimed_id| Person::Claimed {
            claimed_id: Identifier::canonical(claimed_id).unwrap(),
            local_id: local_id.to_owned(),
        });
        let endpoint = Endpoint { version, op_endpoint: url(OP), person, types: vec![] };
        let association = association(OP, version);
        let request = Request {
            endpoint: &endpoint,
            association: Some(&association),
            return_to: &url(RETURN_TO),
            realm: &Realm::parse("https://rp.example/").unwrap(),
            immediate: false,
            extensions: &Extensions::default(),
        };
        let (outgoing, pending) = request.build(&policy(), NOW).unwrap();
        Self { pending, outgoing, association: Some(association), now: NOW + 30 }
    }

    /// The same, without a key in our store.
    pub(super) fn stateless(mut self) -> Self {
        self.association = None;
        self
    }

    /// What the provider says when all is well.
    pub(super) fn assertion(&self, claimed_id: &str, identity: &str) -> Assertion {
        let mut fields = Fields::new();
        let two = self.pending.endpoint.version == Version::V2;
        if two {
            fields.set("ns", NS_2_0);
        }
        fields.set("mode", "id_res");
        if two {
            fields.set("op_endpoint", OP);
            fields.set("claimed_id", claimed_id);
        }
        fields.set("identity", identity);
        fields.set("return_to", RETURN_TO);
        if two {
            fields.set("response_nonce", "2026-11-22T12:00:20Zx1");
        }
        fields.set("assoc_handle", "shared");
        let signed = if two {
            "op_endpoint,claimed_id,identity,return_to,response_nonce,assoc_handle"
        } else {
            "identity,return_to"
        };
        fields.set("signed", signed);
        let association = association(OP, self.pending.endpoint.version);
        Assertion { fields, association, arrives_at: None }
    }

    pub(super) fn verify(
        &self,
        assertion: &Assertion,
        net: impl FnMut(&Fetch) -> Result<Answer, Unreachable>,
    ) -> (Result<Outcome, VerifyError>, Vec<Fetch>) {
        let response = Response::from_get(&assertion.request_url()).unwrap();
        let association = self.association.as_ref();
        let step = Verification::start(&response, &self.pending, association, &policy(), self.now);
        drive(step, net)
    }

    /// All the way, without a question on it.
    pub(super) fn believes(&self, assertion: &Assertion) -> Result<(), VerifyError> {
        let (outcome, asked) = self.verify(assertion, |fetch| panic!("{fetch:?}"));
        assert!(asked.is_empty());
        assert!(matches!(outcome?, Outcome::Verified(_)));
        Ok(())
    }

    pub(super) fn verified(&self, assertion: &Assertion) -> Verified {
        match self.verify(assertion, |fetch| panic!("{fetch:?}")).0 {
            Ok(Outcome::Verified(verified)) => *verified,
            other => panic!("{other:?}"),
        }
    }

    /// To the end, in this web.
    pub(super) fn ends(
        &self,
        assertion: &Assertion,
        web: &Pages,
    ) -> Result<Authenticated, ConfirmError> {
        let verified = self.verified(assertion);
        drive(verified.redeem(Spent::First, &policy()), |fetch| web.get(fetch)).0
    }
}

/// A positive answer, to be spoilt before or after it is signed.
#[derive(Clone, Debug)]
pub(super) struct Assertion {
    pub(super) fields: Fields,
    pub(super) association: Association,
    pub(super) arrives_at: Option<String>,
}

impl Assertion {
    /// Changes a field.
    pub(super) fn with(mut self, name: &str, value: &str) -> Self {
        self.fields.set(name, value);
        self
    }

    /// Leaves a field out.
    pub(super) fn without(mut self, name: &str) -> Self {
        let mut fields = Fields::new();
        for (key, value) in self.fields.iter().filter(|(key, _)| *key != name) {
            fields.set(key, value);
        }
        self.fields = fields;
        self
    }

    /// Leaves a field out of the signed ones.
    pub(super) fn unsigned(self, name: &str) -> Self {
        let signed = self.fields.get("signed").unwrap();
        let kept: Vec<&str> = signed.split(',').filter(|one| *one != name).collect();
        let kept = kept.join(",");
        self.with("signed", &kept)
    }

    /// Adds fields and signs them too.
    pub(super) fn saying(mut self, fields: &[(&str, &str)]) -> Self {
        let mut signed = self.fields.get("signed").unwrap().to_owned();
        for (name, value) in fields {
            self.fields.set(*name, *value);
            signed.push_str(&format!(",{name}"));
        }
        self.with("signed", &signed)
    }

    /// Signs it as it is.
    pub(super) fn signed(self) -> Self {
        let names = self.fields.get("signed").unwrap().to_owned();
        let text = self.fields.to_key_values(names.split(',')).unwrap_or_default();
        let signature = STANDARD.encode(self.association.sign(&text));
        self.with("sig", &signature)
    }

    /// Where the browser brings it.
    pub(super) fn arriving(mut self, at: &str) -> Self {
        self.arrives_at = Some(at.to_owned());
        self
    }

    pub(super) fn request_url(&self) -> String {
        let page = self.arrives_at.as_deref().unwrap_or(RETURN_TO);
        let joint = if page.contains('?') { '&' } else { '?' };
        format!("{page}{joint}{}", self.fields.to_form())
    }
}

/// What a provider says when it is asked.
pub(super) fn yes(more: &str) -> Answer {
    answer(200, &[], format!("ns:{NS_2_0}\nis_valid:true\n{more}"))
}
