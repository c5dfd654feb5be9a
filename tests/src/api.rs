//! The HTTP administration of a meta server as operators use it, with curl, and its description, which every answer is
//! held to.
#![allow(clippy::indexing_slicing, reason = "a JSON value answers null for what it lacks")]

use std::process::Command;

use anyhow::{Context as _, Result, bail};
use serde_json::{Value, json};

/// A meta server's HTTP port.
#[derive(Clone, Debug)]
pub struct Api {
    address: String,
    document: Value,
}

impl Api {
    /// Of the server at this address; fetches the description.
    ///
    /// # Errors
    /// It cannot be fetched.
    pub fn new(address: &str) -> Result<Self> {
        let document = serde_json::from_str(&curl(&["-s", &format!("{address}/openapi.json")])?)?;
        Ok(Self { address: address.to_owned(), document })
    }

    /// The description.
    #[must_use]
    pub const fn document(&self) -> &Value {
        &self.document
    }

    /// Status and document of a GET.
    ///
    /// # Errors
    /// No answer, or one that is not as described.
    pub fn get(&self, path: &str) -> Result<(u16, Value)> {
        self.ask("GET", path, &[])
    }

    /// Status and document of a POST.
    ///
    /// # Errors
    /// As [`Api::get`].
    pub fn post(&self, path: &str) -> Result<(u16, Value)> {
        self.ask("POST", path, &[])
    }

    /// The same with any method, and header lines.
    ///
    /// # Errors
    /// As [`Api::get`].
    pub fn ask(&self, method: &str, path: &str, headers: &[&str]) -> Result<(u16, Value)> {
        let url = format!("{}{path}", self.address);
        let headers = headers.iter().flat_map(|header| ["-H", header]);
        let args: Vec<&str> = ["-s", "-X", method, "-w", "\n%{http_code}", &url].into_iter().chain(headers).collect();
        let output = curl(&args)?;
        let (body, status) = output.rsplit_once('\n').context("no status")?;
        let (status, body): (u16, Value) = (status.parse()?, serde_json::from_str(body).with_context(|| url.clone())?);
        self.check(method, path, status, &body).with_context(|| format!("{method} {path} answered {status} {body}"))?;
        Ok((status, body))
    }

    fn check(&self, method: &str, path: &str, status: u16, body: &Value) -> Result<()> {
        let path = path.split('?').next().unwrap_or_default();
        let described = &self.document["paths"][path][method.to_lowercase()]["responses"];
        // What is not described at all is refused, in the form of every refusal.
        let schema = match (&described[status.to_string()], status) {
            (Value::Null, 404 | 405) => json!({"$ref": "#/components/schemas/Error"}),
            (response, _) => response["content"]["application/json"]["schema"].clone(),
        };
        if schema.is_null() {
            bail!("this status is not described");
        }
        let whole = json!({"allOf": [schema], "components": self.document["components"]});
        let validator = jsonschema::options().should_validate_formats(true).build(&whole)?;
        let errors: Vec<String> =
            validator.iter_errors(body).map(|error| format!("{}: {error}", error.instance_path())).collect();
        if errors.is_empty() { Ok(()) } else { bail!("not as described: {}", errors.join("; ")) }
    }
}

/// What curl prints.
///
/// # Errors
/// It is missing, or fails.
pub fn curl(args: &[&str]) -> Result<String> {
    let output = Command::new("curl").args(args).output().context("curl is missing: apt-get install curl")?;
    if !output.status.success() {
        bail!("curl {args:?}: {} {}", output.status, String::from_utf8_lossy(&output.stderr));
    }
    Ok(String::from_utf8(output.stdout)?)
}
