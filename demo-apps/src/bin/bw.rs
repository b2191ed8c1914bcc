//! The sample site bw, by itself.

use std::process::ExitCode;

fn main() -> ExitCode {
    demo_apps::run::alone(demo_apps::site::BW)
}
