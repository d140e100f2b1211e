"""The rule by which a stored output and a new one agree, from both sides."""

import copy
import json
from decimal import Decimal

import nbformat
import numpy as np
import pytest
from agreement import data_difference, difference, numbers_agree, settle, text_difference
from hypothesis import assume, given
from hypothesis import strategies as st

# --- numbers ------------------------------------------------------------------------------

AGREE = [
    ("0.510824", "0.5108241"),  # the last digit of a float32
    ("0.25541046", "0.2554105"),  # neighbours in float32, three units of the eighth digit apart
    ("0.001649", "0.00165"),  # a zero dropped
    ("0.00165", "0.001650"),
    ("9.999e-1", "1.000"),  # a border between decades
    ("1.0000", "0.9999"),
    ("0.999999", "1.0"),
    ("-0.5108", "-0.5109"),
    ("1.234e-07", "1.235e-07"),
    ("1.234e-7", "1.234e-07"),
    ("9.99999e-05", "0.0001"),
    ("0.5", "0.50000006"),
    ("0.5", "0.500001"),
    ("1,234.567", "1,234.568"),
    ("999.9999", "1,000.0"),
    ("16777215.0", "16777214.0"),  # neighbours in float32
    ("0.30000000000000004", "0.3"),  # neighbours in float64
    ("0.1234567890", "0.1234567891"),
    ("1234.567", "1234.568"),
]
DIFFER = [
    ("0.83", "0.84"),
    ("0.001649", "0.001652"),
    ("0.5108241", "0.5108261"),
    ("0.25541046", "0.25541053"),  # two neighbours further
    ("0.123456789", "0.123456791"),  # the first is no float32
    ("0.30000000000000004", "0.29999999999999993"),
    ("0.1234567890", "0.1234567892"),
    ("0.5108", "-0.5108"),
    ("0.0", "-0.0"),
    ("0.0", "1.401e-45"),
    ("1.401e-45", "2.803e-45"),  # neighbours, and twice as large
    ("1.234e-07", "1.234e-08"),
    ("1.234e-07", "1.234e+07"),
    ("1e-07", "1.0e-07"),  # short: letter by letter
    ("0.5", "0.50"),
    ("0.5", "0.5000"),
    ("0.83", "0.8301"),  # a short number, and another format
    ("0.5", "0.5001"),
    ("0.0001", "9.9999e-05"),
    ("0.100", "0.101"),
    ("0.0999", "0.1000"),  # three digits on one side
    ("1.000", "0.999"),
    ("1234", "1235"),
    ("1234.", "1235."),  # a whole number, as NumPy prints it
    ("1.0", "1"),
    ("999999", "1e+06"),
    ("1,234.5", "1,235.5"),
    ("12345678901234567890", "12345678901234567891"),
    ("nan", "0.5108"),
    ("inf", "nan"),
    ("inf", "3.4028235e+38"),
    ("1.797693134862315e+308", "inf"),
]


@pytest.mark.parametrize("stored, computed", AGREE)
def test_numbers_that_one_rounding_explains_agree(stored, computed):
    assert numbers_agree(stored, computed) and numbers_agree(computed, stored)
    assert not text_difference(f"loss {stored} nats", f"loss {computed} nats")


@pytest.mark.parametrize("stored, computed", DIFFER)
def test_other_numbers_do_not(stored, computed):
    assert not numbers_agree(stored, computed) and not numbers_agree(computed, stored)
    assert text_difference(f"loss {stored} nats", f"loss {computed} nats")


def spelled(whole, last, point=True):
    """Write ``whole`` units of the decimal place ``last``, with a point or with an exponent."""
    number = Decimal(whole).scaleb(last)
    return f"{number:f}" if point else f"{number:e}"


@given(whole=st.integers(1000, 999_999), last=st.integers(-12, -1), down=st.booleans(), point=st.booleans())
def test_one_unit_of_the_last_digit_agrees_and_two_do_not(whole, last, down, point):
    step = -1 if down else 1
    assume(whole + 2 * step >= 1000)
    stored = spelled(whole, last, point)
    assert numbers_agree(stored, spelled(whole + step, last, point))
    assert not numbers_agree(stored, spelled(whole + 2 * step, last, point))


@given(whole=st.integers(1, 998), last=st.integers(-12, -1))
def test_one_unit_of_a_short_number_does_not_agree(whole, last):
    assert not numbers_agree(spelled(whole, last), spelled(whole + 1, last))


SPELLINGS = {  # as books print them: the shortest that is unique, fixed digits, with an exponent
    np.float32: (str, "{:.4g}".format, "{:.6g}".format, "{:.8g}".format, "{:.9g}".format, "{:.8e}".format),
    np.float64: (
        str,
        "{:.4g}".format,
        "{:.10g}".format,
        "{:.15g}".format,
        "{:.17g}".format,
        "{:.16e}".format,
    ),
}
NORMAL = {
    np.float32: st.floats(np.float32(1.0e-30), np.float32(1.0e30), width=32),
    np.float64: st.floats(1e-300, 1e300),
}


@pytest.mark.parametrize("kind", SPELLINGS)
@given(data=st.data())
def test_neighbours_agree_however_they_are_printed(kind, data):
    value = kind(data.draw(st.floats(1e-4, 99).map(kind)))
    spell = data.draw(st.sampled_from(SPELLINGS[kind]))
    texts = [spell(x) for x in (value, np.nextafter(value, kind(np.inf)))]
    assume(all("." in text or "e" in text for text in texts))
    assume(max(len(text.split("e")[0].lstrip("0.").replace(".", "")) for text in texts) >= 4)
    assert numbers_agree(*texts)


@given(value=NORMAL[np.float32], steps=st.integers(2, 50))
def test_float32_numbers_further_apart_do_not_agree(value, steps):
    first = np.float32(value)
    second = first
    for _ in range(steps):
        second = np.nextafter(second, np.float32(np.inf))
    assert not numbers_agree(f"{first:.8e}", f"{second:.8e}")


@given(value=NORMAL[np.float64], steps=st.integers(2, 50))
def test_float64_numbers_further_apart_do_not_agree(value, steps):
    second = value
    for _ in range(steps):
        second = np.nextafter(second, np.inf)
    assert not numbers_agree(f"{value:.16e}", f"{float(second):.16e}")


# --- texts --------------------------------------------------------------------------------

TABLE = """\
engine    value       difference
────────  ──────────  ────────────────
lossbook  0.25541046  within rounding"""
NARROW = """\
engine    value      difference
────────  ─────────  ────────────────
lossbook  0.2554105  within rounding"""
TEXTS_THAT_AGREE = [
    ("[0.5       0.5108241]", "[0.5      0.510824]"),  # a column of NumPy's narrows
    ("array([0.5      , 0.510824 ])", "array([0.5      , 0.5108241])"),
    ("[10.00  2.5]", "[ 9.999 2.5]"),  # and its point moves
    ("[[-10.00   0.5]\n [  2.5    1. ]]", "[[-9.999  0.5]\n [ 2.5    1. ]]"),
    (TABLE, NARROW),
    ("98.765%", "98.766%"),
    ("(0.5108,0.2554)", "(0.5109,0.2554)"),
    ("loss=0.5108, slope=-0.2554.", "loss=0.5107, slope=-0.2555."),
    (r"$\ell = 0.5108\,\text{nats}$", r"$\ell = 0.5109\,\text{nats}$"),
]
TEXTS_THAT_DIFFER = [
    ("within rounding of 0.5108", "beyond rounding of 0.5108"),
    ("0.5108 nats", "0.5108 bits"),
    ("0.5108\n", "0.5108"),
    ("0.5108 0.2554", "0.2554 0.5108"),
    ("0.5108  nats", "0.5108 nats"),  # white space alone
    ("[0.5  0.5108]", "[0.5 0.5109]"),
    (TABLE, NARROW.replace("  within", "   within").replace("rounding", "rounding ")),
    (TABLE, NARROW.replace("────────  ", "──────  ")),
    ("a  0.25541046", "a0.2554105"),
    ("shape (3, 2)", "shape (2, 3)"),
    ("1000 samples", "1001 samples"),
    ("3.1234.5", "3.1234.6"),  # versions, dates, times, ids, paths, addresses, units
    ("keras==3.1512", "keras==3.1513"),
    ("2024-01-15.1234", "2024-01-15.1235"),
    ("12:34:56.7890", "12:34:56.7891"),
    ("weight_1.2345", "weight_1.2346"),
    ("run-1.2345", "run-1.2346"),
    ("doi 10.1145/3292500.3330672", "doi 10.1145/3292500.3330673"),
    ("0x1.2345p3", "0x1.2346p3"),
    ("#1234.5", "#1234.6"),
    ("127.0.0.1234", "127.0.0.1235"),
    ("1.2345px", "1.2346px"),
    ("007.1234", "007.1235"),
    ("nan 0.5108", "inf 0.5108"),
    ("98.7%", "98.8%"),
    ("-0.5108", "+0.5108"),
    ("-0.5108", " 0.5108"),
    ("0.5108 -0.0", "0.5108 0.0"),
]


@pytest.mark.parametrize("stored, computed", TEXTS_THAT_AGREE)
def test_texts_agree_that_differ_by_roundings(stored, computed):
    assert not text_difference(stored, computed) and not text_difference(computed, stored)


@pytest.mark.parametrize("stored, computed", TEXTS_THAT_DIFFER)
def test_other_texts_do_not(stored, computed):
    assert text_difference(stored, computed) and text_difference(computed, stored)


HTML = (
    '<style>td { padding: 1.2345em; color: #1234.5; }</style><table width="1.2345em"><!-- 1.2345 -->'
    "<tr><td>0.25541046</td><td></td><td>30</td><td><pre>[0.5       0.5108241]</pre></td></tr></table>"
)
HTML_EDITS = {
    "a neighbour": (("0.25541046", "0.2554105"), True),
    "a narrower column": (("[0.5       0.5108241]", "[0.5      0.510824]"), True),
    "another value": (("0.25541046", "0.25541146"), False),
    "a length in the style": (("1.2345em; c", "1.2346em; c"), False),
    "a colour": (("#1234.5", "#1234.6"), False),
    "an attribute": (('width="1.2345em"', 'width="1.2346em"'), False),
    "a comment": (("<!-- 1.2345", "<!-- 1.2346"), False),
    "another cell": (("<td>0.25541046</td><td></td>", "<td></td><td>0.25541046</td>"), False),
    "an integer": (("30", "31"), False),
    "another tag": (("<pre>[0.5       0.5108241]</pre>", "<code>[0.5       0.5108241]</code>"), False),
}


@pytest.mark.parametrize("edit", HTML_EDITS)
def test_html_is_exact_but_for_the_numbers_in_its_text(edit):
    (old, new), agree = HTML_EDITS[edit]
    assert HTML.count(old) == 1
    assert (difference("text/html", HTML, HTML.replace(old, new)) == "") is agree


def test_code_in_markdown_is_exact_and_prose_is_not():
    text = "The loss is 0.6931.\n```python\nlog_2 = 0.69314718\n```\nSee `0.6931`."
    assert not difference("text/markdown", text, text.replace("is 0.6931", "is 0.6932"))
    assert difference("text/markdown", text, text.replace("0.69314718", "0.69314719"))
    assert difference("text/markdown", text, text.replace("`0.6931`", "`0.6932`"))
    assert difference("image/svg+xml", "<path d='M 0.5108'/>", "<path d='M 0.5109'/>")


# --- charts -------------------------------------------------------------------------------

CHART = {
    "width": 560.25,
    "datasets": {"settings": [{"loss": [0.001649, 1.5, 36], "label": "0.5108 nats", "piece": 0}]},
    "layer": [
        {"data": {"values": [{"x": 0.5108}], "format": {"ratio": 0.5108}}},
        {"scale": {"domain": [0.1234, 10.0]}, "opacity": 0.8125, "mark": {"color": "#d55e00"}},
    ],
    "params": [{"name": "start", "value": 0.5108}],
}
CHART_EDITS = {
    "a zero dropped": (lambda c: loss(c).__setitem__(0, 0.00165), True),
    "a unit in inline data": (lambda c: c["layer"][0]["data"]["values"][0].update(x=0.5109), True),
    "a number in a label": (lambda c: c["datasets"]["settings"][0].update(label="0.5109 nats"), True),
    "two units": (lambda c: loss(c).__setitem__(0, 0.001652), False),
    "a short number": (lambda c: loss(c).__setitem__(1, 1.6), False),
    "an integer": (lambda c: loss(c).__setitem__(2, 37), False),
    "another type": (lambda c: loss(c).__setitem__(2, 36.0), False),
    "true for 0": (lambda c: c["datasets"]["settings"][0].update(piece=False), False),
    "a number lost": (lambda c: loss(c).pop(), False),
    "two swapped": (lambda c: loss(c).reverse(), False),
    "a width": (lambda c: c.update(width=560.26), False),
    "a domain": (lambda c: c["layer"][1]["scale"].update(domain=[0.1235, 10.0]), False),
    "an opacity": (lambda c: c["layer"][1].update(opacity=0.8126), False),
    "a colour": (lambda c: c["layer"][1]["mark"].update(color="#d55e01"), False),
    "where a slider starts": (lambda c: c["params"][0].update(value=0.5109), False),
    "a setting beside data": (lambda c: c["layer"][0]["data"]["format"].update(ratio=0.5109), False),
    "a key lost": (lambda c: c.pop("params"), False),
}


def loss(chart):
    return chart["datasets"]["settings"][0]["loss"]


@pytest.mark.parametrize("edit", CHART_EDITS)
def test_charts_are_exact_but_for_their_data(edit):
    change, agree = CHART_EDITS[edit]
    chart = json.loads(json.dumps(CHART))
    change(chart)
    assert (difference("application/vnd.vegalite.v5+json", CHART, chart) == "") is agree
    assert difference("application/vnd.vegalite.v5+json", CHART, copy.deepcopy(CHART)) == ""


def test_plain_json_is_data():
    assert not difference("application/json", {"loss": 0.5108}, {"loss": 0.5109})
    assert data_difference({"loss": 0.51}, {"loss": 0.52})


# --- outputs ------------------------------------------------------------------------------


def outputs(stdout="0.5108 nats\n", plain="0.2554", evalue="Received 0.6931"):
    """Return a cell's outputs, as a notebook stores them."""
    return [
        nbformat.v4.new_output("stream", name="stdout", text=stdout),
        nbformat.v4.new_output("execute_result", {"text/plain": plain, "image/png": "iVBO"}),
        nbformat.v4.new_output("error", ename="ValueError", evalue=evalue, traceback=[]),
    ]


@pytest.mark.parametrize("field", ["stdout", "plain", "evalue"])
def test_every_field_of_an_output_is_settled_or_named(field):
    original = outputs()
    text = {"stdout": "0.5108 nats\n", "plain": "0.2554", "evalue": "Received 0.6931"}[field]
    digit = next(i for i in reversed(range(len(text))) if text[i].isdigit())
    near = text[:digit] + str(int(text[digit]) + 1) + text[digit + 1 :]
    far = text[:digit] + str((int(text[digit]) + 5) % 10) + text[digit + 1 :]
    settled, reasons = settle(original, outputs(**{field: near}))
    assert settled == original and not reasons
    settled, reasons = settle(original, outputs(**{field: far}))
    assert settled != original and len(reasons) == 1
    assert original == outputs()


def test_a_lost_output_is_not_settled():
    settled, _ = settle(outputs(), outputs()[:1])
    assert settled == outputs()[:1]
