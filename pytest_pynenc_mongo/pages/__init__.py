"""What a failed test's page looks like: pure, from a snapshot to one HTML text."""
