"""Settings of the MongoDB backends, in pynenc's own idiom."""
