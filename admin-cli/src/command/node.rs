//! `cluster-info` and `nodes`.

use common::rpc::WireResult;

use crate::context::Context;
use crate::output::Output;
use crate::view;

/// `cluster-info`.
pub(super) async fn cluster_info(context: &Context) -> WireResult<Output> {
    Ok(view::cluster(&context.cluster().await?))
}

/// `nodes`.
pub(super) async fn nodes(context: &Context) -> WireResult<Output> {
    Ok(view::nodes(&context.cluster().await?))
}
