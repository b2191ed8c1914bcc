//! How far a logout of many reaches.

use serde::{Deserialize, Serialize};

use super::{app::AppId, device::DeviceClass};

/// Whose sessions end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Reach {
    /// Everybody's, everywhere.
    Everybody,
    /// Everybody's on one class of device.
    DeviceClass {
        /// Which.
        class: DeviceClass,
    },
    /// Everybody's at one app; their sessions at Passport go on.
    App {
        /// Which.
        app: AppId,
    },
}
