"""The built site: no foreign address, no broken link, search, and a look at each page in a browser."""

from __future__ import annotations

import gzip
import os
import re
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from browsing import move, needs_browser, plot_of
from conftest import ROOT

SITE = ROOT / "book" / "_build" / "html"
REQUIRED = os.environ.get("LOSSBOOK_SITE") == "required"  # .ci/run has just built it
REMOTE = re.compile(r"\s*(?:[a-z][a-z0-9+.-]*:)?//", re.IGNORECASE)  # http://…, and //… too
LOADS = {  # what a browser fetches by itself
    "script": ("src",),
    "link": ("href",),
    "img": ("src", "srcset"),
    "source": ("src", "srcset"),
    "iframe": ("src",),
    "embed": ("src",),
    "object": ("data",),
    "video": ("src", "poster"),
    "audio": ("src",),
    "track": ("src",),
    "input": ("src",),
    "use": ("href", "xlink:href"),
    "image": ("href", "xlink:href"),
}


class Page(HTMLParser):
    """What one page loads, links to, and can be linked at."""

    def __init__(self, text: str):
        super().__init__(convert_charrefs=True)
        self.loads: list[str] = []
        self.links: list[str] = []
        self.anchors: set[str] = set()
        self.styles: list[str] = []
        self.scripts: list[str] = []
        self.wordless: list[str] = []  # images without an alternative text
        self.inside = ""
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        given = {k: v or "" for k, v in attributes}
        self.inside = tag
        self.anchors |= {given[k] for k in ("id", "name") if given.get(k)}
        if tag == "a" and "href" in given:
            self.links.append(given["href"])
        if tag != "link" or given.get("rel") not in ("canonical", "next", "prev", "search", "author"):
            self.loads += [given[k] for k in LOADS.get(tag, ()) if given.get(k)]
        elif "href" in given:
            self.links.append(given["href"])
        if tag == "img" and not given.get("alt", "").strip():
            self.wordless.append(given.get("src", ""))
        if "style" in given:
            self.styles.append(given["style"])

    def handle_endtag(self, tag):
        self.inside = ""

    def handle_data(self, data):
        if self.inside == "style":
            self.styles.append(data)
        if self.inside == "script":
            self.scripts.append(data)


def css_addresses(text: str) -> list[str]:
    """Return what a style sheet loads."""
    text = re.sub(r"/\*.*?\*/", "", text, flags=re.DOTALL)
    found = re.findall(r"url\(\s*(?:\"([^\"]*)\"|'([^']*)'|([^)\"']*))\s*\)", text)
    return ["".join(parts).strip() for parts in found] + re.findall(r"@import\s+[\"']([^\"']+)", text)


@cache
def read(path: Path) -> Page:
    return Page(path.read_text(encoding="utf-8"))


def foreign(page: Page) -> list[str]:
    """Return what a page loads from elsewhere."""
    loads = page.loads + [address for style in page.styles for address in css_addresses(style)]
    scripts = [found for code in page.scripts for found in re.findall(r"[\"'`](https?://[^\"'`]+)", code)]
    return [address for address in loads if REMOTE.match(address)] + scripts


def broken(path: Path, site: Path) -> list[str]:
    """Return the links and files of a page that lead nowhere."""
    found = []
    page = read(path)
    for address in page.links + page.loads:
        parts = urlsplit(address)
        if parts.scheme or REMOTE.match(address):
            continue
        target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
        if target.is_dir():
            target = target / "index.html"
        if not target.is_relative_to(site) or not target.exists():
            found.append(f"{path.name} -> {address}: no such file")
        elif target.name == "try.html" and re.match(r"loss=\w+", parts.fragment):
            continue  # what the form is to show
        elif (
            parts.fragment
            and target.suffix == ".html"
            and unquote(parts.fragment) not in read(target).anchors
        ):
            found.append(f"{path.name} -> {address}: no such anchor")
    return found


# ------------------------------------------------------------ the checks below are able to fail


def test_foreign_addresses_are_found():
    page = Page(
        '<script src="https://a.example/x.js"></script><link rel="stylesheet" href="//b.example/x.css">'
        '<img src="_static/x.png"><a href="https://c.example">fine</a><p style="background:url(http://d.example/x)">'
        '<style>@import "https://e.example/x.css";</style><script>import("https://f.example/x.mjs")</script>'
    )
    assert [re.search(r"(\w)\.example", a)[1] for a in foreign(page)] == ["a", "b", "d", "e", "f"]


def test_broken_links_are_found(tmp_path):
    (tmp_path / "a.html").write_text(
        '<a href="b.html#here">1</a><a href="b.html#gone">2</a><a href="c.html">3</a><a href="#nowhere">4</a>'
        '<img src="x.png"><a href="https://d.example/#x">5</a><a href="../up.html">6</a>',
        encoding="utf-8",
    )
    (tmp_path / "b.html").write_text('<p id="here">', encoding="utf-8")
    found = broken(tmp_path / "a.html", tmp_path)
    assert [line.split(" -> ")[1].split(":")[0] for line in found] == [
        *("b.html#gone", "c.html", "#nowhere", "../up.html", "x.png"),
    ]


# ------------------------------------------------------------------------------ the built files


def test_the_site_was_built():
    if REQUIRED:
        assert state_of_the_site() == ""


def state_of_the_site() -> str:
    """Say why the built site cannot be checked: an empty string where it can."""
    if not (SITE / "index.html").exists():
        return "the site is not built: run make book"
    built = (SITE / "searchindex.js").stat().st_mtime  # written last
    sources = [p for folder in ("notebooks", "book") for p in (ROOT / folder).rglob("*") if p.is_file()]
    left_out = {"_build", ".ipynb_checkpoints", "__pycache__"}
    newer = [p for p in sources if not left_out & set(p.parts) and p.stat().st_mtime > built]
    return f"{newer[0].relative_to(ROOT)} is newer than the site: run make book" if newer else ""


needs_site = pytest.mark.skipif(bool(state_of_the_site()), reason=state_of_the_site() or "the site is built")
PAGES = [p for p in sorted(SITE.rglob("*.html")) if "_static" not in p.parts]


@needs_site
def test_no_page_loads_from_elsewhere():
    found = [f"{path.relative_to(SITE)}: {address}" for path in PAGES for address in foreign(read(path))]
    assert not found, "\n".join(found)


@needs_site
def test_no_style_sheet_loads_from_elsewhere_or_from_nowhere():
    found = []
    for path in SITE.rglob("*.css"):
        for address in css_addresses(path.read_text(encoding="utf-8")):
            if address.startswith(("data:", "#")):
                continue
            if REMOTE.match(address) or not (path.parent / unquote(urlsplit(address).path)).exists():
                found.append(f"{path.relative_to(SITE)}: {address}")
    assert not found, "\n".join(found)


@needs_site
def test_every_link_leads_somewhere():
    found = [line for path in PAGES for line in broken(path, SITE)]
    assert not found, "\n".join(found)


@needs_site
def test_every_image_has_words():
    assert Page('<img src="a.png"><img src="b.png" alt=" "><img src="c.png" alt="c">').wordless == [
        "a.png",
        "b.png",
    ]
    found = [f"{path.relative_to(SITE)}: {source}" for path in PAGES for source in read(path).wordless]
    assert not found, "\n".join(found)


@needs_site
def test_what_is_folded_is_called_by_the_words_that_stand_on_it():
    folded = {
        path: re.findall(r"<summary[^>]*>\s*<p[^>]*>", path.read_text(encoding="utf-8")) for path in PAGES
    }
    assert sum(map(len, folded.values())) > 100
    assert not [path.name for path, found in folded.items() if any("aria-label" in one for one in found)]


@needs_site
def test_every_notebook_has_a_page_and_search_knows_it():
    index = (SITE / "searchindex.js").read_text(encoding="utf-8")
    for source in (ROOT / "notebooks").rglob("*.md"):
        name = source.relative_to(ROOT / "notebooks").with_suffix("").as_posix()
        assert (SITE / f"{name}.html").exists(), f"{name} has no page: run make book"
        assert f'"{name}"' in index, f"search does not know {name}"


@needs_site
def test_every_ledger_row_can_be_linked_to_and_is_styled():
    for source in (ROOT / "notebooks" / "articles").glob("*.md"):
        rows = re.findall(r"^\*\*(A\d-\d+)\*\* · ", source.read_text(encoding="utf-8"), re.MULTILINE)
        page = (SITE / "articles" / f"{source.stem}.html").read_text(encoding="utf-8")
        styled = re.findall(r'<p class="verdict verdict-[a-z-]+" id="(a\d-\d+)">', page)
        assert styled == [row.lower() for row in rows], source.name


@needs_site
def test_the_site_names_no_place_of_one_machine():
    import sync

    for path in PAGES:
        match = sync.PLACES_OF_A_RUN.search(path.read_text(encoding="utf-8"))
        assert not match, f"{path.relative_to(SITE)}: {match.group()}"


# --------------------------------------------------------------------------------- in a browser


@cache
def context_of(browser, scheme: str):
    """One window for all pages of a scheme: what they share is read once."""
    return browser.new_context(color_scheme=scheme, viewport={"width": 1280, "height": 900})


LEFT = "net::ERR_ABORTED"
"""What the browser says of a request that it gave up because the page was left or loaded again: a page
asks for its icon after it is loaded, so that is no fault of the page. A file that is missing fails otherwise."""


def visit(browser, address: str, scheme: str = "light"):
    """Open a page; return it with what it asked of other addresses and what it complained of."""
    page = context_of(browser, scheme).new_page()
    asked, said = [], []
    page.on(
        "request", lambda r: None if r.url.startswith(("file:", "data:", "blob:")) else asked.append(r.url)
    )
    page.on("requestfailed", lambda r: None if r.failure == LEFT else asked.append(f"failed: {r.url}"))
    page.on("console", lambda m: said.append(m.text) if m.type == "error" else None)
    page.on("pageerror", lambda e: said.append(str(e)))
    page.goto(address, wait_until="load")
    return page, asked, said


@needs_site
@needs_browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pages_open_from_the_file_system(browser, scheme):
    for path in PAGES:
        page, asked, said = visit(browser, path.as_uri(), scheme)
        name = path.relative_to(SITE)
        assert asked == [], f"{name} asked for {asked}"
        assert said == [], f"{name} said {said}"
        assert page.evaluate("document.documentElement.dataset.theme") == scheme, name
        formulas, shown = page.locator(".math").count(), page.locator(".math math").count()
        assert formulas == shown, f"{name}: {formulas} formulas, {shown} set"
        wrong = page.locator("merror, .temml-error").all_text_contents()
        assert wrong == [], f"{name}: formulas with an error: {wrong}"
        width = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
        assert width <= 0, f"{name} is {width} pixels wider than the window"
        page.close()


WORRIED = [
    "loss is nan", "loss nan after first epoch", "loss negative", "negative binary crossentropy",
    "loss stuck at 0.693", "loss not decreasing", "loss does not go down", "val loss lower than train loss",
    "custom loss different from keras", "accuracy 0 from_logits", "loss 16.118", "wrong loss value",
    "gradient is zero", "mixed precision nan", "no gradients provided for any variable",
]  # fmt: skip
"""Queries that the clinic must answer first."""

ALSO_WORRIED = [
    "training loss increases exploding", "loss is constant from first epoch", "val_loss below loss",
    "numpy and keras loss different", "loss suspiciously low", "padded sequences accuracy high",
    "sample_weight wrong shape", "loss doubles batch size", "invalid argument label", "custom loss gives nan",
]  # fmt: skip
"""Other words: the clinic must be among the answers."""

SOUGHT = {
    "losses/mean_squared_error": ("MSE", "mean squared error", "L2 loss", "nn.MSELoss", "MeanSquaredError"),
    "losses/mean_absolute_error": ("mae", "L1Loss pytorch", "mean absolute error"),
    "losses/quantile": ("pinball loss", "quantile regression", "prediction interval"),
    "losses/mean_absolute_percentage_error": ("mape", "percentage error"),
    "losses/mean_squared_logarithmic_error": ("rmsle", "msle loss"),
    "losses/huber": (
        "huber",
        "smooth l1 loss",
        "robust regression",
        "loss for outliers",
        "tf.keras.losses.Huber",
    ),
    "losses/log_cosh": ("logcosh", "log cosh loss"),
    "losses/binary_crossentropy": (
        "bce",
        "BCEWithLogitsLoss",
        "binary cross entropy",
        "log loss",
        "multi-label",
    ),
    "losses/categorical_crossentropy": (
        "categorical crossentropy",
        "softmax cross entropy one-hot",
        "label smoothing",
    ),
    "losses/sparse_categorical_crossentropy": (
        *("sparse categorical crossentropy", "integer labels", "nn.CrossEntropyLoss", "ignore_index"),
    ),
    "losses/categorical_generalized_cross_entropy": ("noisy labels", "GCE loss"),
    "losses/kl_divergence": ("kl divergence", "KLDivLoss", "relative entropy"),
    "losses/poisson": ("poisson loss", "count data"),
    "losses/binary_focal_crossentropy": ("focal loss", "RetinaNet loss"),
    "losses/hinge": ("svm loss", "hinge"),
    "losses/categorical_hinge": ("multiclass hinge",),
    "losses/dice": ("dice loss", "image segmentation", "IoU loss"),
    "losses/tversky": ("tversky", "false positives false negatives"),
    "losses/cosine_similarity": ("cosine similarity", "embeddings direction"),
    "losses/circle": ("circle loss", "triplet loss"),
    "losses/ctc": ("ctc", "speech recognition", "ctc_batch_cost"),
    "foundations/from-element-to-scalar": ("reduction sum_over_batch_size", "sample_weight mask reduction"),
    "foundations/logits-and-floating-point": ("from_logits", "numerical stability float16"),
    "foundations/gradients-and-training": ("gradient descent learning rate",),
    "practice/why-your-number-differs": ("my loss does not match numpy", "keras vs pytorch loss"),
    "practice/debugging": ("gradient clipping clipnorm", "vanishing gradient"),
    "reference/cheat-sheet": ("cheat sheet", "all losses formula table"),
    "reference/known-differences": ("keras bug tversky alpha beta swapped", "keras documentation wrong"),
    "reference/speed": ("benchmark speed",),
    "reference/glossary": ("glossary",),
}
"""What people type, and the page that answers it."""

ENOUGH = 0.9  # of the queries have their page among the first three


@pytest.fixture(scope="module")
def seeker(browser):
    """The page of search, opened from the file system."""
    page, asked, said = visit(browser, (SITE / "search.html").as_uri() + "?q=huber")
    page.wait_for_selector("#search-results li a", timeout=60_000)
    assert asked == [] and said == []
    yield page
    page.close()


def answers(seeker, words):
    """The pages that search finds, in order."""
    seeker.fill("#seeking-words", words)
    return [link.get_attribute("href") for link in seeker.locator("#search-results li > a").all()]


@needs_site
@needs_browser
def test_search_works_from_the_file_system_and_says_when_it_finds_nothing(seeker):
    assert answers(seeker, "verdict") and not any(REMOTE.match(link) for link in answers(seeker, "verdict"))
    assert answers(seeker, "qqqqqqqq") == []
    assert "Nothing found" in seeker.locator("[role=status]").text_content()


@needs_site
@needs_browser
def test_search_finds_the_page_among_the_first_three(seeker):
    queries = [(query, page) for page, its in SOUGHT.items() for query in its]
    missed = []
    for query, page in queries:
        first = [link.split("#")[0] for link in answers(seeker, query)[:3]]
        if f"{page}.html" not in first:
            missed.append((query, page, first))
    assert len(queries) >= 60 and len(missed) <= (1 - ENOUGH) * len(queries), missed


@needs_site
@needs_browser
def test_worried_words_find_the_clinic(seeker):
    for words in WORRIED:
        assert answers(seeker, words)[0].startswith("practice/clinic.html#"), (
            words,
            answers(seeker, words)[:3],
        )
    for words in ALSO_WORRIED:
        assert any("practice/clinic" in link for link in answers(seeker, words)[:5]), words


# ------------------------------------------------------------------------- for every reader

KINDS_OF_PAGES = [
    "index.html", "losses/huber.html", "practice/clinic.html", "articles/a1-different-types-of-loss-functions.html",
    "reference/glossary.html", "reference/api/explore.html", "search.html",
]  # fmt: skip
"""A page of every kind: whose colours are tried, which takes seconds each."""

SERIOUS = """async rules => (await axe.run({resultTypes: ["violations"], rules})).violations
    .filter(found => ["serious", "critical"].includes(found.impact))
    .map(found => `${found.id}: ${found.nodes[0].html.slice(0, 120)} (${found.nodes.length})`)"""


@needs_site
@needs_browser
@pytest.mark.slow
@pytest.mark.parametrize("scheme, width", [("light", 1280), ("dark", 360), ("dark", 1280), ("light", 360)])
def test_no_page_has_a_serious_fault_for_its_readers(browser, scheme, width):
    """By axe-core. Pages are looked at in two windows, those of a kind in all four and for their colours."""
    import axe_playwright_python

    axe = (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text(encoding="utf-8")
    context = browser.new_context(color_scheme=scheme, viewport={"width": width, "height": 900})
    every = PAGES if (scheme, width) in (("light", 1280), ("dark", 360)) else []
    found = []
    for path in {*every, *(SITE / name for name in KINDS_OF_PAGES)}:
        page = context.new_page()
        page.goto(path.as_uri())
        name = path.relative_to(SITE).as_posix()
        wide = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
        found += [f"{name} is {wide} pixels wider than the window"] if wide > 0 else []
        page.evaluate(axe)
        rules = {"color-contrast": {"enabled": name in KINDS_OF_PAGES}}
        found += [f"{name}: {line}" for line in page.evaluate(SERIOUS, rules)]
        page.close()
    context.close()
    assert not found, "\n".join(found)


@needs_site
@needs_browser
def test_axe_finds_a_fault(browser):
    """The check above is able to fail."""
    import axe_playwright_python

    page = browser.new_page()
    page.set_content(
        "<html lang='en'><title>x</title><main><h1>x</h1><img src=''><p style='color:#bbb'>pale words</p></main>"
    )
    page.evaluate((Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text(encoding="utf-8"))
    faults = page.evaluate(SERIOUS, {"color-contrast": {"enabled": True}})
    assert {line.split(":")[0] for line in faults} >= {"image-alt", "color-contrast"}, faults
    page.close()


@needs_site
def test_a_page_loads_no_more_than_it_uses():
    """A phone on a slow line: what holds up the first paint, and what a chapter weighs compressed."""
    for name in ("index.html", "losses/categorical_crossentropy.html"):
        page, text = read(SITE / name), (SITE / name).read_text(encoding="utf-8")
        loaded = {((SITE / name).parent / unquote(urlsplit(a).path)).resolve() for a in page.loads}
        weight = sum(len(gzip.compress(p.read_bytes())) for p in loaded if p.suffix in (".js", ".css"))
        assert len(gzip.compress(text.encode())) + weight < 250_000, (
            f"{name}: {weight} bytes of scripts and styles"
        )
        blocking = re.findall(r"<script src=\"([^\"?]+)", text)
        assert [Path(address).name for address in blocking] == ["documentation_options.js"], blocking


@needs_site
@needs_browser
def test_a_chart_is_a_still_picture_without_javascript(browser):
    context = browser.new_context(java_script_enabled=False, color_scheme="light")
    page = context.new_page()
    page.goto((SITE / "losses" / "huber.html").as_uri())
    stills = page.locator(".moving-chart img:visible")
    stills.first.scroll_into_view_if_needed()
    page.wait_for_timeout(500)
    box = stills.first.bounding_box()
    assert stills.count() == 1 and box["width"] > 500 and 300 < box["height"] < 800
    assert (
        page.locator(".math math").count() > 10
        and page.locator("html").get_attribute("data-theme") == "light"
    )
    assert page.locator("blockquote", has_text="Predict first").count() == 1
    context.close()


CHARTS = [p for p in PAGES if 'class="moving-chart"' in p.read_text(encoding="utf-8")]
DRAWN = "c => c.dataset.drawn === 'yes'"
WORDS_CUT_OFF = """chart => {
    const right = document.documentElement.clientWidth;
    const texts = [...chart.querySelectorAll("svg text, label, output, .moving-chart-reading")];
    const out = texts.filter(t => t.textContent && getComputedStyle(t).visibility !== "hidden")
        .map(t => [t.textContent, t.getBoundingClientRect()])
        .filter(([, box]) => box.width && (box.left < 0 || box.right > right + 0.5));
    return out.map(([text]) => text);
}"""
SMALLEST = """chart => {
    const svg = chart.querySelector("svg.marks");
    const scale = svg.getBoundingClientRect().width / svg.viewBox.baseVal.width;
    return scale * Math.min(...[...svg.querySelectorAll("text")].map(t => parseFloat(getComputedStyle(t).fontSize)));
}"""


@needs_site
def test_pages_with_charts_load_what_draws_them_and_no_other_page_does():
    loading = [p for p in PAGES if re.search(r'src="[^"]*moving\.js', p.read_text(encoding="utf-8"))]
    assert loading == CHARTS != []
    assert not any(re.search(r'src="[^"]*vega\.js', p.read_text(encoding="utf-8")) for p in PAGES)


BRUSH = "paint"  # with what the next touch paints: tests/test_showpieces.py touches


@needs_site
@needs_browser
def test_every_slider_moves_its_plot(browser):
    """By keyboard, from end to end: each of the two moves must change what is drawn."""
    moved = 0
    for path in CHARTS:
        page, asked, said = visit(browser, path.as_uri())
        name = path.relative_to(SITE)
        for chart in page.locator(".moving-chart").all():
            chart.scroll_into_view_if_needed()
            page.wait_for_function(DRAWN, arg=chart.element_handle(), timeout=30_000)
            assert len(chart.get_attribute("aria-label").split()) >= 15, f"{name}: a chart without words"
            assert chart.locator("[role][aria-label] > svg.marks").count() == 1, (
                f"{name}: a picture without a role"
            )
            controls = chart.locator("input[type=range], select").all()
            assert controls, f"{name}: a chart without sliders"
            for control in controls:
                stuck = move(page, control, lambda chart=chart: plot_of(chart))
                label = chart.locator(f"label[for='{control.get_attribute('id')}']").text_content()
                assert not stuck or label == BRUSH, f"{name}: {label!r} does not move its plot"
                moved += 1
            assert chart.bounding_box()["width"] <= 760, f"{name}: a chart wider than the text"
        assert asked == [] and said == [], f"{name}: {asked} {said}"
        page.close()
    assert moved >= 2 * len(CHARTS)


@needs_site
@needs_browser
@pytest.mark.parametrize("width", [360, 390])
def test_every_chart_fits_a_phone(browser, width):
    context = browser.new_context(viewport={"width": width, "height": 800}, color_scheme="dark")
    for path in CHARTS:
        page = context.new_page()
        page.goto(path.as_uri())
        for chart in page.locator(".moving-chart").all():
            chart.scroll_into_view_if_needed()
            page.wait_for_function(DRAWN, arg=chart.element_handle(), timeout=30_000)
            name = path.relative_to(SITE)
            assert chart.evaluate(WORDS_CUT_OFF) == [], name
            assert chart.evaluate(SMALLEST) >= 8.5, f"{name}: letters that cannot be read"
            assert chart.evaluate("c => c.scrollWidth <= c.clientWidth"), f"{name}: a chart is cut off"
        page.close()
    context.close()


@needs_site
@needs_browser
def test_a_chart_is_drawn_when_near_says_its_numbers_follows_the_theme_and_is_reset(browser):
    page, asked, said = visit(browser, (SITE / "losses" / "huber.html").as_uri())
    assert page.evaluate("typeof vegaEmbed") == "undefined", "Vega is loaded before a chart is near"
    chart = page.locator(".moving-chart").first
    chart.scroll_into_view_if_needed()
    page.wait_for_function(DRAWN, arg=chart.element_handle(), timeout=30_000)

    def lines():
        return [line.get_attribute("d") for line in chart.locator("svg.marks .mark-line path").all()]

    reading, first = chart.locator("[aria-live]"), lines()
    assert "loss" in reading.text_content() and "slope" in reading.text_content()
    before, slider = reading.text_content(), chart.locator("input[type=range]").first
    slider.focus()
    page.keyboard.press("End")
    page.wait_for_function("([r, old]) => r.textContent !== old", arg=[reading.element_handle(), before])
    chart.get_by_role("button", name="Reset").click()
    page.wait_for_function("([r, old]) => r.textContent === old", arg=[reading.element_handle(), before])
    assert lines() == first != []

    def colours():
        return {line.get_attribute("stroke") for line in chart.locator("svg.marks .mark-line path").all()}

    by_day = colours()
    page.evaluate("document.documentElement.dataset.theme = 'dark'")
    page.wait_for_timeout(1500)
    assert colours() and not colours() & by_day
    assert asked == [] and said == []
    page.close()


@needs_site
@needs_browser
@pytest.mark.parametrize("act", ["scroll", "slider"])
def test_a_phone_draws_a_chart_when_its_reader_does_something(browser, act):
    """Until then the still picture stands there, and what draws is not loaded."""
    phone = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
    context = browser.new_context(color_scheme="light", **phone)
    page, asked = context.new_page(), []
    page.on("request", lambda r: asked.append(r.url))
    page.goto((SITE / "index.html").as_uri())
    page.wait_for_timeout(1000)
    assert page.locator(".moving-chart-canvas img").count() and not any("vega.js" in url for url in asked)
    if act == "scroll":
        page.evaluate("window.scrollTo(0, 50)")
    else:
        page.locator(".moving-chart-control input").first.press("ArrowRight")
    page.wait_for_selector(".moving-chart[data-drawn]", timeout=30_000)
    context.close()


@needs_site
@needs_browser
def test_the_matrix_is_filtered(browser):
    address = (SITE / "practice" / "matrix.html").as_uri()
    page, asked, said = visit(browser, address)
    seen = page.locator("table.matrix tbody tr:visible")
    told, every = page.locator(".matrix-filters output"), seen.count()
    assert told.inner_text() == f"{every} of {every} rows" and told.get_attribute("aria-live") == "polite"
    task = page.get_by_label("Task")
    task.focus()
    page.keyboard.press("ArrowDown")  # by keyboard, too
    assert task.input_value() != "" and 0 < seen.count() < every
    page.get_by_label("Verdict").select_option("silently wrong")
    verdicts = {row.get_attribute("data-verdict") for row in seen.all()}
    assert verdicts == {"silently wrong"} and told.inner_text() == f"{seen.count()} of {every} rows"
    page.get_by_role("button", name="Clear").click()
    assert seen.count() == every
    page.goto(f"{address}?verdict=raises#binary.sigmoid-1.column.binary-crossentropy")
    page.reload()
    shown = page.locator("table.matrix tr.found")
    assert shown.is_visible() and shown.get_attribute("data-verdict") == "works"  # an address is always seen
    assert asked == [] and said == []
    page.close()


@needs_site
@needs_browser
def test_a_stranger_reaches_the_line_to_compile_in_three_clicks(browser):
    page, _, _ = visit(browser, (SITE / "index.html").as_uri())
    page.get_by_role("link", name="The matrix", exact=True).first.click()
    row = page.locator("tr", has_text="numbers, one class rare").first
    assert "SparseCategoricalCrossentropy()" in row.inner_text() and "class_weight" in row.inner_text()
    page.close()
