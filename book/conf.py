"""How the book is bound. Sources are in notebooks/; this folder holds everything else."""

import os
import sys
import tomllib
from pathlib import Path

BOOK = Path(__file__).resolve().parent
NOTEBOOKS = BOOK.parent / "notebooks"
sys.path[:0] = [str(BOOK / "ext"), str(BOOK.parent)]

# -- The project -------------------------------------------------------------------------------
project = "lossbook"
version = tomllib.loads((BOOK.parent / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
author = "The lossbook authors"
copyright = author  # no year: a build gives the same bytes on any day
html_title = "lossbook"
html_last_updated_fmt = None
language = "en"

# -- What is read ------------------------------------------------------------------------------
extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx_copybutton",
    "formulas",
    "filters",
    "hidden",
    "light",
    "ebook",
    "moving",
    "names",
    "seeking",
    "playground",
    "terms",
    "verdicts",
    "worries",
]
exclude_patterns = [
    "**/.ipynb_checkpoints",
    # A .md with an executed twin is the source of that twin: the twin is what the site shows.
    *sorted(p.with_suffix(".md").relative_to(NOTEBOOKS).as_posix() for p in NOTEBOOKS.rglob("*.ipynb")),
]
nitpicky = True
nitpick_ignore = [  # Python's and NumPy's own names: the site is built offline, and links to neither
    ("py:class", "callable"),
    ("py:class", "functools.partial"),
    ("py:class", "inspect.Parameter"),
    ("py:class", "numpy.generic"),
    ("py:class", "numpy.ndarray"),
    ("py:func", "functools.partial"),
    ("py:func", "functools.wraps"),
    ("py:func", "sys.settrace"),
]

nb_execution_mode = "off"  # the twins are executed by make sync and checked by make test
nb_merge_streams = True
nb_render_markdown_format = "myst"  # a formula in an output of a cell is set, as in JupyterLab
nb_code_prompt_show = "Show the code"  # of figures; sync.py says it otherwise for solutions
nb_code_prompt_hide = "Hide the code"
myst_enable_extensions = [
    "amsmath",
    "attrs_block",
    "attrs_inline",
    "colon_fence",
    "deflist",
    "dollarmath",
]
myst_heading_anchors = 3
myst_dmath_double_inline = True
myst_update_mathjax = False  # formulas.py sets them
smartquotes = False

autodoc_member_order = "bysource"  # the order of the chapters
autodoc_preserve_defaults = True
autodoc_typehints = "none"
add_module_names = False  # they head the page
toc_object_entries_show_parents = "hide"
python_maximum_signature_line_length = 80
napoleon_google_docstring = False
napoleon_use_param = False  # types are words here, such as array_like, and no links
napoleon_use_rtype = False
napoleon_use_ivar = True
html_domain_indices = False  # the index has every module, too

copybutton_prompt_text = r">>> |\.\.\. |\$ |In \[\d*\]: | {2,5}\.\.\.: | {5,8}: "
copybutton_prompt_is_regexp = True
copybutton_exclude = ".linenos, .gp, .go"

# -- What is written ---------------------------------------------------------------------------
html_theme = "sphinx_book_theme"
html_baseurl = os.environ.get("LOSSBOOK_URL", "")  # where the site is served, for what must name itself
html_favicon = html_logo = "_static/favicon.svg"
html_static_path = ["_static"]
templates_path = ["_templates"]
html_css_files = ["lossbook.css"]
html_context = {"default_mode": "light"}  # where no script runs; else as the reader's system says
html_copy_source = False
html_show_sourcelink = False
html_additional_pages = {"404": "404.html"}
html_theme_options = {
    "navbar_start": [],
    "navbar_center": [],
    "navbar_end": [],
    "navbar_persistent": [],  # search stands in the sidebar
    "logo": {"text": "lossbook", "alt_text": "The mark of lossbook, a valley with a ball in it"},
    "show_navbar_depth": 1,
    "show_toc_level": 2,
    "toc_title": "On this page",
    "use_download_button": False,
    "use_fullscreen_button": False,
    "use_source_button": False,
    "use_edit_page_button": False,
    "use_issues_button": False,
    "use_repository_button": False,
    "home_page_in_toc": True,
    "article_footer_items": [],
    "footer_content_items": [],
    "pygments_light_style": "a11y-high-contrast-light",  # 4.5 to 1 and more on the ground of the cells
    "pygments_dark_style": "github-dark-high-contrast",
}
pygments_style = "a11y-high-contrast-light"

# Where the repository is on the web: buttons to edit, download and launch a page. The one place to set it.
REPOSITORY = os.environ.get("LOSSBOOK_REPOSITORY", "")  # such as https://github.com/somebody/lossbook
if REPOSITORY:
    html_copy_source = True  # what the download button hands out
    html_theme_options |= {
        "repository_url": REPOSITORY,
        "repository_branch": "main",
        "path_to_docs": "notebooks",
        "use_repository_button": True,
        "use_edit_page_button": True,
        "use_download_button": True,
        "launch_buttons": {
            "binderhub_url": "https://mybinder.org",
            "colab_url": "https://colab.research.google.com",
        },
    }

# -- As an e-book ------------------------------------------------------------------------------
epub_title = html_title
epub_author = author
epub_description = "Loss functions, computed from scratch, explained line by line and checked against Keras"
epub_publisher = author
epub_identifier = epub_uid = "lossbook"
epub_scheme = "Title"
epub_show_urls = "no"
epub_css_files = ["paper.css"]
epub_exclude_files = ["_static/vega.js", "_static/minisearch.js", "_static/pages.js", "_static/seeking.js"]
suppress_warnings = ["epub.unknown_project_files", "epub.duplicated_toc_entry"]
