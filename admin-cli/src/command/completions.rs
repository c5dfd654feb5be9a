//! `completions`: scripts that complete this tool's command line in bash, zsh, fish and others.

use clap::{Args, CommandFactory as _};
use clap_complete::Shell;
use serde::Serialize;

use crate::args::Cli;
use crate::output::Output;

/// `completions`.
#[derive(Args, Clone, Copy, Debug)]
pub struct Completions {
    /// For which shell; for example: admin-cli completions bash > /etc/bash_completion.d/admin-cli
    shell: Shell,
}

#[derive(Serialize)]
struct Script {
    shell: String,
    script: String,
}

impl Completions {
    pub(super) fn run(self) -> Output {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut Cli::command(), "admin-cli", &mut script);
        let script = String::from_utf8_lossy(&script).into_owned();
        Output::new(&Script { shell: self.shell.to_string(), script: script.clone() }, script)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_knows_the_commands() {
        for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
            assert!(Completions { shell }.run().text.contains("disk-migrate-report"), "{shell}");
        }
    }
}
