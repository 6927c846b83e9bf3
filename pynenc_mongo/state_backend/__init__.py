"""The state backend: invocations, their history, results and exceptions, workflows, apps and runners."""
