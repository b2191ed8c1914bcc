//! How many sessions a person may have at a time, and what happens to one too many (DESIGN 4.7).

use serde::{Deserialize, Serialize};

use super::{Millis, device::DeviceClass, id::SessionId};

/// Most sessions of a person; 0 is no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Caps {
    /// Over all devices.
    pub per_user: usize,
    /// On computers.
    pub desktop: usize,
    /// On phones and tablets.
    pub phone: usize,
    /// In programs that are no browser.
    pub native: usize,
}

/// What happens when somebody logs in beyond the limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnExcess {
    /// The oldest session ends.
    #[default]
    KickOldest,
    /// The newcomer is refused.
    Deny,
    /// The newcomer chooses which session ends.
    Ask,
}

/// A session that a person holds already.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// Its name.
    pub id: SessionId,
    /// On what.
    pub class: DeviceClass,
    /// Begun at.
    pub created_at: Millis,
}

impl Caps {
    const fn of(&self, class: DeviceClass) -> usize {
        match class {
            DeviceClass::Desktop => self.desktop,
            DeviceClass::Phone => self.phone,
            DeviceClass::Native => self.native,
        }
    }

    /// Whether there is any limit.
    pub fn is_unlimited(&self) -> bool {
        *self == Self::default()
    }

    /// Which sessions must end so that one more on `newcomer` fits, oldest first. First those of
    /// its own class, for these are in its way; what is then still too much over all devices, the
    /// oldest of the rest.
    pub fn excess(&self, held: &[Held], newcomer: DeviceClass) -> Vec<SessionId> {
        let mut held: Vec<&Held> = held.iter().collect();
        held.sort_by(|one, other| (one.created_at, &one.id).cmp(&(other.created_at, &other.id)));
        let mut excess: Vec<SessionId> = Vec::new();
        let same = held.iter().filter(|one| one.class == newcomer).count();
        let too_many = beyond(self.of(newcomer), same);
        let oldest = held.iter().filter(|one| one.class == newcomer).take(too_many);
        excess.extend(oldest.map(|one| one.id.clone()));
        let still = beyond(self.per_user, held.len() - excess.len());
        let rest: Vec<SessionId> = held
            .iter()
            .filter(|one| !excess.contains(&one.id))
            .take(still)
            .map(|one| one.id.clone())
            .collect();
        excess.extend(rest);
        excess
    }
}

/// How many of `held` must go so that one more stays within `cap`.
const fn beyond(cap: usize, held: usize) -> usize {
    if cap == 0 { 0 } else { (held + 1).saturating_sub(cap) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held(name: &str, class: DeviceClass, created_at: Millis) -> Held {
        Held { id: name.into(), class, created_at }
    }

    fn names(excess: Vec<SessionId>) -> Vec<String> {
        excess.into_iter().map(String::from).collect()
    }

    #[test]
    fn one_session_a_person() {
        let one = Caps { per_user: 1, ..Caps::default() };
        assert!(one.excess(&[], DeviceClass::Desktop).is_empty());
        let both = [held("new", DeviceClass::Phone, 2), held("old", DeviceClass::Desktop, 1)];
        assert_eq!(names(one.excess(&both[..1], DeviceClass::Desktop)), ["new"]);
        assert_eq!(names(one.excess(&both, DeviceClass::Desktop)), ["old", "new"], "lowered later");
    }

    #[test]
    fn a_class_of_device_has_its_own_limit() {
        let caps = Caps { phone: 1, per_user: 3, ..Caps::default() };
        let all = [
            held("d1", DeviceClass::Desktop, 1),
            held("p1", DeviceClass::Phone, 2),
            held("d2", DeviceClass::Desktop, 3),
        ];
        assert_eq!(names(caps.excess(&all, DeviceClass::Phone)), ["p1"], "that is enough for all");
        assert_eq!(names(caps.excess(&all, DeviceClass::Desktop)), ["d1"]);
        assert!(Caps::default().excess(&all, DeviceClass::Phone).is_empty(), "no limit");
    }
}
