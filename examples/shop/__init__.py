"""A small shop: its orders are priced, paid and reported by Pynenc tasks."""
