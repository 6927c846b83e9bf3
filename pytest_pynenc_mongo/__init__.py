"""A pytest plugin that tests Pynenc tasks across processes, on MongoDB."""
