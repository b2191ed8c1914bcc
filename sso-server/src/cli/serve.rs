//! `serve`

use std::{io::ErrorKind, net::TcpListener};

use tokio::signal::unix::{SignalKind, signal};

use super::{Refused, open, output};
use crate::{config::Config, flows::one_time_link, web::server};

pub(super) async fn serve(config: Config) -> Result<(), Refused> {
    keep_memory_private();
    let listen = config.server.listen.clone();
    let public_url = config.server.public_url.clone();
    // The port first: whoever starts a second server by mistake hears of it before it touches
    // anything.
    let listener = TcpListener::bind(&listen).map_err(|error| {
        Refused(match error.kind() {
            ErrorKind::AddrInUse => format!(
                "cannot listen on {listen}: another program, perhaps another Passport, uses this port. \
                 Stop it, or set server.listen"
            ),
            ErrorKind::PermissionDenied => format!(
                "cannot listen on {listen}: this user may not use ports below 1024. Set server.listen"
            ),
            ErrorKind::AddrNotAvailable => {
                format!("cannot listen on {listen}: this machine does not have the address. Set server.listen")
            }
            _ => format!("cannot listen on {listen}: {error}"),
        })
    })?;
    listener.set_nonblocking(true)?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;

    let app = open(config).await?;
    if let Some(link) = one_time_link::first_admin(&app).await? {
        eprintln!(
            "There is no administrator yet. Within 24 hours, open this link to make one:\n  {link}"
        );
    }
    let mut running = server::start(app, listener)?;
    output::say(&format!("listening on http://{} as {public_url}", running.address));

    let stopped = tokio::select! {
        ended = running.ended() => Some(ended),
        _ = terminate.recv() => None,
        _ = interrupt.recv() => None,
    };
    if let Some(ended) = stopped {
        return ended.map_err(Refused::from);
    }
    tracing::info!("told to stop: finishing what is under way");
    running.stop().await;
    Ok(())
}

/// Keys and passwords are in this process' memory: no core dumps, and no look into it by other
/// processes of the same user (SECURITY-CASES K-09). Where the system does not allow to forbid it,
/// serving goes on.
fn keep_memory_private() {
    use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};
    let _ = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) });
    let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
}
