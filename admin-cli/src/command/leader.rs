//! `leader`: where the meta server that decides is reached.

use std::net::SocketAddr;

use common::rpc::WireResult;
use common::rpc::meta_admin::Leader;
use serde::Serialize;

use crate::context::Context;
use crate::output::Output;

#[derive(Serialize)]
struct View {
    rpc: String,
    http: String,
}

/// `leader`.
pub(super) async fn leader(context: &Context) -> WireResult<Output> {
    let (asked, leader) = context.meta_named(async |meta, deadline| meta.leader(deadline).await).await?;
    Ok(output(leader, &asked))
}

fn output(leader: Leader, asked: &str) -> Output {
    let view = View { rpc: reached(leader.rpc, asked), http: reached(leader.http, asked) };
    let text = format!("rpc   {}\nhttp  {}", view.rpc, view.http);
    Output::new(&view, text)
}

/// A server that listens on every address is reached as it was just now.
fn reached(listens: SocketAddr, asked: &str) -> String {
    let host = asked.rsplit_once(':').map(|(host, _)| host).filter(|_| listens.ip().is_unspecified());
    host.map_or_else(|| listens.to_string(), |host| format!("{host}:{}", listens.port()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_listens_everywhere_is_named_as_it_was_asked() {
        let leader = |rpc: &str, http: &str| Leader { rpc: rpc.parse().unwrap(), http: http.parse().unwrap() };
        let shown = |leader: Leader, asked: &str| output(leader, asked).json;
        let everywhere = shown(leader("0.0.0.0:34601", "[::]:3002"), "meta1:34601");
        assert_eq!(everywhere, serde_json::json!({"rpc": "meta1:34601", "http": "meta1:3002"}));
        let one = shown(leader("10.0.0.1:34601", "127.0.0.1:3002"), "meta1:34601");
        assert_eq!(one, serde_json::json!({"rpc": "10.0.0.1:34601", "http": "127.0.0.1:3002"}));
    }
}
