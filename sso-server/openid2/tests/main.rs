//! The relying party against its vectors and against those who would cheat it. No network.

#[cfg(test)]
mod driving;
#[cfg(test)]
mod hostile;
#[cfg(test)]
mod net;
#[cfg(test)]
mod parsers;
#[cfg(test)]
mod vectors;
