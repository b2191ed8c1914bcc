//! The sample site aw, by itself.

use std::process::ExitCode;

fn main() -> ExitCode {
    demo_apps::run::alone(demo_apps::site::AW)
}
