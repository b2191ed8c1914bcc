//! The audit log's chain: sealing it, and looking whether it holds.
//!
//! Lines are written, unchained, in the transactions that do what they say; chaining them there
//! would make every login and redemption wait for the one before it. A few seconds later the sealer
//! gives each its number and its [link](crate::domain::audit::link). What follows, exactly:
//!
//! - A sealed line that is edited, removed, moved, or has another put before it, is noticed, and
//!   [`verify`] names the first place. So is a chain that was cut at its end or made anew: the last
//!   link bears a stamp that needs the master key, and the sealer goes on behind its own stamp only
//!   (or from the beginning; see the last point).
//! - Not sealed are lines younger than [`HORIZON`] plus the sealer's pause (together about three
//!   seconds), those of a server that is behind, and whatever commands write while no server runs.
//!   Who can write to the database can change those unnoticed; [`verify`] says how many there are.
//! - Order in the chain is order of sealing. A line whose transaction took longer than the horizon,
//!   or whose node's clock was behind, stands after younger ones; it is never left out.
//! - A database that is put back to an older state as a whole is whole. The same goes for the chain
//!   alone: its end, with our stamp, can be kept by whoever reads the database and be put back later,
//!   and a log that lost all its links is like one that never had any. In both cases the sealer then
//!   seals what was made of the lines behind. Only a link that was kept elsewhere shows any of this:
//!   [`verify`] can be told one, and the server logs one every hour.

use crate::{
    app::App,
    domain::{
        HOUR, Millis, SECOND,
        audit::{Act, Entry},
    },
    store::{
        Stored,
        audit::{self, Line},
        audit_chain::{self, Head},
    },
    tokens::secrets::Secrets,
};

/// Lines younger than this are left alone, so that transactions under way come in order.
pub const HORIZON: Millis = 2 * SECOND;
/// Most lines that are sealed in one transaction.
const PORTION: i64 = 256;
/// Most portions at a time: whoever calls has other things to do as well, and sealing takes turns of
/// the writer. So about 8,000 lines a second can be sealed; beyond, the unsealed end grows until it
/// is quieter.
const PORTIONS: usize = 32;
/// Of several nodes, one seals in this time.
const SEAL_EVERY: Millis = SECOND;
/// Names the stamp under the last link.
const PURPOSE: &str = "audit head";
/// Lines looked at together.
const READ_AT_ONCE: i64 = 1_000;

/// Seals what is old enough. Any number of nodes may come; one does it.
pub async fn seal(app: &App) -> Stored<()> {
    seal_older_than(app, HORIZON, SEAL_EVERY).await
}

/// Seals whatever is there, for whoever knows that no transaction is under way.
pub async fn seal_now(app: &App) -> Stored<()> {
    seal_older_than(app, -1, 0).await
}

async fn seal_older_than(app: &App, horizon: Millis, seal_every: Millis) -> Stored<()> {
    let mut unless_since = app.clock.now() - seal_every;
    for _ in 0..PORTIONS {
        let now = app.clock.now();
        let until = now - horizon;
        if !audit::any_unsealed(&mut *app.db.read().await?, until).await? {
            return Ok(());
        }
        let mut tx = app.db.write().await?;
        let Some(head) = audit_chain::claim(&mut tx, unless_since, now).await? else {
            return Ok(());
        };
        if !is_ours(&app.secrets, &head) {
            // Our stamp under a chain that somebody else made would make it look whole.
            tracing::error!(
                "the audit log's last link is not ours, so nothing is sealed: see `audit verify`"
            );
            return Ok(());
        }
        let lines = audit::unsealed(&mut tx, until, PORTION).await?;
        let (mut seq, mut hash) = (head.seq, head.hash);
        let mut links = Vec::with_capacity(lines.len());
        for line in &lines {
            seq += 1;
            let link = line.link(&hash, seq);
            link.as_str().clone_into(&mut hash);
            links.push((line.id.clone(), seq, link));
        }
        audit::seal(&mut tx, &links).await?;
        let stamp = stamp(&app.secrets, seq, &hash);
        let anchor = (seq, hash.clone());
        audit_chain::advance(&mut tx, &Head { seq, hash, stamp }).await?;
        tx.commit().await?;
        anchor_in_log(app, now, &anchor);
        if links.len() < PORTION as usize {
            return Ok(());
        }
        // We are behind, and go on.
        unless_since = app.clock.now();
    }
    Ok(())
}

/// A second place: whoever keeps the server's log can tell `audit verify` what it said.
fn anchor_in_log(app: &App, now: Millis, (seq, hash): &(i64, String)) {
    let last = &app.anchored_at;
    let before = last.load(std::sync::atomic::Ordering::Relaxed);
    let due = now - before >= HOUR || now < before;
    if due {
        last.store(now, std::sync::atomic::Ordering::Relaxed);
        tracing::info!(link = %format!("{seq}:{hash}"), "the audit log is sealed up to here");
    }
}

fn stamp(secrets: &Secrets, seq: i64, hash: &str) -> String {
    secrets.mac(PURPOSE, &[&seq.to_string(), hash])
}

/// Whether we stamped it, or nothing was sealed yet.
fn is_ours(secrets: &Secrets, head: &Head) -> bool {
    let empty = head.seq == 0 && head.hash.is_empty() && head.stamp.is_empty();
    empty || secrets.verify_mac(&head.stamp, PURPOSE, &[&head.seq.to_string(), &head.hash])
}

/// What is wrong with the chain, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Broken {
    /// The line's content, place or link is not what it was.
    #[error("line {seq} ({id}) is not what it was when it was sealed")]
    Altered {
        /// Its number.
        seq: i64,
        /// Its id.
        id: String,
    },
    /// The line is not there.
    #[error("line {seq} is missing")]
    Missing {
        /// Its number.
        seq: i64,
    },
    /// Lines stand behind the last link.
    #[error("line {seq} stands behind the end of the chain")]
    Surplus {
        /// Its number.
        seq: i64,
    },
    /// The last link is not the one that we wrote.
    #[error("the chain's last link was not written by this installation")]
    Head,
    /// The chain does not contain a link that was kept elsewhere.
    #[error("the link {seq}:{hash} was kept, and is not in the chain: an older or another log")]
    NotTheKept {
        /// Its number.
        seq: i64,
        /// Its link.
        hash: String,
    },
}

/// What looking at the whole chain has shown.
#[derive(Clone, Debug)]
pub struct Verified {
    /// Lines whose links hold.
    pub good: i64,
    /// The last link, to be kept elsewhere: `number:link`.
    pub last: (i64, String),
    /// Lines that are in no chain yet.
    pub unsealed: i64,
    /// The first thing that is wrong.
    pub broken: Option<Broken>,
}

/// Looks at every link. `kept` is one that was noted elsewhere before.
pub async fn verify(app: &App, kept: Option<(i64, String)>) -> Stored<Verified> {
    let head = audit_chain::head(&mut *app.db.read().await?).await?;
    let mut verified = Verified {
        good: 0,
        last: (0, String::new()),
        unsealed: audit::count_unsealed(&mut *app.db.read().await?).await?,
        broken: None,
    };
    let Some(head) = head else {
        verified.broken = Some(Broken::Head);
        return Ok(verified);
    };
    let mut seen_kept = kept.is_none();
    // What is sealed meanwhile is looked at next time.
    while verified.good < head.seq {
        let lines = audit::chained(&mut *app.db.read().await?, verified.good, READ_AT_ONCE).await?;
        for line in lines.iter().take_while(|line| number(line) <= head.seq) {
            let seq = verified.good + 1;
            if number(line) != seq {
                verified.broken = Some(Broken::Missing { seq });
                return Ok(verified);
            }
            let link = line.link(&verified.last.1, seq);
            if line.sealed.as_ref().is_none_or(|(_, hash)| hash != link.as_str()) {
                verified.broken = Some(Broken::Altered { seq, id: line.id.clone() });
                return Ok(verified);
            }
            verified.good = seq;
            verified.last = (seq, link.as_str().to_owned());
            seen_kept |= kept.as_ref() == Some(&verified.last);
        }
        if lines.is_empty() || lines.iter().all(|line| number(line) > head.seq) {
            verified.broken = Some(Broken::Missing { seq: verified.good + 1 });
            return Ok(verified);
        }
    }
    if verified.last != (head.seq, head.hash.clone()) || !is_ours(&app.secrets, &head) {
        verified.broken = Some(Broken::Head);
    } else if let Some((seq, hash)) = kept.filter(|_| !seen_kept) {
        verified.broken = Some(Broken::NotTheKept { seq, hash });
    } else {
        // Behind the end only what was sealed since, and then the end has moved, too.
        let end = audit_chain::head(&mut *app.db.read().await?).await?.map_or(0, |head| head.seq);
        let behind = audit::chained(&mut *app.db.read().await?, end, 1).await?;
        let again = audit_chain::head(&mut *app.db.read().await?).await?.map_or(0, |head| head.seq);
        if let Some(line) = behind.first().filter(|line| number(line) > again) {
            verified.broken = Some(Broken::Surplus { seq: number(line) });
        }
    }
    Ok(verified)
}

fn number(line: &Line) -> i64 {
    line.sealed.as_ref().map_or(0, |(seq, _)| *seq)
}

/// Writes down that somebody takes lines away with them.
pub async fn note_export(app: &App, by: &str, address: &str) -> Stored<()> {
    let entry = Entry::new(app.clock.now(), Act::AuditExported).address(address).fact("by", by);
    let mut tx = app.db.write().await?;
    audit::append(&mut tx, &[entry], &app.random).await?;
    tx.commit().await
}
