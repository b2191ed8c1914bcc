//! The running program: what every flow needs, put together once.

use std::sync::{Arc, atomic::AtomicI64};

use tokio::sync::{Notify, Semaphore};

use crate::{
    clock::Clock,
    config::Config,
    flows::{
        installation::{self, InstallationError},
        log_in::LoginSlots,
        openid::{places::Places, start::FoundProviders},
        page_checks::PageChecks,
        redeem_ticket::Redemptions,
        refused_tickets::RefusedTickets,
        signing_keys::{self, KeysError},
    },
    hashing::{self, BadParameters, PasswordPool},
    metrics::Metrics,
    random::Random,
    store::{self, Db, MigrateError, OpenError, StoreError},
    tokens::{
        crypto,
        keyring::Keyring,
        master_key::{MasterKey, MasterKeyError},
        secrets::Secrets,
    },
    upstream::{openid::RelyingParty, transport::Transport},
};

/// Most signs of life that are being written down at a time; what is beyond waits for its next one.
const TOUCHES: usize = 64;

/// The running program.
#[derive(Debug)]
pub struct App {
    /// What was configured.
    pub config: Config,
    /// The database.
    pub db: Arc<Db>,
    /// The time.
    pub clock: Clock,
    /// Chance.
    pub random: Random,
    /// Seals what must be read back.
    pub master: MasterKey,
    /// Keys derived from the installation secret.
    pub secrets: Secrets,
    /// Keys that sign tickets.
    pub keyring: Keyring,
    /// Argon2id.
    pub passwords: PasswordPool,
    /// Redemptions on their way into one transaction.
    pub redemptions: Redemptions,
    /// Tickets refused this minute, by app.
    pub refused_tickets: RefusedTickets,
    /// Questions of pages this minute, by app and network.
    pub page_checks: PageChecks,
    /// Logins under way, by account.
    pub login_slots: LoginSlots,
    /// Signs of life under way.
    pub touches: Arc<Semaphore>,
    /// The way out to apps and other servers.
    pub transport: Transport,
    /// We to providers of OpenIDs; `None` when it is switched off.
    pub openid: Option<RelyingParty>,
    /// Who asks providers right now.
    pub openid_places: Places,
    /// Providers' own identifiers, found lately.
    pub found_providers: FoundProviders,
    /// A login has found that a key shared with a provider would be of use.
    pub association_wanted: Notify,
    /// When a link of the audit log was last told to the log.
    pub anchored_at: AtomicI64,
    /// Figures for whoever watches.
    pub metrics: Metrics,
}

/// Why the program cannot run. Each says what to do.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The database.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// Its tables.
    #[error(transparent)]
    Migrate(#[from] MigrateError),
    /// Its tables are old and may not be changed.
    #[error(
        "the database is older than this program: run `sso-server migrate` (database.migrate_on_start is off)"
    )]
    Outdated,
    /// The master key.
    #[error(transparent)]
    MasterKey(#[from] MasterKeyError),
    /// What is sealed under it.
    #[error(transparent)]
    Installation(#[from] InstallationError),
    /// The signing keys.
    #[error(transparent)]
    Keys(#[from] KeysError),
    /// Argon2id's parameters.
    #[error(transparent)]
    Password(#[from] BadParameters),
    /// The database, later.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl App {
    /// Opens the database, brings it up to date and reads the keys.
    pub async fn open(
        config: Config,
        clock: Clock,
        random: Random,
    ) -> Result<Arc<Self>, StartError> {
        crypto::install();
        let db = Arc::new(
            Db::open(&store::Options {
                url: config.database.url.clone(),
                max_connections: config.database.max_connections,
            })
            .await?,
        );
        // The key before the tables: a start that fails for the key leaves no half-made database.
        let master = MasterKey::load_or_create(config.master_key.file.as_ref(), &random)?;
        if config.database.migrate_on_start {
            store::migrate(&db, &config.database.url).await?;
        } else if !store::is_current(&db).await? {
            return Err(StartError::Outdated);
        } else {
            db.watch_commits().await?;
        }
        let secrets = installation::open(&db, &master, &random).await?;
        let keyring = signing_keys::open(&db, &master, &random, clock.now()).await?;
        let passwords = PasswordPool::start(
            hashing::Settings {
                memory_kib: config.password.memory_kib,
                iterations: config.password.iterations,
                parallelism: config.password.parallelism,
                threads: config.password.threads,
                queue: config.password.queue,
                wait: config.password.wait.duration(),
                niceness: config.password.niceness,
            },
            random,
        )?;
        let transport = Transport::new(&config);
        let openid = RelyingParty::new(&config);
        Ok(Arc::new(Self {
            config,
            db,
            clock,
            random,
            master,
            secrets,
            keyring,
            passwords,
            redemptions: Redemptions::default(),
            refused_tickets: RefusedTickets::default(),
            page_checks: PageChecks::default(),
            login_slots: LoginSlots::default(),
            touches: Arc::new(Semaphore::new(TOUCHES)),
            transport,
            openid,
            openid_places: Places::default(),
            found_providers: FoundProviders::default(),
            association_wanted: Notify::new(),
            anchored_at: AtomicI64::new(0),
            metrics: Metrics::default(),
        }))
    }
}
