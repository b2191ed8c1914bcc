//! Arguments, configuration, program, serve.

use std::process::ExitCode;

fn main() -> ExitCode {
    actix_web::rt::System::new().block_on(sso_server::cli::run())
}
