//! Disk moves under every fault: at every point, in every state, on broken and vanishing disks.
//!
//! One cluster goes through many trials; after each of them [`trial::Trial::whole`] says what must hold.

mod every_point;
mod every_state;
mod many;
mod only_copy;
mod power_cut;
mod replaced;
mod target;
mod trial;
