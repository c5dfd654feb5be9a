//! A headless Chromium, driven over its debugging pipe: commands go to its file descriptor 3, answers and events come from
//! 4, each a JSON document that ends with a zero byte.
#![allow(clippy::indexing_slicing, reason = "a JSON value answers null for what it lacks")]

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

/// The browser answers a command within this, also on a busy machine.
const ANSWER_MAX: Duration = Duration::from_secs(60);

/// Standard input and output become the descriptors of the pipe.
const PIPED: &str = r#"exec chromium "$@" 3<&0 4>&1 </dev/null >"$BROWSER_LOG" 2>&1"#;

const FLAGS: [&str; 9] = [
    "--headless",
    // Tests run as root, for which there is no sandbox.
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--remote-debugging-pipe",
];

/// A browser with one page. It is killed when this is dropped.
#[derive(Debug)]
pub struct Browser {
    _child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    session: Option<String>,
    commands: u64,
    requests: Vec<String>,
    problems: Vec<String>,
}

impl Browser {
    /// Starts it with a fresh profile in a directory, with an empty page.
    ///
    /// # Errors
    /// Chromium is not installed, or does not start.
    pub async fn start(dir: &Path) -> Result<Self> {
        let profile = format!("--user-data-dir={}", dir.join("browser").display());
        let mut command = Command::new("sh");
        command.args(["-c", PIPED, "sh"]).args(FLAGS).arg(profile).env("BROWSER_LOG", dir.join("browser.log"));
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().context("cannot start a shell")?;
        let (input, output) = (child.stdin.take().context("no pipe")?, child.stdout.take().context("no pipe")?);
        let mut browser = Self {
            _child: child,
            input,
            output: BufReader::new(output),
            session: None,
            commands: 0,
            requests: vec![],
            problems: vec![],
        };
        let opened = browser.open_page().await;
        opened.context("Chromium does not start: install it (apt-get install chromium; scripts/test.sh does)")?;
        Ok(browser)
    }

    async fn open_page(&mut self) -> Result<()> {
        let target = self.command("Target.createTarget", json!({"url": "about:blank"})).await?;
        let attach = json!({"targetId": target["targetId"], "flatten": true});
        let session = self.command("Target.attachToTarget", attach).await?;
        self.session = session["sessionId"].as_str().map(str::to_owned);
        for domain in ["Page", "Network", "Runtime", "Log"] {
            self.command(&format!("{domain}.enable"), json!({})).await?;
        }
        Ok(())
    }

    /// Opens a page.
    ///
    /// # Errors
    /// It cannot be loaded.
    pub async fn open(&mut self, url: &str) -> Result<()> {
        let loaded = self.command("Page.navigate", json!({"url": url})).await?;
        match loaded.get("errorText") {
            Some(error) => bail!("{url}: {error}"),
            None => Ok(()),
        }
    }

    /// The value of an expression in the page.
    ///
    /// # Errors
    /// It throws.
    pub async fn eval(&mut self, expression: &str) -> Result<Value> {
        let params =
            json!({"expression": expression, "returnByValue": true, "awaitPromise": true, "userGesture": true});
        let result = self.command("Runtime.evaluate", params).await?;
        match result.get("exceptionDetails") {
            Some(thrown) => bail!("{expression}: {thrown}"),
            None => Ok(result["result"]["value"].clone()),
        }
    }

    /// The text of the page as a reader sees it.
    ///
    /// # Errors
    /// As [`Browser::eval`].
    pub async fn text(&mut self) -> Result<String> {
        Ok(self.eval("document.body.innerText").await?.as_str().unwrap_or_default().to_owned())
    }

    /// Presses a button.
    ///
    /// # Errors
    /// There is none that this selector finds, or it cannot be pressed now.
    pub async fn press(&mut self, selector: &str) -> Result<()> {
        let find = format!("document.querySelector({})", json!(selector));
        let press = format!(
            "(b => {{ if (!b || b.disabled || !b.checkVisibility()) return false; b.click(); return true; }})({find})"
        );
        if self.eval(&press).await? == json!(true) {
            return Ok(());
        }
        bail!("{selector} cannot be pressed")
    }

    /// The addresses of all that pages asked for so far.
    #[must_use]
    pub fn requests(&self) -> &[String] {
        &self.requests
    }

    /// Errors of scripts and violations of the page's own policy so far.
    #[must_use]
    pub fn problems(&self) -> &[String] {
        &self.problems
    }

    async fn command(&mut self, method: &str, params: Value) -> Result<Value> {
        self.commands += 1;
        let mut command = json!({"id": self.commands, "method": method, "params": params});
        if let Some(session) = &self.session {
            command["sessionId"] = json!(session);
        }
        let mut bytes = serde_json::to_vec(&command)?;
        bytes.push(0);
        self.input.write_all(&bytes).await?;
        let answer = tokio::time::timeout(ANSWER_MAX, self.answer(self.commands)).await;
        let answer = answer.with_context(|| format!("no answer to {method}"))??;
        match answer.get("error") {
            Some(error) => bail!("{method}: {error}"),
            None => Ok(answer["result"].clone()),
        }
    }

    async fn answer(&mut self, id: u64) -> Result<Value> {
        loop {
            let mut bytes = vec![];
            self.output.read_until(0, &mut bytes).await?;
            if bytes.pop() != Some(0) {
                bail!("the browser has ended");
            }
            let message: Value = serde_json::from_slice(&bytes)?;
            if message["id"] == json!(id) {
                return Ok(message);
            }
            self.note(&message);
        }
    }

    fn note(&mut self, event: &Value) {
        let params = &event["params"];
        match event["method"].as_str() {
            Some("Network.requestWillBeSent") => {
                self.requests.extend(params["request"]["url"].as_str().map(str::to_owned));
            }
            Some("Runtime.exceptionThrown") => self.problems.push(params["exceptionDetails"].to_string()),
            // A server that cannot be reached is no fault of the page.
            Some("Log.entryAdded") if params["entry"]["level"] == "error" && params["entry"]["source"] != "network" => {
                self.problems.push(params["entry"].to_string());
            }
            _ => {}
        }
    }
}
