"""The orchestrator: who runs what, who waits for whom, who is alive."""
