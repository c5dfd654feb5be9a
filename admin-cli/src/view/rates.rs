//! Limits of copies: `disk-migrate-rate`.

use std::time::Duration;

use common::rpc::rates::CopyRates;
use common::rpc::{ErrorCode, WireError, WireResult};
use common::types::PeerId;
use serde::Serialize;
use uuid::Uuid;

use super::{AddressBook, JobView};
use crate::output::{Output, or_dash, table};
use crate::time::size;

/// The limits of a node's copies; 0 is no limit.
#[derive(Clone, Debug, Serialize)]
#[allow(missing_docs, reason = "docs/operations.md explains the fields")]
pub struct RatesView {
    pub node: String,
    pub max_rate_bytes_per_s: u64,
    pub default_bytes_per_s: u64,
    pub changed: bool,
    pub rate_bytes_per_s: u64,
    pub max_foreground_p99_us: Option<u64>,
    pub foreground_p99_us: Option<u64>,
    pub foreground_limit_bytes_per_s: Option<u64>,
}

/// `disk-migrate-rate`.
#[derive(Clone, Debug, Serialize)]
pub struct Rates {
    /// Of the node.
    pub rates: RatesView,
    /// The moves that run or wait, with their own limits; only the one that was asked for.
    pub jobs: Vec<JobView>,
}

/// The limits, what is copied, and what holds each move back.
///
/// # Errors
/// The job that was asked for is not among those that run or wait.
pub fn rates(rates: &CopyRates, only: Option<Uuid>, book: &AddressBook, node: PeerId) -> WireResult<Output> {
    let chosen = rates.jobs.iter().filter(|job| only.is_none_or(|id| id == job.id));
    let jobs: Vec<JobView> = chosen.map(|job| JobView::new(job, book)).collect();
    if let (Some(id), true) = (only, jobs.is_empty()) {
        let hint = "disk-migrate-report shows the moves of all nodes, those that are over included";
        return Err(WireError::new(ErrorCode::UnknownJob, format!("no move {id} runs or waits on this node"), hint));
    }
    let view = RatesView {
        node: book.name(node),
        max_rate_bytes_per_s: rates.max_rate_bytes_per_s,
        default_bytes_per_s: rates.default_bytes_per_s,
        changed: rates.changed,
        rate_bytes_per_s: rates.rate_bytes_per_s,
        max_foreground_p99_us: rates.foreground.max_p99.map(micros),
        foreground_p99_us: rates.foreground.p99.map(micros),
        foreground_limit_bytes_per_s: rates.foreground.limit_bytes_per_s,
    };
    let text = format!("{}\n\n{}", lines(&view), table(&HEADER, jobs.iter().map(row)));
    Ok(Output::new(&Rates { rates: view, jobs }, text))
}

const HEADER: [&str; 7] = ["id", "subject", "move", "state", "limit", "rate", "throttled_by"];

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

fn lines(view: &RatesView) -> String {
    let from = if view.changed {
        format!("set by disk-migrate-rate; the setting is {}", limit(view.default_bytes_per_s))
    } else {
        "the setting migrate.max_rate".to_owned()
    };
    let ms = |us: Option<u64>| or_dash(us.map(|us| format!("{:.1} ms", us as f64 / 1000.0)));
    let clients = match view.max_foreground_p99_us {
        None => format!("P99 {}; copies do not give way (migrate.max_foreground_p99)", ms(view.foreground_p99_us)),
        Some(_) => format!(
            "P99 {}, copies give way above {}: held to {}",
            ms(view.foreground_p99_us),
            ms(view.max_foreground_p99_us),
            limit(view.foreground_limit_bytes_per_s.unwrap_or(0))
        ),
    };
    [
        format!("node     {}", view.node),
        format!("limit    {} ({from})", limit(view.max_rate_bytes_per_s)),
        format!("copying  {}/s", size(view.rate_bytes_per_s)),
        format!("clients  {clients}"),
    ]
    .join("\n")
}

/// A limit for people.
#[must_use]
pub(super) fn limit(bytes_per_s: u64) -> String {
    if bytes_per_s == 0 { "none".to_owned() } else { format!("{}/s", size(bytes_per_s)) }
}

fn row(job: &JobView) -> Vec<String> {
    vec![
        job.id.to_string(),
        job.subject.clone(),
        or_dash(job.way()),
        job.state.to_string(),
        limit(job.max_rate_bytes_per_s),
        or_dash(job.rate_bytes_per_s.map(|rate| format!("{}/s", size(rate)))),
        or_dash(job.throttled_by),
    ]
}

#[cfg(test)]
mod tests {
    use common::rpc::rates::ForegroundRate;
    use serde_json::json;

    use super::super::fixture::{book, job};
    use super::*;

    fn now(changed: bool, foreground: ForegroundRate) -> CopyRates {
        CopyRates {
            max_rate_bytes_per_s: 50 << 20,
            default_bytes_per_s: 100 << 20,
            changed,
            rate_bytes_per_s: 30 << 20,
            foreground,
            jobs: vec![job()],
        }
    }

    #[test]
    fn the_limits_have_the_fields_that_scripts_rely_on() {
        let output = rates(&now(true, ForegroundRate::default()), None, &book(), PeerId(0)).unwrap();
        let expected = json!({"node": "127.0.0.1:34801", "max_rate_bytes_per_s": 50 << 20, "changed": true,
            "default_bytes_per_s": 100 << 20, "rate_bytes_per_s": 30 << 20, "max_foreground_p99_us": null,
            "foreground_p99_us": null, "foreground_limit_bytes_per_s": null});
        assert_eq!(output.json["rates"], expected);
        assert_eq!(output.json["jobs"][0]["throttled_by"], json!("node_limit"));
        assert!(output.text.contains("50.00 MiB/s (set by disk-migrate-rate; the setting is 100.00 MiB/s)"));
    }

    #[test]
    fn people_see_whether_copies_give_way_to_clients() {
        let (max_p99, p99) = (Some(Duration::from_millis(20)), Some(Duration::from_micros(31_500)));
        let foreground = ForegroundRate { max_p99, p99, limit_bytes_per_s: Some(8 << 20) };
        let text = rates(&now(false, foreground), None, &book(), PeerId(0)).unwrap().text;
        assert!(text.contains("P99 31.5 ms, copies give way above 20.0 ms: held to 8.00 MiB/s"), "{text}");
    }

    #[test]
    fn a_job_that_neither_runs_nor_waits_is_refused() {
        let now = now(false, ForegroundRate::default());
        let error = rates(&now, Some(Uuid::from_u128(9)), &book(), PeerId(0)).unwrap_err();
        assert_eq!(error.code, ErrorCode::UnknownJob);
        assert!(rates(&now, Some(now.jobs[0].id), &book(), PeerId(0)).is_ok());
    }
}
