//! Who may change the cluster over HTTP.
//!
//! With an admin token: who presents it. A browser adds no such header by itself, so another site cannot borrow it.
//! Without one the port listens on loopback (or the operator chose `insecure`), and whoever reaches it may – but not a page
//! of another site in the operator's browser, which reaches it too:
//!
//! ```text
//! Sec-Fetch-Site, Origin    what browsers say of a request that a page made: only our own pages count
//! Host                      a page whose own name was pointed at our address (DNS rebinding) calls us by that name: only
//!                           addresses, localhost and the name that we listen on count
//! ```

use std::net::IpAddr;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use common::rpc::{ErrorCode, Secret, WireError, WireResult};

use super::HttpDoor;
use super::error::Refusal;

const FETCH_SITE: &str = "sec-fetch-site";

/// Decides by a request's headers.
#[derive(Clone, Debug)]
pub(crate) struct Guard {
    token: Option<Secret>,
    /// The host that the settings name for the port.
    host: String,
}

/// A handler that changes the cluster takes this: it exists only if the guard let the request through.
#[derive(Clone, Copy, Debug)]
pub(super) struct Admitted;

impl FromRequestParts<HttpDoor> for Admitted {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, door: &HttpDoor) -> Result<Self, Refusal> {
        // HTTP/2 and absolute targets carry the host in the URI.
        let host = parts.uri.authority().map(ToString::to_string);
        door.guard.admit(&parts.headers, host.as_deref())?;
        Ok(Self)
    }
}

impl Guard {
    /// `listen` is the `host:port` of the settings.
    pub(crate) fn new(token: Option<Secret>, listen: &str) -> Self {
        Self { token, host: host_of(listen).to_owned() }
    }

    fn admit(&self, headers: &HeaderMap, authority: Option<&str>) -> WireResult<()> {
        match &self.token {
            Some(token) => check_token(token, headers),
            None => self.check_site(headers, authority.or_else(|| text(headers, header::HOST.as_str()))),
        }
    }

    fn check_site(&self, headers: &HeaderMap, host: Option<&str>) -> WireResult<()> {
        let Some(host) = host.filter(|host| self.is_ours(host_of(host))) else {
            let message = format!(
                "the request is for '{}', which may be anybody's name for this address",
                host.unwrap_or_default()
            );
            return Err(cross_site(message));
        };
        if let Some(site) = text(headers, FETCH_SITE).filter(|site| !matches!(*site, "same-origin" | "none")) {
            return Err(cross_site(format!("a page of another site made the request ({FETCH_SITE}: {site})")));
        }
        let own = |origin: &str| origin.split_once("://").is_some_and(|(_, from)| from.eq_ignore_ascii_case(host));
        match headers.get(header::ORIGIN).map(|origin| origin.to_str().unwrap_or_default()) {
            Some(origin) if !own(origin) => Err(cross_site(format!("a page of {origin} made the request"))),
            _ => Ok(()),
        }
    }

    fn is_ours(&self, host: &str) -> bool {
        let literal = host.trim_start_matches('[').trim_end_matches(']');
        literal.parse::<IpAddr>().is_ok()
            || host.eq_ignore_ascii_case("localhost")
            || host.eq_ignore_ascii_case(&self.host)
    }
}

fn check_token(token: &Secret, headers: &HeaderMap) -> WireResult<()> {
    let presented = headers.get(header::AUTHORIZATION).map(|value| value.as_bytes());
    let hint = "send the header 'Authorization: Bearer TOKEN' with the token of admin_token_file";
    let refuse = |message| Err(WireError::new(ErrorCode::Unauthenticated, message, hint));
    match presented.map(|value| bearer(value).is_some_and(|presented| token.is(presented))) {
        None => refuse("changes need the admin token"),
        Some(false) => refuse("the admin token is another one"),
        Some(true) => Ok(()),
    }
}

fn bearer(value: &[u8]) -> Option<&[u8]> {
    let (scheme, rest) = value.split_at_checked(7)?;
    scheme.eq_ignore_ascii_case(b"bearer ").then(|| rest.trim_ascii())
}

fn cross_site(message: String) -> WireError {
    let hint =
        "call the server by its address, not from another site's page; by any name once an admin token is configured";
    WireError::new(ErrorCode::CrossSite, message, hint)
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

/// Without the port; an IPv6 address keeps its brackets.
fn host_of(authority: &str) -> &str {
    match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|b| b.is_ascii_digit()) && !host.ends_with(':') => host,
        _ => authority,
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderName;

    use super::*;

    const TOKEN: &str = "a token of sixteen bytes";

    fn ask(guard: &Guard, headers: &[(&str, &str)]) -> Result<(), ErrorCode> {
        let pair =
            |(name, value): &(&str, &str)| (HeaderName::from_bytes(name.as_bytes()).unwrap(), value.parse().unwrap());
        guard.admit(&headers.iter().map(pair).collect(), None).map_err(|error| error.code)
    }

    fn open() -> Guard {
        Guard::new(None, "meta1:3002")
    }

    #[test]
    fn a_tool_that_names_the_address_is_let_through() {
        for host in ["127.0.0.1:3002", "10.0.0.7:3002", "[::1]:3002", "localhost:3002", "LOCALHOST", "meta1:3002"] {
            assert_eq!(ask(&open(), &[("host", host)]), Ok(()), "{host}");
        }
    }

    #[test]
    fn a_name_that_may_be_anybodys_is_refused() {
        for host in ["evil.example:3002", "localhost.evil.example", "127.0.0.1.evil.example:3002", "", "::1x"] {
            assert_eq!(ask(&open(), &[("host", host)]), Err(ErrorCode::CrossSite), "{host}");
        }
        assert_eq!(ask(&open(), &[]), Err(ErrorCode::CrossSite));
    }

    #[test]
    fn only_our_own_pages_may_ask_from_a_browser() {
        let host = ("host", "127.0.0.1:3002");
        let own = [("origin", "http://127.0.0.1:3002"), ("sec-fetch-site", "same-origin"), ("sec-fetch-site", "none")];
        for header in own {
            assert_eq!(ask(&open(), &[host, header]), Ok(()), "{header:?}");
        }
        let foreign = [
            ("origin", "http://evil.example"),
            ("origin", "http://127.0.0.1:8080"),
            ("origin", "null"),
            ("origin", ""),
            ("sec-fetch-site", "cross-site"),
            ("sec-fetch-site", "same-site"),
        ];
        for header in foreign {
            assert_eq!(ask(&open(), &[host, header]), Err(ErrorCode::CrossSite), "{header:?}");
        }
    }

    #[test]
    fn with_a_token_who_presents_it_is_let_through_by_any_name() {
        let guard = Guard::new(Some(Secret::new(TOKEN.as_bytes()).unwrap()), "meta1:3002");
        let right = format!("Bearer {TOKEN}");
        assert_eq!(ask(&guard, &[("host", "any.example"), ("authorization", &right)]), Ok(()));
        for wrong in ["", "Bearer", "Bearer ", "Bearer another token of sixteen", TOKEN, "Basic dXNlcjpwdw=="] {
            assert_eq!(ask(&guard, &[("authorization", wrong)]), Err(ErrorCode::Unauthenticated), "{wrong}");
        }
        assert_eq!(ask(&guard, &[("host", "127.0.0.1:3002")]), Err(ErrorCode::Unauthenticated));
    }
}
