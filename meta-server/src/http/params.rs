//! Query parameters: read once, strictly. A name that is not known is refused, for it is most likely misspelt.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::str::FromStr;
use std::time::Duration;

use axum::extract::Query;
use axum::http::Uri;
use common::rpc::{ErrorCode, WireError, WireResult};
use serde::de::DeserializeOwned;
use serde::de::value::StrDeserializer;

/// The parameters of a request, each given once.
#[derive(Clone, Debug)]
pub(super) struct Params(BTreeMap<String, String>);

impl Params {
    /// Those of `uri`; `names` are all that it may have.
    pub(super) fn of(uri: &Uri, names: &[&str]) -> WireResult<Self> {
        let pairs = Query::<Vec<(String, String)>>::try_from_uri(uri);
        let Query(pairs) = pairs.map_err(|error| wrong(format!("the query cannot be read: {error}"), names))?;
        let mut params = BTreeMap::new();
        for (name, value) in pairs {
            if !names.contains(&name.as_str()) {
                return Err(wrong(format!("{} has no parameter '{name}'", uri.path()), names));
            }
            if params.insert(name.clone(), value).is_some() {
                return Err(wrong(format!("the parameter '{name}' is given twice"), names));
            }
        }
        Ok(Self(params))
    }

    /// A parameter that must be there. `form` says what it is to be, as in "a number".
    pub(super) fn required<T: FromStr<Err: Display>>(&self, name: &str, form: &str) -> WireResult<T> {
        self.optional(name, form)?.ok_or_else(|| {
            let message = format!("the parameter '{name}' is missing");
            WireError::new(ErrorCode::InvalidArgument, message, format!("{name} is to be {form}"))
        })
    }

    /// A parameter that may be there.
    pub(super) fn optional<T: FromStr<Err: Display>>(&self, name: &str, form: &str) -> WireResult<Option<T>> {
        let Some(text) = self.0.get(name) else { return Ok(None) };
        let parsed = text.parse().map_err(|error: T::Err| {
            let message = format!("the parameter '{name}' is '{text}': {error}");
            WireError::new(ErrorCode::InvalidArgument, message, format!("{name} is to be {form}"))
        });
        parsed.map(Some)
    }

    /// A parameter that may be there, and is one of some words.
    pub(super) fn word<T: DeserializeOwned>(&self, name: &str, words: &str) -> WireResult<Option<T>> {
        let Some(text) = self.0.get(name) else { return Ok(None) };
        let known = T::deserialize(StrDeserializer::<serde::de::value::Error>::new(text));
        known.map(Some).map_err(|_| {
            let message = format!("the parameter '{name}' is '{text}'");
            WireError::new(ErrorCode::InvalidArgument, message, format!("{name} is to be {words}"))
        })
    }

    /// How many of a list, at most `most`; without a word `usual`.
    pub(super) fn limit(&self, usual: usize, most: usize) -> WireResult<usize> {
        let form = format!("a number from 1 to {most}");
        let limit = self.optional("limit", &form)?.unwrap_or(usual);
        if (1..=most).contains(&limit) {
            return Ok(limit);
        }
        let message = format!("the parameter 'limit' is {limit}");
        Err(WireError::new(ErrorCode::InvalidArgument, message, format!("limit is to be {form}")))
    }
}

fn wrong(message: String, names: &[&str]) -> WireError {
    let hint = match names {
        [] => "it takes none".to_owned(),
        names => format!("it takes {}", names.join(", ")),
    };
    WireError::new(ErrorCode::InvalidArgument, message, hint)
}

/// A duration as people write it, with its units: `1h30m10s`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct HumanTime(pub(super) Duration);

impl FromStr for HumanTime {
    type Err = humantime::DurationError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        humantime::parse_duration(text).map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn params(query: &str) -> WireResult<Params> {
        Params::of(&format!("/admin/x?{query}").parse().unwrap(), &["id", "limit", "wait"])
    }

    fn refused<T: std::fmt::Debug>(result: WireResult<T>) -> String {
        let error = result.unwrap_err();
        assert_eq!(error.code, ErrorCode::InvalidArgument);
        format!("{}. {}", error.message, error.hint)
    }

    #[test]
    fn what_is_given_is_read_and_what_is_not_is_absent() {
        let params = params("id=7&wait=1h30m10s").unwrap();
        assert_eq!(params.required::<u64>("id", "a number"), Ok(7));
        let wait: HumanTime = params.required("wait", "a time").unwrap();
        assert_eq!(wait.0, Duration::from_secs(5410));
        assert_eq!((params.optional::<u64>("limit", ""), params.limit(50, 100)), (Ok(None), Ok(50)));
    }

    #[test]
    fn a_refusal_names_the_parameter_and_what_is_expected() {
        assert!(
            refused(params("").unwrap().required::<u64>("id", "a number"))
                .contains("'id' is missing. id is to be a number")
        );
        assert!(refused(params("id=x").unwrap().required::<u64>("id", "a number")).contains("'id' is 'x'"));
        assert!(refused(params("ID=1")).contains("no parameter 'ID'. it takes id, limit, wait"));
        assert!(refused(params("id=1&id=2")).contains("'id' is given twice"));
        assert!(refused(params("wait=5").unwrap().required::<HumanTime>("wait", "as 5m")).contains("as 5m"));
        let word = params("wait=5").unwrap().word::<common::job::ListedKind>("wait", "disk or region");
        assert!(refused(word).contains("'wait' is '5'. wait is to be disk or region"));
        for limit in ["0", "101", "-1", "many"] {
            assert!(refused(params(&format!("limit={limit}")).unwrap().limit(50, 100)).contains("from 1 to 100"));
        }
    }
}
