"""The client data store: large arguments and results, kept once by their content."""
