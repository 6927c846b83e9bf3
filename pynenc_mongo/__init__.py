"""MongoDB backends for Pynenc: the stores of a distributed task system, on one MongoDB database."""

from importlib.metadata import version

__version__ = version("pytest-pynenc-mongo")

__all__ = ["__version__"]
