//! Where a session begins that a page opens.

use actix_web::{HttpRequest, http::header::USER_AGENT};

use super::super::{Web, address::Address};
use crate::{
    domain::{device::Device, session::LiveSession},
    flows::issue_session::Origin,
};

/// What a request tells of its browser, which has the session `current` now.
pub(super) fn origin(web: &Web, request: &HttpRequest, current: Option<LiveSession>) -> Origin {
    let address = Address::of(request, &web.proxies);
    let user_agent = request.headers().get(USER_AGENT).and_then(|value| value.to_str().ok());
    Origin {
        device: Device::from_user_agent(user_agent),
        address: address.shown(),
        network: address.network(),
        keep: false,
        current,
        gives_up: Vec::new(),
        app: None,
    }
}
