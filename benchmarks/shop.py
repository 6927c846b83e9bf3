"""The app that is measured: rewired to one store after the other."""

from pynenc import Pynenc

app = Pynenc(config_values={"app_id": "benchmark", "logging_level": "error"})


@app.task
def add(x: int, y: int) -> int:
    return x + y
