//! Which log frames belong to a replica's tail.
