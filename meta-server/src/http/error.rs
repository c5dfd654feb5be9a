//! Refusals: the status of each code, and the one form of body.

use axum::http::header::WWW_AUTHENTICATE;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Json, Response};
use common::rpc::{ErrorCode, WireError};
use serde_json::json;

/// What a handler answers.
pub(super) type Answer<T> = Result<T, Refusal>;

/// An error on its way to the client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refusal(pub(super) WireError);

impl From<WireError> for Refusal {
    fn from(error: WireError) -> Self {
        Self(error)
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let WireError { code, message, hint } = self.0;
        let status = status_of(code);
        let body = Json(json!({"error": {"code": code, "message": message, "hint": hint}}));
        let mut response = (status, body).into_response();
        if status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

/// The status that a code stands for.
pub(super) const fn status_of(code: ErrorCode) -> StatusCode {
    match code {
        ErrorCode::InvalidArgument | ErrorCode::TooLarge | ErrorCode::SameDisk | ErrorCode::SameNode => {
            StatusCode::BAD_REQUEST
        }
        ErrorCode::Unauthenticated => StatusCode::UNAUTHORIZED,
        ErrorCode::CrossSite => StatusCode::FORBIDDEN,
        ErrorCode::UnknownTable
        | ErrorCode::UnknownPartition
        | ErrorCode::UnknownNode
        | ErrorCode::UnknownDisk
        | ErrorCode::UnknownReplica
        | ErrorCode::UnknownJob
        | ErrorCode::UnknownPath => StatusCode::NOT_FOUND,
        ErrorCode::WrongMethod => StatusCode::METHOD_NOT_ALLOWED,
        ErrorCode::AlreadyExists
        | ErrorCode::AlreadyMigrating
        | ErrorCode::NotMigrating
        | ErrorCode::NotCancellable
        | ErrorCode::JobEnded
        | ErrorCode::NotSecondary
        | ErrorCode::NotOnDisk
        | ErrorCode::NotOnNode
        | ErrorCode::TargetHoldsReplica
        | ErrorCode::DiskSpaceInsufficient
        | ErrorCode::DiskDraining
        | ErrorCode::DiskNotEmpty
        | ErrorCode::DiskNeeded
        | ErrorCode::ForeignDisk
        | ErrorCode::NewerFormat
        | ErrorCode::RedundancyTooLow
        | ErrorCode::PartitionBusy
        | ErrorCode::JobFailed
        | ErrorCode::BallotMismatch
        | ErrorCode::NotPrimary
        | ErrorCode::NotMember
        | ErrorCode::NodeAlive => StatusCode::CONFLICT,
        ErrorCode::DiskIoError
        | ErrorCode::NodeDead
        | ErrorCode::NotReady
        | ErrorCode::NotServing
        | ErrorCode::Busy
        | ErrorCode::OutcomeUnknown
        | ErrorCode::ShuttingDown
        | ErrorCode::Unreachable
        | ErrorCode::Timeout => StatusCode::SERVICE_UNAVAILABLE,
        ErrorCode::Corruption | ErrorCode::Internal => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    /// The codes that operators are told of.
    fn documented() -> Vec<ErrorCode> {
        let text = include_str!("../../../docs/operations.md").split("## Error codes").nth(1).unwrap();
        let cell = |line: &str| line.strip_prefix("| ")?.split(" |").next().map(str::to_owned);
        let names =
            text.lines().filter_map(cell).filter(|name| name.chars().all(|c| c.is_ascii_uppercase() || c == '_'));
        names.map(|name| serde_json::from_value(json!(name)).expect(&name)).collect()
    }

    #[test]
    fn each_code_has_the_status_that_says_whose_turn_it_is() {
        let mut codes = BTreeMap::<u16, Vec<String>>::new();
        for code in documented() {
            codes.entry(status_of(code).as_u16()).or_default().push(code.to_string());
        }
        assert_eq!(codes.keys().copied().collect::<Vec<_>>(), [400, 401, 403, 404, 405, 409, 500, 503]);
        let has = |status: u16, code: &str| codes[&status].iter().any(|c| c == code);
        for (status, code) in [
            (400, "INVALID_ARGUMENT"),
            (401, "UNAUTHENTICATED"),
            (403, "CROSS_SITE"),
            (404, "UNKNOWN_TABLE"),
            (404, "UNKNOWN_PATH"),
            (405, "WRONG_METHOD"),
            (409, "PARTITION_BUSY"),
            (503, "UNREACHABLE"),
            (503, "NOT_READY"),
            (500, "INTERNAL"),
        ] {
            assert!(has(status, code), "{code} is not {status}: {codes:?}");
        }
    }

    #[tokio::test]
    async fn a_refusal_is_a_document_with_code_message_and_hint() {
        let response = Refusal(WireError::new(ErrorCode::UnknownJob, "no such job", "look again")).into_response();
        assert_eq!(response.status(), StatusCode::NOT_FOUND);
        let body = axum::body::to_bytes(response.into_body(), 1 << 20).await.unwrap();
        let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(body, json!({"error": {"code": "UNKNOWN_JOB", "message": "no such job", "hint": "look again"}}));
    }
}
