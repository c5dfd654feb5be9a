//! From the arguments of a request to its command: the first checks that every request goes through, in the order and in the
//! words of real servers.

use super::{Spec, lookup};
use crate::Reply;

/// Bytes of a name, and of all arguments together, that an error repeats.
const QUOTED_BYTES_MAX: usize = 128;

/// The command or subcommand of a request, whose first argument is its name, with the right number of arguments.
///
/// # Errors
/// The answer: there is no such command or subcommand, or it takes another number of arguments.
pub fn resolve<A: AsRef<[u8]>>(arguments: &[A]) -> Result<&'static Spec, Reply> {
    let name = arguments.first().map(A::as_ref).unwrap_or_default();
    let command = lookup(name).ok_or_else(|| unknown_command(name, arguments.get(1..).unwrap_or_default()))?;
    let spec = match arguments.get(1) {
        Some(sub) if !command.subcommands.is_empty() => {
            command.subcommand(sub.as_ref()).ok_or_else(|| unknown_subcommand(command, sub.as_ref()))?
        }
        _ => command,
    };
    if spec.accepts(arguments.len()) { Ok(spec) } else { Err(wrong_arity(spec.name)) }
}

/// The error of a subcommand that does not exist; also of one of `DEBUG`, which is not in the table.
#[must_use]
pub fn unknown_subcommand(command: &Spec, sub: &[u8]) -> Reply {
    let help = format!("'. Try {} HELP.", command.name.to_ascii_uppercase());
    Reply::error([b"ERR unknown subcommand '", quoted(sub, QUOTED_BYTES_MAX), help.as_bytes()].concat())
}

/// The error of a wrong number of arguments; also where only the command itself can tell, as `MSET`. Names are as in the table.
#[must_use]
pub fn wrong_arity(name: &str) -> Reply {
    Reply::error(format!("ERR wrong number of arguments for '{name}' command"))
}

fn unknown_command<A: AsRef<[u8]>>(name: &[u8], arguments: &[A]) -> Reply {
    let mut told = vec![];
    for argument in arguments {
        if told.len() >= QUOTED_BYTES_MAX {
            break;
        }
        let room = QUOTED_BYTES_MAX - told.len();
        told.extend_from_slice(&[b"'", quoted(argument.as_ref(), room), b"' "].concat());
    }
    let name = quoted(name, QUOTED_BYTES_MAX);
    Reply::error([b"ERR unknown command '", name, b"', with args beginning with: ", &told].concat())
}

/// The beginning of a text. Like the text of an error everywhere, it ends at a zero byte.
fn quoted(text: &[u8], bytes_max: usize) -> &[u8] {
    let text = text.get(..bytes_max).unwrap_or(text);
    text.split(|byte| *byte == 0).next().unwrap_or_default()
}
