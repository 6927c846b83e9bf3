"""A test that would get a new app beside another one, which its tasks belong to, is told so."""

from textwrap import dedent

import pytest

from tests.plugin.helpers import make_ini, make_shop, output, run

TASKS = """
    from pynenc.trigger.trigger_builder import on_event
    from shop.app import app

    @app.task
    def price(cups: int) -> int:
        return 450 * cups

    @app.direct_task
    def discount(cups: int) -> int:
        return cups // 10
"""


def make_project(pytester: pytest.Pytester, ini: str = "") -> None:
    """A user's project whose app the ini does not name."""
    make_shop(pytester)
    (pytester.path / "src" / "shop" / "tasks.py").write_text(dedent(TASKS))
    make_ini(pytester, "pythonpath = src", ini)


@pytest.mark.parametrize(
    ("statement", "why"),
    [
        ("from shop.tasks import price", "price belongs to app 'shop'"),
        ("from shop.tasks import discount", "discount belongs to app 'shop'"),
        ("import shop.tasks", "there is app 'shop' at shop.app:app"),
        ("import helper", "there is app 'shop' at shop.app:app"),
    ],
)
def test_a_new_app_beside_the_one_of_the_tasks_is_refused(
    pytester: pytest.Pytester, statement: str, why: str
) -> None:
    make_project(pytester)
    pytester.makepyfile(helper="def f():\n    from shop.tasks import price\n\nf()")
    pytester.makepyfile(
        test_shop=f"""
        {statement}

        def test_price(pynenc_app, pynenc_runner):
            raise AssertionError("not reached")

        def test_price_again(pynenc_worker):
            raise AssertionError("not reached")
        """
    )
    result = run(pytester)
    result.assert_outcomes(errors=2)
    sentence = (
        f"this test would get a new app, but {why}: name the one under test in the ini, "
        'pynenc_app = shop.app:app, or in the marker, @pytest.mark.pynenc_mongo(app="shop.app:app"); '
        "pynenc_app_factory makes new ones"
    )
    result.stdout.fnmatch_lines([sentence])
    assert "pytest_pynenc_mongo/" not in output(result)


def test_what_is_no_other_app_is_not_refused(pytester: pytest.Pytester) -> None:
    make_project(pytester)
    pytester.makepyfile(
        test_of_its_own="""
        from pynenc import Pynenc

        app = Pynenc(config_values={"app_id": "own"})

        def test_own(pynenc_app):
            assert pynenc_app is app
        """,
        test_new="""
        import pytest
        from pynenc import Pynenc

        def work(x: int) -> int:
            return x + 1

        @pytest.mark.parametrize("time", [1, 2])
        def test_new(pynenc_app, pynenc_runner, time):
            global task, made
            made = pynenc_app
            task = pynenc_app.task(work)
            assert task(1).result == 2

        def test_apps_of_other_tests(pynenc_app, pynenc_app_factory):
            import test_new  # where they are held
            assert test_new.made is not pynenc_app
            assert len({made.app_id, pynenc_app.app_id, pynenc_app_factory().app_id}) == 3

        def test_an_app_that_nobody_holds(pynenc_app_factory):
            Pynenc(config_values={"app_id": "passing"})

        def test_afterwards(pynenc_app):
            pass
        """,
        test_z_named="""
        import pytest

        def test_factory(pynenc_app_factory):
            from shop.tasks import price
            assert pynenc_app_factory().app_id != "shop"

        def test_refused_as_soon_as_there_is_one(pynenc_app):
            raise AssertionError("not reached")

        @pytest.mark.pynenc_mongo(app="shop.app:app")
        def test_marked(pynenc_app, pynenc_runner):
            from shop.tasks import price
            assert price(2).result == 900
        """,
    )
    run(pytester, "-p", "no:randomly").assert_outcomes(passed=8, errors=1)
