//! Configuration: flags > environment > file > default.
