//! tracing, pretty or JSON.
