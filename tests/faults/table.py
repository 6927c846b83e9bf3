"""What a run has shown, as one table: each fault on each engine, how often, and what was wrong after it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field

from tests.faults import plan
from tests.faults.injections import COLUMNS, Outcome

BEGIN, END = "<!-- the table of a run begins -->", "<!-- the table of a run ends -->"


@dataclass
class Row:
    """A fault on an engine."""

    engine: str
    fault: str
    injected: int = 0
    wrong: dict[str, int] = field(default_factory=lambda: dict.fromkeys(COLUMNS, 0))
    engines_own: int = 0
    recovered: int = 0
    swept: int = 0
    untold: int = 0

    def add(self, outcome: Outcome, *, is_engines_own: bool) -> None:
        self.injected += 1
        self.recovered += outcome.recovered
        self.swept += outcome.swept
        self.untold += outcome.untold
        self.engines_own += is_engines_own
        if not is_engines_own:
            for column in COLUMNS:
                self.wrong[column] += bool(outcome.wrong.get(column))


class Table:
    def __init__(self) -> None:
        self._rows: dict[tuple[str, str], Row] = {}
        self.notes: list[str] = []

    def add(self, engine: str, outcome: Outcome, *, is_engines_own: bool = False) -> None:
        """Count an outcome; one whose life was over before its command came is none."""
        if not outcome.command:
            return
        key = engine, outcome.injection.kind
        row = self._rows.setdefault(key, Row(*key))
        row.add(outcome, is_engines_own=is_engines_own)

    @property
    def rows(self) -> list[Row]:
        """Return them in the order of the plan, engine by engine."""
        engines, faults = list(plan.ENGINES), list(plan.RUNS)
        return sorted(
            self._rows.values(), key=lambda row: (engines.index(row.engine), faults.index(row.fault))
        )

    @property
    def is_right(self) -> bool:
        return not any(count for row in self.rows for count in row.wrong.values())

    def total(self, engine: str = "") -> Row:
        """Return the sum of an engine's rows, or of all."""
        total = Row(engine or "all", "all")
        for row in self.rows:
            if engine in ("", row.engine):
                total.injected += row.injected
                total.engines_own += row.engines_own
                total.recovered += row.recovered
                total.swept += row.swept
                total.untold += row.untold
                for column in COLUMNS:
                    total.wrong[column] += row.wrong[column]
        return total

    def as_json(self) -> Mapping[str, object]:
        return {"rows": [asdict(row) for row in self.rows], "total": asdict(self.total())}

    def __str__(self) -> str:
        """Return it in Markdown."""
        head = (
            "engine",
            "fault",
            "injected",
            *COLUMNS,
            "engine's own",
            "recovered",
            "parts swept",
            "steps untold",
        )
        engines = list(dict.fromkeys(row.engine for row in self.rows))
        rows = [*self.rows, *(self.total(engine) for engine in engines), self.total()]
        lines = [_line(head), _line(["---"] * 2 + ["---:"] * (len(head) - 2)), *map(_line, map(_cells, rows))]
        return "\n".join(lines) + "\n"


def _cells(row: Row) -> Sequence[object]:
    wrong = [row.wrong[column] for column in COLUMNS]
    return (
        row.engine,
        row.fault,
        row.injected,
        *wrong,
        row.engines_own,
        row.recovered,
        row.swept,
        row.untold,
    )


def _line(cells: Iterable[object]) -> str:
    return f"| {' | '.join(map(str, cells))} |"


def put_into(page: str, table: Table) -> str:
    """Return a page with the table in place of the one of an earlier run."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n\n{table}\n{END}{after}"
