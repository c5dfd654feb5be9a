//! The words in which requests are refused.

use rand::Rng;
use rand::seq::IndexedRandom;
use resp::{Reply, Version};

use crate::chance;
use crate::server::{Connection, Server};

const REQUESTS: usize = 5_000;

/// A command that does not exist, with arguments of all lengths.
fn unknown(chance: &mut impl Rng) -> Vec<Vec<u8>> {
    let word = |chance: &mut dyn rand::RngCore| -> Vec<u8> {
        let length = *[0_usize, 1, 5, 60, 127, 128, 129, 300].choose(chance).unwrap();
        (0..length).map(|_| *b"abc'\r\n\0\xff ".choose(chance).unwrap()).collect()
    };
    let count = chance.random_range(0..5);
    let name = [b"no-".to_vec(), word(chance)].concat();
    std::iter::once(name).chain((0..count).map(|_| word(chance))).collect()
}

fn expect(connection: &mut Connection, arguments: &[impl AsRef<[u8]>], reply: &Reply) {
    connection.request(arguments);
    let words: Vec<String> = arguments.iter().map(|word| word.as_ref().escape_ascii().to_string()).collect();
    connection.expect(reply, Version::Resp2, &words.join(" "));
}

#[test]
fn unknown_commands_are_refused_in_the_same_words() {
    let (server, mut chance) = (Server::start(), chance(3));
    let mut connection = server.connect();
    for _ in 0..REQUESTS {
        let request = unknown(&mut chance);
        expect(&mut connection, &request, &resp::command::resolve(&request).unwrap_err());
    }
}

#[test]
fn wrong_requests_are_refused_in_the_same_words() {
    let server = Server::start();
    let mut connection = server.connect();
    for line in [
        "get",
        "GET a b",
        "mset a",
        "config",
        "config get",
        "CONFIG nope",
        "client nope a",
        "cluster",
        "hset k f",
        "del",
        "echo",
    ] {
        let request: Vec<&str> = line.split(' ').collect();
        expect(&mut connection, &request, &resp::command::resolve(&request).unwrap_err());
    }
    for line in ["HELLO 4", "HELLO x", "HELLO 3 AUTH a", "HELLO 3 SETNAME", "HELLO 2 nope", "HELLO 2 SETNAME a\nb"] {
        let request: Vec<&str> = line.split(' ').collect();
        expect(&mut connection, &request, &resp::connection::Hello::parse(&request).unwrap_err());
    }
    for line in
        ["CLIENT SETNAME a\tb", "CLIENT LIST TYPE nope", "CLIENT LIST ID x", "CLIENT LIST ID", "CLIENT LIST a b"]
    {
        let request: Vec<&str> = line.split(' ').collect();
        let question = resp::connection::Question::parse(resp::command::resolve(&request).unwrap(), &request);
        expect(&mut connection, &request, &question.unwrap_err());
    }
}

#[test]
fn the_keys_of_requests_are_found_or_missed_alike() {
    let server = Server::start();
    let mut connection = server.connect();
    for line in [
        "get a",
        "mset a 1 b 2",
        "mset a 1 b",
        "rename a b",
        "del a b c",
        "hset a b c",
        "set a b EX 1",
        "unlink a",
        "touch a b",
        "ping a",
        "nope a",
        "config get a",
        "config nope",
        "scan 0",
        "get a b",
    ] {
        let request: Vec<&str> = "COMMAND GETKEYS".split(' ').chain(line.split(' ')).collect();
        expect(&mut connection, &request, &resp::command::answer(resp::command::resolve(&request).unwrap(), &request));
    }
}
