//! The web console: one page that shows the cluster and refreshes by itself. Its assets are part of the program, and the
//! page may load and ask nothing but this server.

use axum::extract::Path;
use axum::http::HeaderValue;
use axum::http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use common::rpc::{ErrorCode, WireError};

use super::error::Answer;

const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const SCRIPT: &str = "text/javascript; charset=utf-8";

/// Name, type and content; the page refers to them as `console/NAME`.
const ASSETS: [(&str, &str, &str); 7] = [
    ("style.css", "text/css; charset=utf-8", include_str!("style.css")),
    ("icon.svg", "image/svg+xml", include_str!("icon.svg")),
    ("main.js", SCRIPT, include_str!("main.js")),
    ("api.js", SCRIPT, include_str!("api.js")),
    ("dom.js", SCRIPT, include_str!("dom.js")),
    ("sections.js", SCRIPT, include_str!("sections.js")),
    ("dialogs.js", SCRIPT, include_str!("dialogs.js")),
];

const PAGE: &str = include_str!("page.html");

fn serve(kind: &'static str, text: &'static str) -> Response {
    let kind = (CONTENT_TYPE, HeaderValue::from_static(kind));
    ([kind, (CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY))], text).into_response()
}

pub(super) async fn page() -> Response {
    serve("text/html; charset=utf-8", PAGE)
}

pub(super) async fn asset(Path(name): Path<String>) -> Answer<Response> {
    let known = ASSETS.iter().find(|(known, ..)| *known == name).map(|(_, kind, text)| serve(kind, text));
    Ok(known.ok_or_else(|| {
        WireError::new(ErrorCode::UnknownPath, format!("the console has no part '{name}'"), "load the page again")
    })?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_it_names_another_site() {
        for (name, _, text) in ASSETS.into_iter().chain([("page", "", PAGE)]) {
            // The name of SVG itself, which nobody loads.
            let text = text.replace("http://www.w3.org/2000/svg", "");
            assert!(!text.contains("//www") && !text.contains("http:") && !text.contains("https:"), "{name}");
        }
    }

    #[test]
    fn text_of_the_cluster_cannot_become_markup_or_script() {
        let scripts = ASSETS.iter().filter(|(_, kind, _)| *kind == SCRIPT);
        for (name, _, text) in scripts {
            for way in ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "Function("] {
                assert!(!text.contains(way), "{name} has {way}");
            }
        }
        // The policy would block these, and the page would not be what it looks like here.
        assert!(["<style", "style=", " on", "javascript:"].iter().all(|way| !PAGE.contains(way)));
    }
}
