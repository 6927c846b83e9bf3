"""The ground floor: it knows MongoDB, never an invocation."""
