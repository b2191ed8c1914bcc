//! The store, function by function, on both databases.
