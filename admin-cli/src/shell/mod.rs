//! The interactive shell: a line is a command as on the command line, or one of the shell's own: `use`, `help`, `exit`.
//! Errors are printed and the shell goes on; Ctrl-C stops the command or the line, Ctrl-D the shell.

mod complete;
mod line;

use std::io::IsTerminal as _;
use std::path::PathBuf;

use anyhow::Context as _;
use rustyline::error::ReadlineError;
use rustyline::history::FileHistory;
use rustyline::{CompletionType, Config, Editor};
use tokio::runtime::Runtime;

use self::complete::{Helper, Names};
use self::line::Step;
use crate::args::Line;
use crate::context::Context;
use crate::output::{self, exit};

const HISTORY_LINES: usize = 1000;

/// Reads lines until their end.
///
/// # Errors
/// The terminal cannot be used.
pub fn run(runtime: &Runtime, mut context: Context) -> anyhow::Result<u8> {
    let config = Config::builder().completion_type(CompletionType::List).max_history_size(HISTORY_LINES)?.build();
    let mut editor: Editor<Helper, FileHistory> = Editor::with_config(config).context("no line editor")?;
    editor.set_helper(Some(Helper::default()));
    let history = history_file();
    // The first session has no history to load.
    let _ = history.as_ref().map(|file| editor.load_history(file));
    greet(&context);
    let always_json = context.json();
    let mut table = None;
    loop {
        let names = runtime.block_on(Names::fetch(&context, table.clone()));
        editor.helper_mut().into_iter().for_each(|helper| helper.names = names.clone());
        let text = match editor.readline(&prompt(table.as_deref())) {
            Ok(text) => text,
            Err(ReadlineError::Interrupted) => continue,
            Err(ReadlineError::Eof) => break,
            Err(error) => return Err(error).context("cannot read a line"),
        };
        let _ = editor.add_history_entry(text.trim());
        match line::parse(&text, table.as_deref()) {
            Ok(Step::Nothing) => {}
            Ok(Step::Exit) => break,
            Ok(Step::Say(text)) => println!("{text}"),
            Ok(Step::Use(name)) => table = choose(runtime, &context, name).or(table),
            Ok(Step::Run(line)) => execute(runtime, &mut context, *line, always_json),
            Err(error) => eprintln!("{}", output::error_line(&error, always_json)),
        }
        let _ = history.as_ref().map(|file| editor.save_history(file));
    }
    Ok(exit::OK)
}

/// Runs a command until it ends or Ctrl-C. What was started on a server goes on there.
fn execute(runtime: &Runtime, context: &mut Context, line: Line, always_json: bool) {
    context.set_json(line.json || always_json);
    let done = runtime.block_on(async {
        tokio::select! {
            result = line.command.run(context) => Some(result),
            _ = tokio::signal::ctrl_c() => None,
        }
    });
    match done {
        Some(result) => {
            output::print(&result, context.json());
        }
        None => eprintln!("interrupted"),
    }
    context.set_json(always_json);
}

/// The table to use, if it exists.
fn choose(runtime: &Runtime, context: &Context, name: String) -> Option<String> {
    match runtime.block_on(context.route(&name)) {
        Ok(_) => Some(name),
        Err(error) => {
            eprintln!("{}", output::error_line(&error, context.json()));
            None
        }
    }
}

fn greet(context: &Context) {
    if std::io::stdin().is_terminal() && !context.json() {
        println!("admin-cli {}. 'help' lists the commands, Tab completes, Ctrl-D leaves.", env!("CARGO_PKG_VERSION"));
    }
}

fn prompt(table: Option<&str>) -> String {
    table.map_or_else(|| "godwit> ".to_owned(), |table| format!("godwit {table}> "))
}

/// `$XDG_STATE_HOME/godwit/history`, else `~/.godwit_history`; none without a home.
fn history_file() -> Option<PathBuf> {
    if let Some(state) = std::env::var_os("XDG_STATE_HOME") {
        let dir = PathBuf::from(state).join("godwit");
        return std::fs::create_dir_all(&dir).ok().map(|()| dir.join("history"));
    }
    std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".godwit_history"))
}
