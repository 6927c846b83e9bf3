"""Who waits for whom: order, circles, rails."""

from pytest_pynenc_mongo.pages.graph import Edge, Graph, Node, circle, drawn, ordered
from tests.pages.reading import Page


def graph(text: str) -> Graph:
    """Return the graph of `a>b a>c`; the nodes in the order of their first letter's place."""
    edges = tuple(Edge(*pair.split(">")) for pair in text.split())
    keys = dict.fromkeys(sorted(key for edge in edges for key in edge))
    return Graph(tuple(Node(key, f"{key}()", "about it", "running") for key in keys), edges)


def order(text: str) -> str:
    return "".join(node.key for node in ordered(graph(text)))


def test_a_waiter_stands_above_those_that_it_waits_for() -> None:
    assert order("c>a c>b b>d") == "cabd"


def test_all_of_a_circle_are_there() -> None:
    assert order("a>b b>c c>a d>e") == "deabc"


def test_edges_of_a_circle_are_known_and_no_others() -> None:
    edges = graph("a>b b>c c>b c>d e>e").edges
    assert circle(edges) == {Edge("b", "c"), Edge("c", "b"), Edge("e", "e")}
    assert circle(graph("a>b a>c b>d c>d").edges) == set()


def test_each_wait_is_a_path_and_a_circle_is_told_apart() -> None:
    page = Page(drawn(graph("a>b b>a c>d")))
    assert [each.attributes["class"] for each in page.all("path") if "marker-end" in each.attributes] == [
        "wait",
        "circle",
        "circle",
    ]
    assert page.all("svg")[0].attributes["aria-label"] == "Who waits for whom: 4 invocations, 3 waits"


def test_rails_beside_each_other_have_columns_of_their_own() -> None:
    page = Page(drawn(graph("a>b c>d")))
    assert page.all("svg")[0].attributes["width"] == "36"
    crossed = Page(drawn(graph("a>c b>c")))
    assert crossed.all("svg")[0].attributes["width"] == "50"


def test_a_graph_of_many_is_no_wider_than_a_narrow_window_takes() -> None:
    chain = " ".join(f"n{waiter:02}>n{waited:02}" for waiter in range(30) for waited in (29 - waiter, 29))
    assert float(Page(drawn(graph(chain))).all("svg")[0].attributes["width"]) <= 150
