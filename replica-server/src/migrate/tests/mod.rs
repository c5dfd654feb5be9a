//! Moves over real directories and a real RocksDB, with the rest of the node played by a fake.

mod cluster;
mod crash;
mod node;
mod operator;
mod refusal;
mod resume;
mod way;
