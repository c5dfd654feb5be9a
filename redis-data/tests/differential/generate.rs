//! Random requests over few keys and fields, most of them well-formed.

use bytes::Bytes;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

const KEYS: [&str; 6] = ["a", "b", "{a}c", "", "k\r\n", "\u{e9}"];
const FIELDS: [&str; 6] = ["f", "g", "field", "", "0", "f\0"];
const INTEGERS: [&str; 14] = [
    "0",
    "1",
    "-1",
    "5",
    "10",
    "-10",
    "9223372036854775807",
    "-9223372036854775808",
    "9223372036854775808",
    "01",
    "+1",
    "",
    " 1",
    "x",
];
const FLOATS: [&str; 22] = [
    "0",
    "1.5",
    "-1.5",
    "0.1",
    "0.2",
    "3.0e3",
    "1e-5",
    "-0.0",
    ".5",
    "5.",
    "1e17",
    "0.00000000000000001",
    "1e400",
    "-1e400",
    "0x1p4",
    "inf",
    "-inf",
    "nan",
    "1e99999",
    "1.5x",
    " 1",
    "123456789.123456789",
];
const TEXTS: [&str; 8] =
    ["", "v", "Hello World", "10", "3.14", "-7", "with\0zero", "long long long long long long text"];
const PATTERNS: [&str; 8] = ["*", "?", "a*", "[a-b]", "\\a", "*c", "", "[^a]"];
const OPTIONS: [&str; 12] = ["NX", "XX", "GET", "KEEPTTL", "EX", "PX", "EXAT", "PXAT", "nx", "Get", "PERSIST", "foo"];

/// Makes requests; of one seed always the same, but for the present time.
pub(crate) struct Generator {
    random: ChaCha8Rng,
    now_ms: u64,
}

impl Generator {
    pub(crate) fn new(seed: u64, now_ms: u64) -> Self {
        Self { random: ChaCha8Rng::seed_from_u64(seed), now_ms }
    }

    /// A request, sometimes with an argument too many or too few.
    pub(crate) fn request(&mut self) -> Vec<Bytes> {
        let mut words = match self.random.random_range(0..10) {
            0..=3 => self.string(),
            4..=5 => self.key_command(),
            6..=8 => self.hash(),
            _ => self.keyspace(),
        };
        match self.random.random_range(0..40) {
            0 if words.len() > 1 => drop(words.pop()),
            1 => words.push(self.pick(&TEXTS)),
            _ => {}
        }
        words.into_iter().map(Bytes::from).collect()
    }

    fn pick(&mut self, from: &[&str]) -> String {
        (*from.choose(&mut self.random).unwrap()).to_owned()
    }

    fn key(&mut self) -> String {
        self.pick(&KEYS)
    }

    /// Mostly of the first half, which so holds strings more often than not.
    fn string_key(&mut self) -> String {
        if self.random.random_bool(0.8) { self.pick(&KEYS[..3]) } else { self.key() }
    }

    /// Mostly of the second half, which so holds hashes more often than not.
    fn hash_key(&mut self) -> String {
        if self.random.random_bool(0.8) { self.pick(&KEYS[3..]) } else { self.key() }
    }

    fn field(&mut self) -> String {
        self.pick(&FIELDS)
    }

    fn value(&mut self) -> String {
        match self.random.random_range(0..3) {
            0 => self.pick(&INTEGERS),
            1 => self.number(),
            _ => self.pick(&TEXTS),
        }
    }

    /// A number that other numbers can be added to.
    fn number(&mut self) -> String {
        match self.random.random_range(0..4) {
            0 => self.pick(&FLOATS),
            1 => self.random.random_range(-1000..1000_i64).to_string(),
            2 => format!("{}", self.random.random_range(-1000.0..1000.0_f64)),
            _ => format!("{}e{}", self.random.random_range(-99_999..99_999_i64), self.random.random_range(-12..12)),
        }
    }

    fn integer(&mut self) -> String {
        if self.random.random_bool(0.3) { self.pick(&INTEGERS) } else { self.random.random_range(-50..50).to_string() }
    }

    fn count(&mut self) -> usize {
        self.random.random_range(1..4)
    }

    /// A span in seconds, or so many thousand ms: long, over, or no span at all. No two of them end within the skew.
    fn span(&mut self, unit: i64) -> String {
        match self.random.random_range(0..8) {
            0 => self.pick(&["0", "-1", "9223372036854775807", "9223372036854775", "-9223372036854775808", "x", "1.5"]),
            _ => (self.random.random_range(1..9) * 100_000 * unit).to_string(),
        }
    }

    fn moment(&mut self, unit: i64) -> String {
        match self.random.random_range(0..8) {
            0 => self.pick(&["0", "1", "-1", "9223372036854775807", "9223372036854775", "x"]),
            _ => ((self.now_ms as i64 / 1000 + 50_000 + self.random.random_range(0..9) * 100_000) * unit).to_string(),
        }
    }

    fn options(&mut self, words: &mut Vec<String>) {
        while self.random.random_bool(0.4) {
            let option = self.pick(&OPTIONS);
            words.push(option.clone());
            match option.as_str() {
                "EX" => words.push(self.span(1)),
                "PX" => words.push(self.span(1000)),
                "EXAT" => words.push(self.moment(1)),
                "PXAT" => words.push(self.moment(1000)),
                _ => {}
            }
        }
    }

    fn string(&mut self) -> Vec<String> {
        let (name, key) = (self.random.random_range(0..21), self.string_key());
        let words = |rest: &[String]| rest.to_vec();
        match name {
            0..=2 => {
                let mut words = vec!["SET".into(), key, self.value()];
                self.options(&mut words);
                words
            }
            3 => words(&["GET".into(), key]),
            4 => words(&["SETNX".into(), key, self.value()]),
            5 => words(&["SETEX".into(), key, self.span(1), self.value()]),
            6 => words(&["PSETEX".into(), key, self.span(1000), self.value()]),
            7 => words(&["GETSET".into(), key, self.value()]),
            8 => words(&["GETDEL".into(), key]),
            9 => {
                let mut words = vec!["GETEX".into(), key];
                self.options(&mut words);
                words
            }
            10 => self.several("MGET", Self::string_key),
            11 => self.pairs("MSET", Self::string_key),
            12 => self.pairs("MSETNX", Self::string_key),
            13 => words(&["APPEND".into(), key, self.value()]),
            14 => words(&["STRLEN".into(), key]),
            15 => words(&[self.pick(&["GETRANGE", "SUBSTR"]), key, self.integer(), self.integer()]),
            16 => {
                let offset = if self.random.random_bool(0.1) {
                    self.integer()
                } else {
                    self.random.random_range(0..20).to_string()
                };
                words(&["SETRANGE".into(), key, offset, self.pick(&TEXTS)])
            }
            17 => words(&[self.pick(&["INCR", "DECR"]), key]),
            18 => words(&[self.pick(&["INCRBY", "DECRBY", "incrby"]), key, self.integer()]),
            _ => words(&["INCRBYFLOAT".into(), key, self.number()]),
        }
    }

    fn key_command(&mut self) -> Vec<String> {
        let key = self.key();
        match self.random.random_range(0..10) {
            0 => self.several("DEL", Self::key),
            1 => self.several("UNLINK", Self::key),
            2 => self.several("EXISTS", Self::key),
            3 => self.several("TOUCH", Self::key),
            4 => vec!["TYPE".into(), key],
            5..=6 => self.expire(key),
            7 => vec![self.pick(&["TTL", "PTTL", "EXPIRETIME", "PEXPIRETIME"]), key],
            8 => vec!["PERSIST".into(), key],
            _ => vec![self.pick(&["RENAME", "RENAMENX"]), key, self.key()],
        }
    }

    /// Of moments, since of two spans the later one may end a millisecond later, or not.
    fn expire(&mut self, key: String) -> Vec<String> {
        let mut words = match self.random.random_range(0..4) {
            0 => return vec!["EXPIRE".into(), key, self.span(1)],
            1 => return vec!["PEXPIRE".into(), key, self.span(1000)],
            2 => vec!["EXPIREAT".into(), key, self.moment(1)],
            _ => vec!["PEXPIREAT".into(), key, self.moment(1000)],
        };
        while self.random.random_bool(0.4) {
            words.push(self.pick(&["NX", "XX", "GT", "LT", "gt", "FOO"]));
        }
        words
    }

    fn hash(&mut self) -> Vec<String> {
        let (key, field) = (self.hash_key(), self.field());
        match self.random.random_range(0..18) {
            0..=2 => self.with_key("HSET", key, |this| this.pairs("", Self::field)),
            3 => self.with_key("HMSET", key, |this| this.pairs("", Self::field)),
            4 => vec!["HGET".into(), key, field],
            5 => self.with_key("HMGET", key, |this| this.several("", Self::field)),
            6 => vec!["HSETNX".into(), key, field, self.value()],
            7..=8 => self.with_key("HDEL", key, |this| this.several("", Self::field)),
            9 => vec!["HEXISTS".into(), key, field],
            10 => vec![self.pick(&["HGETALL", "HKEYS", "HVALS"]), key],
            11 => vec!["HLEN".into(), key],
            12..=13 => vec!["HINCRBY".into(), key, field, self.integer()],
            14 => vec!["HINCRBYFLOAT".into(), key, field, self.number()],
            15 => vec!["HSTRLEN".into(), key, field],
            16 => {
                let mut words = vec!["HSCAN".into(), key];
                self.scan_arguments(&mut words);
                words
            }
            _ => self.random_field(key),
        }
    }

    fn random_field(&mut self, key: String) -> Vec<String> {
        let mut words = vec!["HRANDFIELD".into(), key];
        if self.random.random_bool(0.7) {
            words.push(self.pick(&["0", "1", "3", "-3", "100", "-9223372036854775808", "x"]));
            if self.random.random_bool(0.6) {
                words.push(self.pick(&["WITHVALUES", "withvalues", "foo"]));
            }
        }
        words
    }

    fn keyspace(&mut self) -> Vec<String> {
        match self.random.random_range(0..4) {
            0 => vec!["KEYS".into(), self.pick(&PATTERNS)],
            1 => vec!["DBSIZE".into()],
            2 => vec!["RANDOMKEY".into()],
            _ => {
                let mut words = vec!["SCAN".into()];
                self.scan_arguments(&mut words);
                words
            }
        }
    }

    /// A cursor that means the start, or nothing; then options.
    fn scan_arguments(&mut self, words: &mut Vec<String>) {
        words.push(self.pick(&["0", "0", "0", "", "x", "-", "18446744073709551616"]));
        while self.random.random_bool(0.4) {
            match self.random.random_range(0..4) {
                0 => words.extend(["MATCH".into(), self.pick(&PATTERNS)]),
                1 => words.extend(["COUNT".into(), self.pick(&["100", "1000", "0", "-1", "x"])]),
                2 => words.extend(["TYPE".into(), self.pick(&["string", "hash", "HASH", "list", "foo"])]),
                _ => words.push(self.pick(&["MATCH", "COUNT", "foo"])),
            }
        }
    }

    fn several(&mut self, name: &str, one: fn(&mut Self) -> String) -> Vec<String> {
        let mut words = vec![name.to_owned()];
        for _ in 0..self.count() {
            words.push(one(self));
        }
        words
    }

    fn pairs(&mut self, name: &str, one: fn(&mut Self) -> String) -> Vec<String> {
        let mut words = vec![name.to_owned()];
        for _ in 0..self.count() {
            let pair = [one(self), self.value()];
            words.extend(pair);
        }
        words
    }

    fn with_key(&mut self, name: &str, key: String, rest: impl Fn(&mut Self) -> Vec<String>) -> Vec<String> {
        let rest = rest(self).into_iter().skip(1);
        [name.to_owned(), key].into_iter().chain(rest).collect()
    }
}
