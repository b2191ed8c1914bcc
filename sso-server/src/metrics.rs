//! Figures for whoever watches: `GET /metrics`, in Prometheus' text format.

use std::fmt;

use metrics::{Counter, Histogram, Key, KeyName, Level, Metadata, Recorder, Unit};
use metrics_exporter_prometheus::{
    Matcher, PrometheusBuilder, PrometheusHandle, PrometheusRecorder,
};

use crate::domain::Millis;

const CONFIRMED: &str = "passport_logout_confirmed_seconds";
const PUSHED: &str = "passport_push_total";
const ENDED: &str = "passport_sessions_ended_total";
/// Upper bounds in seconds: a healthy app takes milliseconds, one that was away takes as long as it was.
const BOUNDS: &[f64] =
    &[0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 3_600.0];

/// The program's figures. One set a [`crate::app::App`], so that two programs in one process do not
/// count into each other's.
pub struct Metrics {
    handle: PrometheusHandle,
    recorder: PrometheusRecorder,
    confirmed: Histogram,
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Metrics")
    }
}

impl Default for Metrics {
    fn default() -> Self {
        let builder = PrometheusBuilder::new();
        // An error is only an empty list of bounds.
        let builder = builder
            .set_buckets_for_metric(Matcher::Full(CONFIRMED.to_owned()), BOUNDS)
            .unwrap_or_default();
        let recorder = builder.build_recorder();
        recorder.describe_histogram(
            KeyName::from_const_str(CONFIRMED),
            Some(Unit::Seconds),
            "From the commit of a logout to an app's confirmation.".into(),
        );
        recorder.describe_counter(
            KeyName::from_const_str(ENDED),
            None,
            "Sessions ended, by cause.".into(),
        );
        recorder.describe_counter(
            KeyName::from_const_str(PUSHED),
            None,
            "Attempts to push an event to an app, by outcome.".into(),
        );
        let confirmed = recorder.register_histogram(&Key::from_static_name(CONFIRMED), &METADATA);
        Self { handle: recorder.handle(), recorder, confirmed }
    }
}

const METADATA: Metadata<'static> = Metadata::new(module_path!(), Level::INFO, None);

impl Metrics {
    /// An app has confirmed logouts, each so long after its commit.
    pub fn confirmed(&self, took: &[Millis]) {
        for took in took {
            self.confirmed.record(std::time::Duration::from_millis(took.unsigned_abs()));
        }
    }

    /// Sessions ended.
    pub fn ended(&self, cause: &'static str, sessions: u64) {
        let key = Key::from_parts(ENDED, vec![metrics::Label::new("cause", cause)]);
        let counter: Counter = self.recorder.register_counter(&key, &METADATA);
        counter.increment(sessions);
    }

    /// An attempt to push an event: `delivered`, `given_up`, or the word of what went wrong.
    pub fn pushed(&self, outcome: &str, events: u64) {
        let label = metrics::Label::new("outcome", outcome.to_owned());
        let key = Key::from_parts(PUSHED, vec![label]);
        let counter: Counter = self.recorder.register_counter(&key, &METADATA);
        counter.increment(events);
    }

    /// All of them, as Prometheus reads them.
    pub fn render(&self) -> String {
        self.handle.run_upkeep();
        self.handle.render()
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
