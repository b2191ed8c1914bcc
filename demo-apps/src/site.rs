//! What makes a site itself.

/// A sample site.
#[derive(Clone, Copy, Debug)]
pub struct Site {
    /// Its id at Passport.
    pub id: &'static str,
    /// The name people see.
    pub name: &'static str,
    /// What it is about.
    pub tagline: &'static str,
    /// What only members see.
    pub members: &'static str,
    /// Its own URL, by default.
    pub url: &'static str,
    /// Where it listens, by default.
    pub listen: &'static str,
    /// The name of its session cookie: of this host only, gone with the browser.
    pub cookie: &'static str,
    /// Whether people sign in within its pages; otherwise they are sent to Passport and back.
    pub in_page: bool,
    /// The other one.
    pub sibling: (&'static str, &'static str),
}

/// The first.
pub const AW: Site = Site {
    id: "aw",
    name: "Aw",
    tagline: "Long walks, described step by step.",
    members: "Tonight's route: along the canal, over the iron bridge, back through the orchard. Eleven kilometres, two benches, one heron.",
    url: "http://aw.localhost:8801",
    listen: "127.0.0.1:8801",
    cookie: "__Host-aw",
    in_page: false,
    sibling: ("Bw", "http://bw.localhost:8802"),
};

/// The second.
pub const BW: Site = Site {
    id: "bw",
    name: "Bw",
    tagline: "Bread and other slow things.",
    members: "This week's dough: 500 g of flour, 360 g of water, 10 g of salt, a spoon of starter, and a night of patience.",
    url: "http://bw.localhost:8802",
    listen: "127.0.0.1:8802",
    cookie: "__Host-bw",
    in_page: true,
    sibling: ("Aw", "http://aw.localhost:8801"),
};
