//! The one place that asks the system for randomness.

/// Where chance comes from: the operating system's generator, or a test's.
#[derive(Clone, Copy, Debug)]
pub struct Random {
    fill: fn(&mut [u8]),
}

impl Random {
    /// The operating system's generator.
    pub const fn system() -> Self {
        Self { fill: system }
    }

    /// Another source: a test's.
    pub const fn from(fill: fn(&mut [u8])) -> Self {
        Self { fill }
    }

    /// `N` random bytes.
    pub fn bytes<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        (self.fill)(&mut bytes);
        bytes
    }

    /// A number between 0 and 1, for jitter.
    pub fn fraction(&self) -> f64 {
        f64::from(u32::from_ne_bytes(self.bytes())) / f64::from(u32::MAX)
    }
}

/// Without randomness there is no safe way on: identifiers could repeat and tokens be guessed.
#[expect(clippy::disallowed_methods, reason = "the one home of the system's randomness")]
fn system(bytes: &mut [u8]) {
    if let Err(error) = getrandom::fill(bytes) {
        eprintln!("the operating system gives no random numbers: {error}");
        std::process::abort();
    }
}
