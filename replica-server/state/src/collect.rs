//! Whether an order to collect a copy is obeyed (rule COLLECT).
