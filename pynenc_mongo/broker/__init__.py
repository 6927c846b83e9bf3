"""The broker: queues of invocation ids."""
