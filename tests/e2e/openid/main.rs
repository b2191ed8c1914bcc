//! Logging in with an OpenID, at a real provider (`tests/peers/openid/op.py`): SECURITY-CASES group O,
//! and of A, F and U what belongs to it. What needs no server and no network is tested where it is
//! decided: in the crate `openid2`.

mod account;
mod associations;
mod browsers;
mod first_login;
mod hostile;
mod immediate;
mod providers;
mod scene;
mod second_provider;
mod secured;
mod seen;
