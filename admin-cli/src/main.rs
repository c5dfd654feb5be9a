//! Entry point of `admin-cli`: parses, runs one command or the shell, exits with a code that scripts can trust.

use std::process::ExitCode;

use admin_cli::args::{Cli, syntax_error};
use admin_cli::context::Context;
use admin_cli::output::{self, error_line, exit};
use admin_cli::shell;
use anyhow::Context as _;
use clap::Parser as _;
use common::rpc::WireResult;

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return refuse(&error),
    };
    match run(cli) {
        Ok(code) => code.into(),
        Err(error) => {
            eprintln!("error[INTERNAL]: {error:#}.");
            exit::FAILED.into()
        }
    }
}

/// Help and version are no errors; everything else is a wrong command line.
fn refuse(error: &clap::Error) -> ExitCode {
    if !error.use_stderr() {
        let _ = error.print();
        return exit::OK.into();
    }
    let json = std::env::args_os().skip(1).take_while(|word| word != "--").any(|word| word == "--json");
    eprintln!("{}", error_line(&syntax_error(error), json));
    exit::SYNTAX.into()
}

fn run(cli: Cli) -> anyhow::Result<u8> {
    // One thread is plenty for a tool, and starts faster.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("cannot start")?;
    let context = match Context::new(&cli.global) {
        Ok(context) => context,
        Err(error) => return Ok(output::print(&Err(error), cli.global.json)),
    };
    let Some(command) = cli.command else { return shell::run(&runtime, context) };
    let result: WireResult<_> = runtime.block_on(command.run(&context));
    let code = output::print(&result, cli.global.json);
    // A read of stdin that nobody waits for any more must not hold the process.
    runtime.shutdown_background();
    Ok(code)
}
