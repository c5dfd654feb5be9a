//! `verify`: the digest of every member of a partition at one decree.
//!
//! An idle partition is compared where its primary stands. While writes flow nobody stands still: then all members are
//! asked for a decree that still lies ahead, and wait for it.

use std::time::Duration;

use clap::Args;
use common::rpc::node_admin::Digest;
use common::rpc::{ErrorCode, WireError, WireResult};
use common::types::{Decree, Gpid, Member, PartitionConfig};
use futures::future::join_all;
use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use serde::Serialize;

use crate::context::Context;
use crate::output::{Output, table};

/// A digest reads the whole replica, so `--timeout` does not bound it.
const DIGEST_WITHIN: Duration = Duration::from_secs(120);
/// Waiting for a decree that lies ahead, and the digest there. If the writers stop it is never reached.
const AHEAD_WITHIN: Duration = Duration::from_secs(20);
const ATTEMPTS: u32 = 8;
/// How far ahead the first second attempt aims, in decrees; doubles with each.
const AHEAD: u64 = 64;
const PARTITIONS_AT_ONCE: usize = 4;

/// `verify`.
#[derive(Args, Clone, Debug)]
#[group(required = true, multiple = false)]
pub struct Verify {
    /// One partition, for example 1.3
    #[arg(short, long)]
    gpid: Option<Gpid>,
    /// All partitions of a table
    #[arg(short, long)]
    table: Option<String>,
}

#[derive(Serialize)]
struct Verified {
    partitions: Vec<PartitionDigests>,
}

#[derive(Serialize)]
struct PartitionDigests {
    gpid: String,
    decree: u64,
    consistent: bool,
    members: Vec<MemberDigest>,
}

#[derive(Serialize)]
struct MemberDigest {
    node: String,
    records: u64,
    /// Sixteen hexadecimal digits: a JSON number would lose some.
    hash: String,
}

impl Verify {
    pub(super) async fn run(self, context: &Context) -> WireResult<Output> {
        let gpids = self.gpids(context).await?;
        let each = stream::iter(gpids).map(|gpid| partition(context, gpid)).buffered(PARTITIONS_AT_ONCE);
        Ok(output(each.try_collect().await?))
    }

    async fn gpids(&self, context: &Context) -> WireResult<Vec<Gpid>> {
        match (&self.gpid, &self.table) {
            (Some(gpid), _) => Ok(vec![*gpid]),
            (None, Some(table)) => Ok(context.route(table).await?.configs.iter().map(|config| config.gpid).collect()),
            (None, None) => Ok(vec![]),
        }
    }
}

async fn partition(context: &Context, gpid: Gpid) -> WireResult<PartitionDigests> {
    let mut last = None;
    for attempt in 0..ATTEMPTS {
        let config = context.partition(gpid).await?;
        match attempt_at(context, &config, attempt).await {
            Ok(digests) => return view(context, gpid, digests).await,
            Err(error) if hopeless(error.code) => return Err(error),
            Err(error) => last = Some(error),
        }
        tokio::time::sleep(Duration::from_millis(100) * attempt).await;
    }
    let cause = last.map_or_else(String::new, |error| format!(": {error}"));
    let hint = "try again, or with less load on the table";
    Err(WireError::new(ErrorCode::Busy, format!("the members of {gpid} were not met at one decree{cause}"), hint))
}

/// Errors that another attempt does not change.
const fn hopeless(code: ErrorCode) -> bool {
    matches!(code, ErrorCode::Unreachable | ErrorCode::Unauthenticated | ErrorCode::Corruption | ErrorCode::DiskIoError)
}

async fn attempt_at(context: &Context, config: &PartitionConfig, attempt: u32) -> WireResult<Vec<(Member, Digest)>> {
    let primary = config.primary.ok_or_else(|| no_primary(config.gpid))?;
    if attempt.is_multiple_of(2) {
        let first = digest(context, config.gpid, primary, None, DIGEST_WITHIN).await?;
        let others = config
            .secondaries
            .iter()
            .map(|member| digest(context, config.gpid, *member, Some(first.decree), DIGEST_WITHIN));
        let others = all(config.secondaries.iter().copied(), join_all(others).await)?;
        return Ok(std::iter::once((primary, first)).chain(others).collect());
    }
    let applied = applied(context, config.gpid, primary).await?;
    let ahead = Decree(applied.0 + (AHEAD << attempt));
    let members = config.members().map(|member| digest(context, config.gpid, member, Some(ahead), AHEAD_WITHIN));
    all(config.members(), join_all(members).await)
}

fn all(members: impl Iterator<Item = Member>, answers: Vec<WireResult<Digest>>) -> WireResult<Vec<(Member, Digest)>> {
    members.zip(answers).map(|(member, answer)| Ok((member, answer?))).collect()
}

async fn digest(
    context: &Context,
    gpid: Gpid,
    member: Member,
    at: Option<Decree>,
    within: Duration,
) -> WireResult<Digest> {
    let address = context.address(member.peer).await?;
    context.node_within(&address, within, async |node, deadline| node.digest(deadline, gpid, at).await).await
}

async fn applied(context: &Context, gpid: Gpid, member: Member) -> WireResult<Decree> {
    let address = context.address(member.peer).await?;
    let disks = context.node(&address, async |node, deadline| node.disks(deadline).await).await?;
    let found = disks.iter().flat_map(|disk| &disk.replicas).find(|replica| replica.gpid == gpid);
    let gone =
        || WireError::new(ErrorCode::UnknownReplica, format!("{address} holds no replica of {gpid}"), "try again");
    found.map(|replica| replica.applied).ok_or_else(gone)
}

fn no_primary(gpid: Gpid) -> WireError {
    let hint = "see 'nodes' and 'app TABLE -d'; without any member left: recover";
    WireError::new(ErrorCode::NotServing, format!("{gpid} has no primary"), hint)
}

async fn view(context: &Context, gpid: Gpid, digests: Vec<(Member, Digest)>) -> WireResult<PartitionDigests> {
    let mut members = Vec::with_capacity(digests.len());
    for (member, digest) in &digests {
        let node = context.address(member.peer).await?;
        members.push(MemberDigest { node, records: digest.records, hash: format!("{:016x}", digest.hash) });
    }
    let consistent = digests.windows(2).all(|pair| matches!(pair, [(_, a), (_, b)] if a == b));
    let decree = digests.first().map_or(0, |(_, digest)| digest.decree.0);
    Ok(PartitionDigests { gpid: gpid.to_string(), decree, consistent, members })
}

fn output(partitions: Vec<PartitionDigests>) -> Output {
    let rows = partitions.iter().flat_map(|partition| {
        partition.members.iter().map(|member| {
            let verdict = if partition.consistent { "same" } else { "DIFFERS" };
            let columns = [partition.gpid.as_str(), &partition.decree.to_string(), &member.node, &member.hash];
            let last = [member.records.to_string(), verdict.to_owned()];
            columns.into_iter().map(str::to_owned).chain(last).collect()
        })
    });
    let text = table(&["gpid", "decree", "node", "hash", "records", "verdict"], rows);
    let different: Vec<&str> = partitions.iter().filter(|p| !p.consistent).map(|p| p.gpid.as_str()).collect();
    let finding = (!different.is_empty()).then(|| differs(&different));
    Output::new(&Verified { partitions }, text).with_finding(finding)
}

fn differs(gpids: &[&str]) -> WireError {
    let hint = "keep all copies and the logs of their nodes, and report this: members of a partition must never differ";
    WireError::new(ErrorCode::Corruption, format!("the members of {} differ", gpids.join(", ")), hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digests(hashes: &[u64]) -> PartitionDigests {
        let member = |hash: &u64| MemberDigest { node: "n:1".to_owned(), records: 2, hash: format!("{hash:016x}") };
        let consistent = hashes.windows(2).all(|pair| pair[0] == pair[1]);
        PartitionDigests { gpid: "1.0".to_owned(), decree: 9, consistent, members: hashes.iter().map(member).collect() }
    }

    #[test]
    fn equal_digests_are_no_finding() {
        let output = output(vec![digests(&[7, 7, 7])]);
        assert!(output.finding.is_none());
        assert_eq!(output.json["partitions"][0]["members"][0]["hash"], "0000000000000007");
    }

    #[test]
    fn different_digests_fail_the_command_and_are_still_printed() {
        let output = output(vec![digests(&[7, 7]), digests(&[7, 8])]);
        assert_eq!(output.finding.unwrap().code, ErrorCode::Corruption);
        assert_eq!(output.json["partitions"][1]["consistent"], false);
        assert!(output.text.contains("DIFFERS"), "{}", output.text);
    }
}
