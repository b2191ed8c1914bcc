//! Figures for whoever watches: `GET /metrics`, in Prometheus' text format.

use prometheus::{
    Histogram, HistogramOpts, IntCounterVec, Opts, Registry, TextEncoder, core::Collector,
};

use crate::domain::Millis;

/// Upper bounds in seconds: a healthy app takes milliseconds, one that was away takes as long as it was.
const BOUNDS: &[f64] =
    &[0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 3_600.0];

/// The program's figures. One set a [`crate::app::App`], so that two programs in one process do not
/// count into each other's.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    confirmed: Histogram,
    ended: IntCounterVec,
    pushed: IntCounterVec,
}

impl Default for Metrics {
    #[expect(clippy::expect_used, reason = "names, labels and bounds are constants of this file")]
    fn default() -> Self {
        let confirmed = HistogramOpts::new(
            "passport_logout_confirmed_seconds",
            "From the commit of a logout to an app's confirmation.",
        );
        let confirmed = Histogram::with_opts(confirmed.buckets(BOUNDS.to_vec()));
        let counter = |name, help, label| {
            IntCounterVec::new(Opts::new(name, help), &[label]).expect("a counter")
        };
        let metrics = Self {
            registry: Registry::new(),
            confirmed: confirmed.expect("a histogram"),
            ended: counter("passport_sessions_ended_total", "Sessions ended, by cause.", "cause"),
            pushed: counter(
                "passport_push_total",
                "Attempts to push an event to an app, by outcome.",
                "outcome",
            ),
        };
        let all: [Box<dyn Collector>; 3] = [
            Box::new(metrics.confirmed.clone()),
            Box::new(metrics.ended.clone()),
            Box::new(metrics.pushed.clone()),
        ];
        for one in all {
            metrics.registry.register(one).expect("each name once");
        }
        metrics
    }
}

impl Metrics {
    /// An app has confirmed logouts, each so long after its commit.
    pub fn confirmed(&self, took: &[Millis]) {
        for took in took {
            let took = std::time::Duration::from_millis(took.unsigned_abs());
            self.confirmed.observe(took.as_secs_f64());
        }
    }

    /// Sessions ended.
    pub fn ended(&self, cause: &'static str, sessions: u64) {
        self.ended.with_label_values(&[cause]).inc_by(sessions);
    }

    /// An attempt to push an event: `delivered`, `given_up`, or the word of what went wrong.
    pub fn pushed(&self, outcome: &str, events: u64) {
        self.pushed.with_label_values(&[outcome]).inc_by(events);
    }

    /// All of them, as Prometheus reads them.
    pub fn render(&self) -> String {
        // An error would be a metric without a name or without values.
        TextEncoder::new().encode_to_string(&self.registry.gather()).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown() {
        let metrics = Metrics::default();
        metrics.confirmed(&[30, 30, 700]);
        metrics.ended("admin", 2);
        let text = metrics.render();
        assert!(text.contains("passport_logout_confirmed_seconds_bucket{le=\"0.05\"} 2"), "{text}");
        assert!(text.contains("passport_logout_confirmed_seconds_count 3"), "{text}");
        assert!(text.contains("passport_sessions_ended_total{cause=\"admin\"} 2"), "{text}");
    }
}
