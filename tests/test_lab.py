"""A chapter in JupyterLab: its directives are rendered, all its cells run, and its chart moves."""

import asyncio
import inspect
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import nbformat
import pytest
import sync
from browsing import BROWSER, FLAGS, move, needs_browser, plot_of
from conftest import ROOT

CHAPTER = "losses/huber.ipynb"
PAIRS = [sync.twin(source).relative_to(ROOT).as_posix() for source in sync.sources()]
START, RUN = 90, 300  # seconds that the server and all cells may take


@pytest.fixture(scope="module")
def clone(tmp_path_factory):
    """The pairs and the settings of Jupytext, as in a clone, to be written to."""
    folder = tmp_path_factory.mktemp("clone")
    shutil.copy(ROOT / "pyproject.toml", folder)
    shutil.copytree(ROOT / "notebooks", folder / "notebooks", ignore=shutil.ignore_patterns(".*"))
    return folder


@pytest.fixture(scope="module")
def contents(clone):
    """What JupyterLab opens and saves files with, where Jupytext is installed."""
    from jupytext import TextFileContentsManager

    return TextFileContentsManager(root_dir=str(clone))


def done(answer):
    return asyncio.run(answer) if inspect.isawaitable(answer) else answer


@pytest.mark.parametrize("path", PAIRS)
def test_a_pair_opens_folded_and_a_save_changes_nothing(contents, clone, path):
    notebook = done(contents.get(path))["content"]
    for cell in notebook.cells:
        if "solution" in cell.metadata.get("tags", []):
            assert cell.metadata.jupyter == {"outputs_hidden": True, "source_hidden": True}, cell.source
    done(contents.save({"type": "notebook", "format": "json", "content": notebook}, path))
    for name in (path, path.replace(".ipynb", ".md")):
        assert (clone / name).read_text("utf-8") == (ROOT / name).read_text("utf-8"), f"{name}: run make sync"


def test_a_pair_without_its_header_would_open_unfolded(contents, clone):
    """The check above is able to fail: the header is what brings the folding back."""
    path = "notebooks/losses/huber"
    text = (ROOT / f"{path}.md").read_text("utf-8")
    (clone / f"{path}.md").write_text(text.replace("  cell_metadata_filter: tags,mystnb,-all\n", ""), "utf-8")
    cells = done(contents.get(f"{path}.ipynb"))["content"].cells
    assert not any(cell.metadata.get("jupyter") for cell in cells)
    (clone / f"{path}.md").write_text(text, "utf-8")


def test_make_lab_opens_the_landing_page_and_offers_one_file_a_page(clone):
    from jupytext import TextFileContentsManager

    opened = re.search(r"--LabApp.default_url=/lab/tree/(\S+)", (ROOT / "Makefile").read_text("utf-8"))[1]
    assert opened == "notebooks/index.ipynb" and (ROOT / opened).exists()
    settings = json.loads((ROOT / "book" / "lab" / "jupyter_server_config.json").read_text("utf-8"))
    contents = TextFileContentsManager(root_dir=str(clone), **settings["ContentsManager"])
    offered = {entry["name"] for entry in done(contents.get("notebooks/losses"))["content"]}
    assert offered == {Path(path).name for path in PAIRS if path.startswith("notebooks/losses/")}
    glossary = done(contents.get("notebooks/reference/glossary.md", type="file"))  # a link still opens it
    assert "Glossary" in glossary["content"]


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """JupyterLab on a copy of one chapter, so that nothing here is written to."""
    folder = tmp_path_factory.mktemp("lab")
    (folder / "losses").mkdir()
    shutil.copy(ROOT / "notebooks" / CHAPTER, folder / CHAPTER)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    home = {name: str(folder / name) for name in ("JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR")}
    settings = {
        "JUPYTER_CONFIG_PATH": str(ROOT / "book" / "lab"),
        "JUPYTER_CONFIG_DIR": str(folder / "config"),
    }
    command = [
        *(sys.executable, "-m", "jupyter", "lab", "--no-browser", "--allow-root", f"--port={port}"),
        *("--IdentityProvider.token=", f"--ServerApp.root_dir={folder}", "--ServerApp.port_retries=0"),
    ]
    log = open(folder / "log", "w")
    process = subprocess.Popen(command, env={**os.environ, **home, **settings}, stdout=log, stderr=log)
    address = f"http://127.0.0.1:{port}"
    try:
        for _ in range(2 * START):
            try:
                urllib.request.urlopen(f"{address}/api", timeout=5)
                break
            except OSError:
                assert process.poll() is None, "JupyterLab did not start"
                time.sleep(0.5)
        yield address
    finally:
        process.terminate()
        process.wait(timeout=30)
        log.close()


@pytest.fixture(scope="module")
def page(server):
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=BROWSER, args=FLAGS, headless=True)
        page = chromium.new_page(viewport={"width": 1400, "height": 1000})
        page.goto(f"{server}/lab/tree/{CHAPTER}")
        page.wait_for_selector(".jp-MarkdownCell .myst", timeout=START * 1000)
        yield page
        chromium.close()


def cells_of(kind):
    return [
        c for c in nbformat.read(ROOT / "notebooks" / CHAPTER, as_version=4).cells if c.cell_type == "code"
    ]


@pytest.mark.slow
@needs_browser
def test_a_chapter_works_in_jupyterlab(page):
    notebook = page.locator(".jp-Notebook")

    # The stored chart moves before any cell has run: its still picture is for others.
    chart = notebook.locator(".vega-embed").first
    chart.wait_for(state="attached", timeout=60_000)
    output = chart.locator("xpath=ancestor::*[contains(@class, 'jp-OutputArea-output')][1]")
    assert output.locator("svg.marks").count() == 1 and output.locator("img").count() == 0
    assert chart.locator("input[type=range]").count() == 3

    # A stored trace reads from the left, though JupyterLab strips the style sheet of what it does not trust.
    trace = notebook.locator(".lossbook-explain").first
    trace.wait_for(state="attached", timeout=60_000)
    assert trace.locator("xpath=preceding-sibling::style").count() == 0
    assert trace.locator("td").first.evaluate("cell => getComputedStyle(cell).textAlign") == "left"
    assert trace.locator("code.array").first.evaluate("c => getComputedStyle(c).whiteSpace") == "pre"

    # Notes and formulas are rendered, and what only Sphinx reads is not shown.
    last = notebook.locator(".jp-MarkdownCell .myst", has_text="What you can say now")
    last.wait_for(state="attached", timeout=60_000)  # they are drawn from the first to the last
    text = "\n".join(notebook.locator(".jp-MarkdownCell .myst").all_text_contents())
    assert "Predict first" in text and "What you can say now" in text
    assert not re.search(r":::|```\{|\$\$|:label:", text), "a directive is shown as text"
    assert notebook.locator(".jp-MarkdownCell .katex, .jp-MarkdownCell mjx-container").count() > 5
    assert notebook.locator(".jp-MarkdownCell blockquote", has_text="Predict first.").count() == 1
    for title in ("Predict", "Change", "Find the bug"):
        assert notebook.locator(".jp-MarkdownCell h3", has_text=title).count() == 1, title

    # Solutions are folded. Unfold them, to see their numbers.
    assert notebook.locator(".jp-CodeCell .jp-Placeholder").count() > 0
    page.get_by_role("menuitem", name="View", exact=True).click()
    page.get_by_text("Expand All Code", exact=True).click()

    # Run All succeeds: every cell has a new number, and only those meant to fail did.
    cells = cells_of("code")
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_text("Restart Kernel and Run All Cells…").click()
    page.get_by_role("button", name="Confirm Kernel Restart").click()
    prompts = "() => [...document.querySelectorAll('.jp-CodeCell .jp-InputPrompt')].map(p => p.textContent)"
    wanted = [f"[{number}]:" for number in range(1, len(cells) + 1)]
    deadline = time.monotonic() + RUN
    while page.evaluate(prompts) == wanted:  # the stored numbers, until the kernel is new
        assert time.monotonic() < deadline, "Run All did not begin"
        page.wait_for_timeout(100)
    while page.evaluate(prompts) != wanted:
        assert time.monotonic() < deadline, f"Run All did not end: {page.evaluate(prompts)}"
        page.wait_for_timeout(500)
    failed = notebook.locator("[data-mime-type='application/vnd.jupyter.stderr']").count()
    assert failed == sum("raises-exception" in cell.metadata.get("tags", []) for cell in cells)

    # The chart moves, by keyboard and by mouse. (JupyterLab keeps the arrow keys for its cells.)
    chart = notebook.locator(".vega-embed").first
    chart.scroll_into_view_if_needed()
    sliders = chart.locator("input[type=range]").all()
    assert len(sliders) == 3
    for slider in sliders:
        assert not move(page, slider, lambda: plot_of(chart), ["End"]), "a slider does not move its plot"
        before, box = plot_of(chart), slider.bounding_box()
        page.mouse.click(box["x"] + 0.9 * box["width"], box["y"] + box["height"] / 2)
        page.wait_for_timeout(1000)
        assert plot_of(chart) != before, "a slider does not follow the mouse"
