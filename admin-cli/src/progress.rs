//! Progress of long work, on stderr only: a bar on a terminal, a line now and then elsewhere, nothing with `--json`.

use std::io::IsTerminal as _;
use std::sync::Mutex;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Percent steps at which a plain line is written where there is no terminal.
const PLAIN_STEP: u64 = 10;

/// Shows how far something is.
#[derive(Debug)]
pub struct Progress {
    what: &'static str,
    form: Form,
}

#[derive(Debug)]
enum Form {
    Hidden,
    Bar(ProgressBar),
    /// Total, position, and the last (message head, tenth) written.
    Plain(Mutex<Plain>),
}

#[derive(Debug, Default)]
struct Plain {
    total: u64,
    at: u64,
    written: Option<(String, u64)>,
}

impl Progress {
    /// Of `total` steps of `what`.
    #[must_use]
    pub fn new(total: u64, what: &'static str, hidden: bool) -> Self {
        let form = match hidden {
            true => Form::Hidden,
            false if std::io::stderr().is_terminal() => Form::Bar(bar(total)),
            false => Form::Plain(Mutex::new(Plain { total, ..Plain::default() })),
        };
        Self { what, form }
    }

    /// So many are to be done; may change on the way.
    pub fn total(&self, total: u64) {
        match &self.form {
            Form::Hidden => {}
            Form::Bar(bar) => bar.set_length(total),
            Form::Plain(plain) => edit(plain, |plain| plain.total = total),
        }
    }

    /// So many are done.
    pub fn at(&self, at: u64) {
        match &self.form {
            Form::Hidden => {}
            Form::Bar(bar) => {
                bar.set_position(at);
                bar.set_message(format!("{at} of {} {}", bar.length().unwrap_or(0), self.what));
            }
            Form::Plain(plain) => edit(plain, |plain| plain.at = at),
        }
    }

    /// What to say beside the bar. Elsewhere it is written when its first word or the tenth done changed.
    pub fn say(&self, message: &str) {
        match &self.form {
            Form::Hidden => {}
            Form::Bar(bar) => bar.set_message(message.to_owned()),
            Form::Plain(plain) => edit(plain, |plain| plain.write(message)),
        }
    }

    /// It is over: the bar goes.
    pub fn clear(&self) {
        if let Form::Bar(bar) = &self.form {
            bar.finish_and_clear();
        }
    }
}

impl Plain {
    fn write(&mut self, message: &str) {
        let head = message.split_whitespace().next().unwrap_or_default().to_owned();
        let step = self.at * (100 / PLAIN_STEP) / self.total.max(1);
        let now = Some((head, step));
        if self.written != now {
            eprintln!("{message}");
            self.written = now;
        }
    }
}

fn edit(plain: &Mutex<Plain>, change: impl FnOnce(&mut Plain)) {
    if let Ok(mut plain) = plain.lock() {
        change(&mut plain);
    }
}

fn bar(total: u64) -> ProgressBar {
    let style = ProgressStyle::with_template("[{elapsed_precise}] [{bar:32}] {msg}");
    let style = style.map_or_else(|_| ProgressStyle::default_bar(), |style| style.progress_chars("=> "));
    ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::stderr()).with_style(style)
}
