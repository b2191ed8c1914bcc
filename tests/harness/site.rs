//! A website that is not Passport's: the same page under every name, whether of an app or of nobody.

use actix_web::{App, HttpResponse, HttpServer, web};

/// A little website.
pub struct Site {
    port: u16,
}

impl Site {
    /// Opens one on a free port. Its page has a button, for what takes a click.
    pub fn open() -> Self {
        let page = || async {
            HttpResponse::Ok()
                .content_type("text/html; charset=utf-8")
                .body("<!doctype html><title>A page</title><p>Here.</p><button>Click here</button>")
        };
        let server = HttpServer::new(move || App::new().default_service(web::to(page)))
            .workers(1)
            .disable_signals()
            .bind("127.0.0.1:0")
            .unwrap();
        let port = server.addrs()[0].port();
        actix_web::rt::spawn(server.run());
        Self { port }
    }

    /// Its origin under a name, with which browsers open its page: `http://aw.localhost:41017`. Each
    /// name is a site of its own to them.
    pub fn called(&self, name: &str) -> String {
        format!("http://{name}.localhost:{}", self.port)
    }
}
