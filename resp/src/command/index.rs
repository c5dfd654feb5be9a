//! Finds a command by its name: a hash table that is built when the crate is compiled, so that a look-up is one pass over the
//! name and, nearly always, one comparison.

use super::Spec;
use super::table::CHAPTERS;

/// Places of the table, a power of two: at least twice as many as commands, so that runs of taken places stay short.
const PLACES: usize = 256;

static INDEX: [Option<&Spec>; PLACES] = build();

/// The command of that name, in any case. Subcommands are found through [`Spec::subcommand`].
#[must_use]
pub fn lookup(name: &[u8]) -> Option<&'static Spec> {
    let (before, from) = INDEX.split_at_checked(place(name))?;
    let taken = from.iter().chain(before).map_while(|place| *place);
    taken.into_iter().find(|spec| spec.name.as_bytes().eq_ignore_ascii_case(name))
}

/// All commands, without their subcommands, chapter by chapter.
pub fn commands() -> impl Iterator<Item = &'static Spec> {
    CHAPTERS.iter().copied().flatten()
}

/// FNV-1a over the name in lower case.
const fn place(mut name: &[u8]) -> usize {
    let mut hash: u32 = 0x811c_9dc5;
    while let [byte, rest @ ..] = name {
        hash = (hash ^ byte.to_ascii_lowercase() as u32).wrapping_mul(0x0100_0193);
        name = rest;
    }
    (hash ^ (hash >> 16)) as usize % PLACES
}

#[allow(clippy::indexing_slicing, reason = "every index is taken modulo the length; iterators are not const")]
const fn build() -> [Option<&'static Spec>; PLACES] {
    let mut index: [Option<&Spec>; PLACES] = [None; PLACES];
    let mut chapters: &[&'static [Spec]] = &CHAPTERS;
    while let [chapter, rest @ ..] = chapters {
        let mut specs: &'static [Spec] = chapter;
        while let [spec, rest @ ..] = specs {
            let mut at = place(spec.name.as_bytes());
            while index[at].is_some() {
                at = (at + 1) % PLACES;
            }
            index[at] = Some(spec);
            specs = rest;
        }
        chapters = rest;
    }
    index
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_is_found_by_its_name_in_any_case() {
        for spec in commands() {
            assert!(std::ptr::eq(
                lookup(spec.name.as_bytes()).unwrap(),
                lookup(spec.name.to_uppercase().as_bytes()).unwrap()
            ));
            assert_eq!(lookup(spec.name.as_bytes()).unwrap().name, spec.name);
        }
    }

    #[test]
    fn other_names_are_not_found() {
        for name in ["", "ge", "gett", "get ", "get\0", "config|get", "multi", &"x".repeat(70_000)] {
            assert!(lookup(name.as_bytes()).is_none(), "{name:?}");
        }
    }

    #[test]
    fn a_look_up_takes_few_comparisons() {
        assert!(commands().count() * 2 <= PLACES);
        let longest =
            (0..PLACES).map(|at| INDEX.iter().cycle().skip(at).take_while(|place| place.is_some()).count()).max();
        assert!(longest <= Some(8), "a run of {longest:?} taken places");
    }
}
