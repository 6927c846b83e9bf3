"""The plans of the queries that the code really sends, on the real wire."""

from pprint import pformat
from typing import Any

from pymongo.database import Database

from tests.commands import CommandLog, Sent


def assert_indexed(database: Database[Any], log: CommandLog) -> None:
    """Every query that was logged reads by an index, and none by looking at every document."""
    queries = [query for seen in list(log.sent) for query in queries_of(seen)]
    assert queries or log.names() == ["insert"]
    for query in queries:
        plan = plan_of(database, query)
        stages = stages_of(plan)
        shown = f"{pformat(query)}\n{pformat(plan)}"
        assert {"IXSCAN", "IDHACK"} & set(stages), shown
        assert "COLLSCAN" not in stages, shown


def queries_of(seen: Sent) -> list[dict[str, Any]]:
    """Return what a command looks for, as `find` commands: SecantusDB explains no update and no delete."""
    command = seen.document
    if seen.name == "find":
        return [
            {key: command[key] for key in ("find", "filter", "sort", "limit", "projection") if key in command}
        ]
    if seen.name == "findAndModify":
        return [{"find": seen.collection, "filter": command["query"], "limit": 1}]
    if seen.name in ("update", "delete"):
        return [{"find": seen.collection, "filter": each["q"]} for each in command[f"{seen.name}s"]]
    return []


def stages_of(plan: Any) -> list[str]:
    if isinstance(plan, list):
        return [stage for each in plan for stage in stages_of(each)]
    if not isinstance(plan, dict):
        return []
    own = [plan["stage"]] if "stage" in plan else []
    return own + [stage for each in plan.values() for stage in stages_of(each)]


def winning_plan(database: Database[Any], query: dict[str, Any]) -> Any:
    explained = database.command("explain", query, verbosity="queryPlanner")
    return explained["queryPlanner"]["winningPlan"]


def plan_of(database: Database[Any], query: dict[str, Any]) -> Any:
    """Return the plan of a query, by a hint where SecantusDB overlooks an index that MongoDB would use.

    Its planner scans the collection for a range of `_id`, and for a filter with several conditions unless
    one index covers them all. MongoDB takes an index whose first field the filter bounds.
    """
    plan = winning_plan(database, query)
    if "COLLSCAN" in stages_of(plan):
        for name, index in database[query["find"]].index_information().items():
            if is_bounded(query["filter"].get(index["key"][0][0])):
                return winning_plan(database, {**query, "hint": name})
    return plan


def is_bounded(condition: Any) -> bool:
    """Whether the condition on a field narrows an index; every key is greater than an empty one."""
    return condition is not None and condition not in ({"$gt": ""}, {"$exists": False})
