//! `/admin/everybody`: everybody out, everywhere or on one class of device.

use actix_web::{Error, HttpRequest, HttpResponse, web::Data};
use serde::{Deserialize, Serialize};

use super::{
    super::{Page, error::PageError, see_other},
    AdminState, Frame, forced,
    people::Done,
};
use crate::{
    domain::{device::DeviceClass, reach::Reach},
    flows::force_logout::{Whom, force_logout},
    web::{
        Web,
        input::{Form, Query},
    },
};

/// What is to be typed, in every language: an act of this reach is not done by one slip.
const CONFIRM: &str = "everybody";
const HERE: &str = "/admin/everybody";

/// What `admin/everybody.html` shows.
#[derive(Debug, Serialize)]
pub struct EverybodyPage {
    /// Around it.
    #[serde(flatten)]
    pub frame: Frame,
    /// What is to be typed.
    pub word: &'static str,
}

/// `GET /admin/everybody`
pub async fn show(
    web: Data<Web>,
    admin: AdminState,
    done: Query<Done>,
    request: HttpRequest,
) -> Result<HttpResponse, PageError> {
    let frame = admin.frame(&web, &request, "everybody", done.0?.done.as_deref());
    let page = EverybodyPage { frame, word: CONFIRM };
    Ok(Page::draw(&web, &request, "admin/everybody.html", &page)?.finish())
}

/// What comes with the form.
#[derive(Debug, Deserialize)]
pub struct EverybodyForm {
    csrf: Option<String>,
    reach: String,
    reason: Option<String>,
    confirm: Option<String>,
}

/// `POST /admin/everybody`
pub async fn submit(
    web: Data<Web>,
    admin: AdminState,
    form: Form<EverybodyForm>,
    request: HttpRequest,
) -> Result<HttpResponse, Error> {
    let form = form.0.map_err(PageError::from)?;
    admin.act(&web, &request, form.csrf.as_deref(), HERE)?;
    let reach = match (form.reach.as_str(), DeviceClass::parse(&form.reach)) {
        ("everybody", _) => Reach::Everybody,
        (_, Some(class)) => Reach::DeviceClass { class },
        (_, None) => return Err(PageError::BadInput(crate::web::input::BadInput::Malformed).into()),
    };
    if form.confirm.as_deref().map(str::trim) != Some(CONFIRM) {
        return Ok(see_other(&format!("{HERE}?done=confirm")));
    }
    let reason = form.reason.unwrap_or_default();
    Ok(forced(force_logout(&web.app, &Whom::Many(reach), admin.order(&reason)).await, HERE)?)
}
