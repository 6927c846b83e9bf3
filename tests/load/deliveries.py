"""What a load has beside the tasks of the kills: one that an event starts, one whose result is in parts."""

from pynenc.trigger.trigger_builder import TriggerBuilder

from tests.kills.shop import app, be_busy

EVENT = "sold"
PAGE = "a page of the catalogue, "
PAGES = 200
LARGE = 1000  # characters of a part; a catalogue is several


@app.task(triggers=TriggerBuilder().on_event(EVENT))
def deliver() -> str:
    be_busy()
    return "delivered"


@app.task
def print_catalogue(number: int) -> str:
    be_busy()
    return catalogue(number)


def catalogue(number: int) -> str:
    return "".join(f"{PAGE}{number * page % 9973}" for page in range(PAGES))
