//! What a primary offers a learner.
