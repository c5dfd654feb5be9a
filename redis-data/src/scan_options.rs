//! The options of SCAN and HSCAN.

use bytes::Bytes;
use resp::Reply;
use resp::glob::{self, Case};

use crate::args::Args;
use crate::error;
use crate::number::parse_integer;

/// Most elements that one call looks at because COUNT says so. COUNT is a hint, and a reply must have an end.
const COUNT_MAX: usize = 10_000;
/// COUNT, if it is not said.
const COUNT_DEFAULT: usize = 10;

/// MATCH, COUNT, and of SCAN also TYPE.
#[derive(Clone, Debug)]
pub(crate) struct ScanOptions {
    pattern: Option<Bytes>,
    /// How many elements to look at, 1 to 10,000.
    pub(crate) count: usize,
    kind: Option<Bytes>,
}

impl ScanOptions {
    /// Takes all arguments that are left.
    pub(crate) fn parse(with_type: bool, args: &mut Args<'_>) -> Result<Self, Reply> {
        let mut options = Self { pattern: None, count: COUNT_DEFAULT, kind: None };
        while args.len() > 1 {
            if args.word("COUNT") {
                options.count = count(&args.text()?)?;
            } else if args.word("MATCH") {
                options.pattern = Some(args.text()?);
            } else if with_type && args.word("TYPE") {
                options.kind = Some(args.text()?);
            } else {
                return Err(error::syntax());
            }
        }
        if args.len() == 0 { Ok(options) } else { Err(error::syntax()) }
    }

    /// Whether an element of that name is wanted.
    pub(crate) fn matches(&self, name: &[u8]) -> bool {
        self.pattern.as_ref().is_none_or(|pattern| glob::matches(pattern, name, Case::Sensitive))
    }

    /// Whether a key of that type is wanted.
    pub(crate) fn wants(&self, type_name: &str) -> bool {
        self.kind.as_ref().is_none_or(|kind| kind.eq_ignore_ascii_case(type_name.as_bytes()))
    }
}

fn count(text: &[u8]) -> Result<usize, Reply> {
    let count = parse_integer(text).ok_or_else(error::not_an_integer)?;
    let count = usize::try_from(count).ok().filter(|count| *count > 0).ok_or_else(error::syntax)?;
    Ok(count.min(COUNT_MAX))
}
