"""So many damaged documents, so many hostile inputs: what came of them."""

import random
import time
from dataclasses import dataclass, field

from tests import whole_lives
from tests.hostile.damaging import Trial, damages
from tests.hostile.entering import NO_TEXTS, hostile_text, visitors
from tests.hostile.stored import filled
from tests.storage.helpers import new_name

_MOST_WRONG = 50


@dataclass
class Tally:
    """How many attempts, and how often what was read or stored was right, named in an error, or wrong."""

    tried: int = 0
    right: int = 0
    named: int = 0
    wrong: list[str] = field(default_factory=list)
    seconds: float = 0.0


def try_documents(url: str, seed: int, count: int) -> Tally:
    """Damage so many documents, one at a time, and read each in every way."""
    tally, began = Tally(), time.monotonic()
    with filled(url, new_name()) as stored:
        trial = Trial(stored)
        for damage in damages(stored, seed, count):
            verdict = trial.judge(damage)
            tally.tried += 1
            tally.right += verdict.right
            tally.named += verdict.named
            tally.wrong += verdict.wrong[: _MOST_WRONG - len(tally.wrong)]
    tally.seconds = time.monotonic() - began
    return tally


def try_inputs(url: str, seed: int, count: int) -> Tally:
    """Enter by every door with each value that is no text, and with so many texts in all."""
    tally, began, dice = Tally(), time.monotonic(), random.Random(seed)
    with whole_lives.at(url, new_name()):
        everybody = visitors()
        for visitor in everybody:
            for value in NO_TEXTS:
                wrong = visitor.knock(value)
                tally.tried += 1
                tally.named += not wrong
                tally.wrong += wrong[: _MOST_WRONG - len(tally.wrong)]
        while tally.tried < count:
            taken, wrong = dice.choice(everybody).store(hostile_text(dice))
            tally.tried += 1
            tally.right += taken and not wrong
            tally.named += not taken and not wrong
            tally.wrong += wrong[: _MOST_WRONG - len(tally.wrong)]
        whole_lives.app.purge()
    tally.seconds = time.monotonic() - began
    return tally
