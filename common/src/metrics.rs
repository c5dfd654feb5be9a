//! Prometheus metrics: one registry per process, the text for `/metrics`, and what every process measures of itself.

use std::fmt;
use std::sync::Arc;

use parking_lot::RwLock;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Metric, Registry};

/// Content type of [`Metrics::render`].
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The registry of a process; clones share it. All names begin with `godwit_`.
#[derive(Clone, Debug)]
pub struct Metrics {
    registry: Arc<RwLock<Registry>>,
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Metrics {
    /// A registry that measures the process itself.
    #[must_use]
    pub fn new() -> Self {
        let mut registry = Registry::with_prefix("godwit");
        registry.register_collector(Box::new(ProcessCollector));
        Self { registry: Arc::new(RwLock::new(registry)) }
    }

    /// Registers a metric and gives it back: `let fsyncs = metrics.register("log_fsyncs", "Fsyncs of logs", Counter::default())`.
    /// Counters get `_total` appended by the encoding; units stand in the name.
    pub fn register<M: Metric + Clone>(&self, name: &str, help: &str, metric: M) -> M {
        self.registry.write().register(name, help, metric.clone());
        metric
    }

    /// Registers what is measured at the moment of reading.
    pub fn register_collector(&self, collector: Box<dyn Collector>) {
        self.registry.write().register_collector(collector);
    }

    /// All metrics as text.
    #[must_use]
    pub fn render(&self) -> String {
        let mut text = String::new();
        if let Err(error) = prometheus_client::encoding::text::encode(&mut text, &self.registry.read()) {
            tracing::error!(%error, "metrics cannot be written");
        }
        text
    }
}

/// A histogram of seconds from 50 µs to about 13 s, each bucket twice the one before.
#[must_use]
pub fn seconds_histogram() -> Histogram {
    Histogram::new(exponential_buckets(0.000_05, 2.0, 19))
}

/// A histogram of counts from 1 to 4096, each bucket twice the one before.
#[must_use]
pub fn count_histogram() -> Histogram {
    Histogram::new(exponential_buckets(1.0, 2.0, 13))
}

/// A histogram that was counted elsewhere, for a collector to encode: the counterpart of `ConstCounter`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ConstHistogram {
    sum: f64,
    count: u64,
    buckets: Vec<(f64, u64)>,
}

impl ConstHistogram {
    /// From buckets whose bounds are the powers of two from 1, in units of `unit` (`1e-6`: they were counted in
    /// microseconds and are shown in seconds). The last bucket holds everything above, too.
    #[must_use]
    pub fn powers_of_two(unit: f64, sum: u64, counts: &[u64]) -> Self {
        let last = counts.len().saturating_sub(1);
        let bound = |index: usize| if index == last { f64::MAX } else { unit * 2_f64.powi(index as i32) };
        let buckets = counts.iter().enumerate().map(|(index, count)| (bound(index), *count)).collect();
        Self { sum: sum as f64 * unit, count: counts.iter().sum(), buckets }
    }
}

impl EncodeMetric for ConstHistogram {
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> Result<(), fmt::Error> {
        encoder.encode_histogram::<NoLabelSet>(self.sum, self.count, &self.buckets, None)
    }

    fn metric_type(&self) -> MetricType {
        MetricType::Histogram
    }
}

#[derive(Debug)]
struct ProcessCollector;

impl Collector for ProcessCollector {
    fn encode(&self, mut encoder: DescriptorEncoder) -> Result<(), fmt::Error> {
        if let Some(seconds) = cpu_seconds() {
            let counter = ConstCounter::new(seconds);
            let help = "CPU time of this process, user and system";
            counter.encode(encoder.encode_descriptor("process_cpu_seconds", help, None, counter.metric_type())?)?;
        }
        if let Some(bytes) = resident_bytes() {
            let gauge = ConstGauge::new(bytes);
            let help = "Memory of this process that is in RAM";
            gauge.encode(encoder.encode_descriptor("process_resident_bytes", help, None, gauge.metric_type())?)?;
        }
        Ok(())
    }
}

fn cpu_seconds() -> Option<f64> {
    let used = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Some(used.tv_sec as f64 + used.tv_nsec as f64 / 1e9)
}

fn resident_bytes() -> Option<i64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: i64 = line.trim().strip_suffix(" kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}

#[cfg(test)]
mod tests {
    use prometheus_client::metrics::counter::Counter;

    use super::*;

    #[derive(Debug)]
    struct Fsyncs;

    impl Collector for Fsyncs {
        fn encode(&self, mut encoder: DescriptorEncoder) -> Result<(), fmt::Error> {
            let histogram = ConstHistogram::powers_of_two(1e-6, 5_000_000, &[1, 0, 2, 4]);
            let mut family = encoder.encode_descriptor("log_fsync_seconds", "Fsyncs", None, histogram.metric_type())?;
            histogram.encode(family.encode_family(&[("disk", "disk1")])?)
        }
    }

    #[test]
    fn a_histogram_counted_elsewhere_is_rendered_with_labels_and_cumulative_buckets() {
        let metrics = Metrics::new();
        metrics.register_collector(Box::new(Fsyncs));
        let text = metrics.render();
        for line in [
            "godwit_log_fsync_seconds_sum{disk=\"disk1\"} 5.0",
            "godwit_log_fsync_seconds_count{disk=\"disk1\"} 7",
            "godwit_log_fsync_seconds_bucket{le=\"0.000004\",disk=\"disk1\"} 3",
            "godwit_log_fsync_seconds_bucket{le=\"+Inf\",disk=\"disk1\"} 7",
        ] {
            assert!(text.contains(line), "{line} is missing in\n{text}");
        }
    }

    #[test]
    fn what_is_registered_is_rendered_beside_the_process_itself() {
        let metrics = Metrics::new();
        let fsyncs: Counter = metrics.register("log_fsyncs", "Fsyncs of logs", Counter::default());
        let commit = metrics.register("commit_seconds", "Commit latency", seconds_histogram());
        fsyncs.inc_by(3);
        commit.observe(0.001);
        let text = metrics.render();
        assert!(text.contains("godwit_log_fsyncs_total 3"), "{text}");
        assert!(text.contains("godwit_commit_seconds_count 1"), "{text}");
        assert!(text.contains("godwit_process_cpu_seconds_total"), "{text}");
        assert!(text.contains("godwit_process_resident_bytes"), "{text}");
    }
}
