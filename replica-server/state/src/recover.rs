//! What becomes of the directories found at start-up.
