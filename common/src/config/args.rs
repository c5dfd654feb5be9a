//! The flags about settings that every process has.

use std::path::PathBuf;

use super::Sources;

/// Flatten into a process's clap struct.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct ConfigArgs {
    /// TOML file with settings
    #[arg(long, value_name = "FILE", env = "GODWIT_CONFIG")]
    pub config: Option<PathBuf>,

    /// A setting by its key, as --print-config shows it (may be given several times)
    #[arg(long = "set", value_name = "KEY=VALUE", value_parser = pair)]
    pub set: Vec<(String, String)>,

    /// Print the settings that result from flags, environment, file and defaults, with their meaning, and exit
    #[arg(long)]
    pub print_config: bool,
}

impl ConfigArgs {
    /// The sources of this process; `shortcuts` are the process's own flags as (key, value), and stronger than `--set`.
    #[must_use]
    pub fn sources<'a>(&self, shortcuts: impl IntoIterator<Item = (&'a str, Option<String>)>) -> Sources {
        let given = shortcuts.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?)));
        // Lossy, where `vars` would panic: a foreign variable that is not UTF-8 is nobody's setting.
        let environment =
            std::env::vars_os().map(|(k, v)| (k.to_string_lossy().into_owned(), v.to_string_lossy().into_owned()));
        Sources {
            file: self.config.clone(),
            environment: environment.collect(),
            flags: self.set.iter().cloned().chain(given).collect(),
        }
    }
}

fn pair(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("write KEY=VALUE, for example log.sync=always")?;
    Ok((key.trim().to_owned(), value.to_owned()))
}
