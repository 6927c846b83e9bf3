"""The trigger: conditions, what they trigger, who may run it, and the record of events and runs."""
