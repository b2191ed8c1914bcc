//! Serving, and stopping without dropping anybody.

use std::{io, net::SocketAddr, net::TcpListener, sync::Arc, time::Duration};

use actix_web::{
    HttpServer,
    dev::{Server, ServerHandle},
    middleware::from_fn,
    web,
};
use tokio::task::JoinHandle;

use super::{Web, door, headers, log, routes};
use crate::{app::App, flows::housekeeping};

/// An unfinished head is answered 408 after this long.
const HEAD_WITHIN: Duration = Duration::from_secs(5);
/// An idle connection is kept this long.
const KEEP_ALIVE: Duration = Duration::from_secs(75);

/// A server that answers, and what goes on beside it.
pub struct Running {
    /// Where it listens.
    pub address: SocketAddr,
    app: Arc<App>,
    handle: ServerHandle,
    server: JoinHandle<io::Result<()>>,
    beside: JoinHandle<()>,
}

/// Starts to serve on `listener`.
pub fn start(app: Arc<App>, listener: TcpListener) -> io::Result<Running> {
    let address = listener.local_addr()?;
    let server = build(&app, listener, address)?;
    let handle = server.handle();
    Ok(Running {
        address,
        handle,
        server: actix_web::rt::spawn(server),
        beside: tokio::spawn(housekeeping::run(app.clone())),
        app,
    })
}

fn build(app: &Arc<App>, listener: TcpListener, address: SocketAddr) -> io::Result<Server> {
    let web = web::Data::new(Web::new(app.clone(), &[address]));
    let server = &app.config.server;
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let workers = if server.workers == 0 { cores } else { server.workers };
    let shutdown = server.shutdown_within.as_seconds().try_into().unwrap_or(30);
    let factory = move || {
        actix_web::App::new()
            .app_data(web.clone())
            .configure(routes(&web))
            .wrap(from_fn(door::refuse_the_dishonest))
            .wrap(from_fn(headers::add))
            .wrap(from_fn(log::record))
    };
    Ok(HttpServer::new(factory)
        .workers(workers)
        .client_request_timeout(HEAD_WITHIN)
        .keep_alive(KEEP_ALIVE)
        .shutdown_timeout(shutdown)
        .disable_signals()
        .listen(listener)?
        .run())
}

impl Running {
    /// Waits until the server stops by itself, which it does not.
    pub async fn ended(&mut self) -> io::Result<()> {
        (&mut self.server).await.unwrap_or_else(|error| Err(io::Error::other(error)))
    }

    /// Stops: nobody new is let in, waiting polls are sent home with what they have, the rest is
    /// finished within `server.shutdown_within`, and the database is closed.
    pub async fn stop(self) {
        self.app.db.release_waiters();
        self.handle.stop(true).await;
        self.beside.abort();
        let _ = self.server.await;
        self.app.db.close().await;
    }
}
