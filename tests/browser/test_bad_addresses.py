"""Addresses that nobody should have typed: the map is there all the same, and says what it did not take."""

from __future__ import annotations

from urllib.parse import quote

import pytest

from tests.browser.harness import settle

LONG = "9" * 3_000
SCRIPT = quote("<script>window.hacked = 1</script><img src=x onerror='window.hacked = 1'>")
# Several faults an address: tests/page/test_view.py has each of them alone.
ADDRESSES = {
    "unknown names": "model=no-such-model&mode=elbo&engine=foo&hide=99,abc&layers=x&points=some",
    "not finite": "model=" + quote("../../etc/passwd") + "&image=1000000&at=nan,inf&scale=0,0",
    "far away": "image=-1&at=1e9,0&scale=1",
    "very long values": f"model={LONG}&image={LONG}&at={LONG},{LONG}&hide={LONG}&layers={LONG}",
    "script": "&".join(f"{name}={SCRIPT}" for name in ("model", "image", "mode", "at", "layers", "hide", "engine")),
}


ALWAYS = ("unknown names", "script")


@pytest.mark.parametrize(
    "query",
    [
        pytest.param(query, id=name, marks=[] if name in ALWAYS else pytest.mark.slow)
        for name, query in ADDRESSES.items()
    ],
)
def test_the_map_is_ready_and_says_what_it_did_not_take(open_page, query):
    page = open_page(query)  # fails on any error in the console
    notices = page.get_by_test_id("notice")
    assert notices.first.is_visible() and notices.count() == query.count("=")
    assert "Traceback" not in page.locator("body").inner_text()
    assert page.evaluate("() => window.hacked") is None
    settle(page)
    assert page.get_by_test_id("torch-check").get_attribute("data-kind") == "agrees"


def test_a_notice_can_be_sent_away(open_page):
    page = open_page("image=-1&mode=x")
    notices = page.get_by_test_id("notice")
    assert notices.count() == 2
    notices.first.get_by_role("button").click()
    assert notices.count() == 1
