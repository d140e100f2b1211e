"""The pieces to play with, held to lossbook: what a browser shows at random settings, and what a hand can do."""

import json

import numpy as np
import pytest
from browsing import BROWSER, FLAGS, needs_browser

import lossbook
from lossbook.book import showpieces

PIECES = {name: getattr(showpieces, name) for name in ("bet", "lattice", "painting")}
PAGE = """<!doctype html><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>A piece</title><body style="margin:8px"><div id="piece" style="width:100%"></div><script>{bundle}</script>"""


@pytest.fixture(scope="module")
def opened(tmp_path_factory):
    """Open a piece in a browser of a width, and return its page; what the page complains of is an error."""
    vl_convert = pytest.importorskip("vl_convert")
    sync_api = pytest.importorskip("playwright.sync_api")
    place = tmp_path_factory.mktemp("pieces") / "page.html"
    place.write_text(PAGE.format(bundle=vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;")))
    with sync_api.sync_playwright() as play:
        browser = play.chromium.launch(executable_path=BROWSER, args=FLAGS)

        def opened(name, width=1280):
            page = browser.new_page(viewport={"width": width, "height": 1000})
            page.complaints = []
            page.on("pageerror", lambda error: page.complaints.append(str(error)))
            page.on(
                "console",
                lambda said: said.type in ("error", "warning") and page.complaints.append(said.text),
            )
            page.goto(place.as_uri())
            spec = {
                key: value for key, value in PIECES[name]().spec.items() if key != "$schema"
            }  # as on the site
            page.evaluate(
                "spec => vegaEmbed('#piece', spec, {mode: 'vega', ...spec.usermeta.embedOptions})"
                ".then(r => { window.view = r.view; })",
                spec,
            )
            return page

        yield opened
        browser.close()


def set_signals(page, **signals):
    page.evaluate(
        "async signals => { for (const [k, v] of Object.entries(signals)) { view.signal(k, v); await view.runAsync(); } }",
        signals,
    )


def data(page, name, *fields):
    rows = page.evaluate(f"view.data('{name}').map(d => {json.dumps(fields)}.map(f => d[f]))")
    return np.array(rows, dtype=float)


@needs_browser
def test_every_bet_costs_what_lossbook_says(opened):
    page, rng = opened("bet"), np.random.default_rng(5)
    truths = page.evaluate("view.signal('truths')")
    for _ in range(40):
        held = rng.multinomial(20, rng.dirichlet([0.5, 0.5, 0.5]))
        truth = rng.choice(list(truths))
        set_signals(page, truth=truth, green=int(5 * held[2]), asked=int(5 * held[1]), sunday=17)
        q, p = np.array([truths[truth]]), held[np.newaxis] / 20
        cost = lossbook.CategoricalCrossentropy()
        assert np.isclose(page.evaluate("view.signal('mean')"), cost(q, p), rtol=1e-12)
        assert np.isclose(page.evaluate("view.signal('least')"), cost(q, q), rtol=1e-12)
        by_winner = lossbook.categorical_crossentropy(np.eye(3), np.tile(p, (3, 1)))
        won = data(page, "raced", "won")[:, 0].astype(int)
        assert len(won) == 17
        assert np.isclose(data(page, "last", "average")[0, 0], by_winner[won].mean(), rtol=1e-12)
    assert not page.complaints


@needs_browser
def test_every_song_costs_what_lossbook_says(opened):
    page, rng = opened("lattice"), np.random.default_rng(6)
    for name, label in {"chiff chaff": [1, 2], "chiff chiff": [1, 1]}.items():
        for _ in range(15):
            scores = rng.normal(0, 2, (6, 3)).round(2)
            flat = {f"z{t}{k}": scores[t, k] for t in range(6) for k in range(3)}
            set_signals(page, label=name, **flat)
            loss = -np.log(page.evaluate("view.signal('P')"))
            assert np.isclose(loss, lossbook.ctc([label], [scores])[0], rtol=1e-10)
            shown = data(page, "cells", "gradient").reshape(6, 3)
            assert np.allclose(shown, lossbook.ctc_gradient([label], [scores])[0], rtol=0, atol=1e-10)
            assert np.allclose(data(page, "nodes", "passed").reshape(6, 5).sum(axis=1), 1)
            flows = data(page, "edges", "t", "flow")
            assert np.allclose([flows[flows[:, 0] == t, 1].sum() for t in range(5)], 1)
    assert not page.complaints


@needs_browser
def test_the_paths_are_as_many_as_can_be_counted(opened):
    import itertools

    page = opened("lattice")
    for name, label in {"chiff chaff": (1, 2), "chiff chiff": (1, 1)}.items():
        paths = sum(
            tuple(s for s, _ in itertools.groupby(path) if s) == label
            for path in itertools.product(range(3), repeat=6)
        )
        set_signals(page, label=name)
        assert f"over {paths} paths" in page.locator("svg").text_content()


@needs_browser
def test_every_painting_costs_what_lossbook_says(opened):
    page, rng = opened("painting"), np.random.default_rng(7)
    starts = page.evaluate("view.signal('starts')")
    for start in starts:
        sure, alpha = float(rng.integers(55, 100)) / 100, float(rng.integers(0, 11)) / 10
        set_signals(page, start=start, sure=sure, alpha=alpha)
        for _ in range(6):  # strokes, as a hand makes them
            brush = str(rng.choice(["spot", "no spot", "answer", "no answer"]))
            set_signals(page, stroke={"cell": int(rng.integers(144)), "brush": brush})
        shown = data(page, "pixels", "truth", "marked", "g0", "g1", "g2")
        truth, marked = shown[:, 0], shown[:, 1]
        p = np.where(marked == 1, sure, 1 - sure)
        losses = (
            lossbook.BinaryCrossentropy(),
            lossbook.Dice(),
            lossbook.Tversky(alpha=alpha, beta=1 - alpha),
        )
        words = page.locator("svg").text_content()
        for loss, gradient in zip(losses, shown[:, 2:].T, strict=True):
            assert np.allclose(gradient, loss.gradient(truth, p) * p * (1 - p), rtol=1e-9, atol=1e-12)
            value = float(loss(truth, p))
            assert any(f"{value + slack:.4f}" in words for slack in (0, -5e-9, 5e-9)), (start, loss)
    assert not page.complaints


@needs_browser
@pytest.mark.parametrize("width", [390, 1280])
def test_a_hand_paints_what_it_touches(opened, width):
    page = opened("painting", width)
    set_signals(page, start="nothing yet", brush="answer")
    side = page.evaluate("view.signal('canvas')") / 12
    corner = page.locator("svg").bounding_box()
    x, y = corner["x"] + 12, corner["y"] + 12
    page.mouse.move(x + 2.5 * side, y + 3.5 * side)
    page.mouse.down()
    page.mouse.move(x + 6.5 * side, y + 3.5 * side, steps=20)
    page.mouse.up()
    page.mouse.move(x + 9.5 * side, y + 9.5 * side, steps=5)
    page.wait_for_timeout(100)
    marked = np.flatnonzero(data(page, "pixels", "marked")[:, 0])
    assert marked.tolist() == [36 + column for column in range(2, 7)]
    assert not page.complaints


@needs_browser
@pytest.mark.parametrize("width", [390, 1280])
def test_a_hand_drags_the_bet_and_a_score(opened, width):
    page = opened("bet", width)
    place = page.evaluate("[view.signal('left'), view.signal('top'), view.signal('side')]")
    corner = page.locator("svg").bounding_box()
    left, top, side = corner["x"] + 12 + place[0], corner["y"] + 12 + place[1], place[2]
    page.mouse.click(left + side / 2, top + 0.866 * side / 2)  # half of the height: green 50, the others 25
    page.wait_for_timeout(100)
    assert page.evaluate("view.signal('held')") == [5, 5, 10]
    page.mouse.click(left, top + 0.866 * side)
    page.wait_for_timeout(100)
    assert page.evaluate("view.signal('held')") == [20, 0, 0]

    page = opened("lattice", width)
    step, left = page.evaluate("[view.signal('step'), view.signal('left')]")
    corner = page.locator("svg").bounding_box()
    x, y = corner["x"] + 12 + left + 3.5 * step, corner["y"] + 12 + 34 + 34 * 2 + 16  # frame 4, chaff
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x, y - 42, steps=10)
    page.mouse.up()
    page.wait_for_timeout(100)
    assert page.evaluate("[view.signal('frame'), view.signal('symbol')]") == [4, 2]
    assert np.isclose(page.evaluate("view.signal('z32')"), 3.0)
    assert not page.complaints


@needs_browser
@pytest.mark.parametrize("name", PIECES)
def test_a_piece_fits_a_telephone(opened, name):
    page = opened(name, 360)
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    edges = page.evaluate(
        "[...document.querySelectorAll('svg text')].map(t => t.getBoundingClientRect()).map(r => [r.left, r.right])"
    )
    assert min(left for left, _ in edges) >= 0 and max(right for _, right in edges) <= 360
    assert not page.complaints
