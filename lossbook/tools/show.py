"""What the package knows about a loss, shown in Jupyter: its formula, and the source that runs.

Nothing here is loaded by ``import lossbook``.
"""

import ast
import inspect
import textwrap

__all__ = ["Formula", "Source", "formula", "source"]


class Formula(str):
    """A formula in LaTeX, which Jupyter and the site set in type.

    Examples
    --------
    >>> Formula("e^2")._repr_latex_()
    '$$e^2$$'
    """

    def _repr_latex_(self):
        return f"$${self}$$"


class Source(str):
    """Python source, which Jupyter and the site show in colour.

    Examples
    --------
    >>> print(Source("a = 1  # one")._repr_markdown_())
    ```python
    a = 1  # one
    ```
    """

    def __repr__(self):
        return str(self)

    def _repr_markdown_(self):
        return f"```python\n{self}\n```"


def formula(function):
    """Return the formula of a loss, or of the slope of one, as the catalogue has it.

    Parameters
    ----------
    function : callable
        A function of the catalogue, such as ``lossbook.huber`` or ``lossbook.huber_gradient``.

    Returns
    -------
    Formula

    Raises
    ------
    KeyError
        If the function is not in the catalogue.

    Examples
    --------
    >>> import lossbook
    >>> print(formula(lossbook.mean_squared_error_gradient))
    \\frac{\\partial \\ell_i}{\\partial \\hat y_{ij}} = \\frac{2\\,(\\hat y_{ij} - y_{ij})}{D}
    """
    from lossbook.registry import CATALOGUE, spec_of

    for spec in CATALOGUE.values():
        if spec.gradient is function:
            return Formula(spec.gradient_formula)
    return Formula(spec_of(function).formula)


def source(function):
    """Return the source of a function without its docstring: the lines that run, and no copy of them.

    Parameters
    ----------
    function : callable
        Any function written in Python.

    Returns
    -------
    Source

    Raises
    ------
    TypeError, OSError
        If there is no source to show, as for functions written in C.

    Examples
    --------
    >>> from lossbook.losses.regression import huber
    >>> print(source(huber).splitlines()[0])
    def huber(y_true: ArrayLike, y_pred: ArrayLike, delta: float = 1.0) -> np.ndarray:
    """
    text = textwrap.dedent(inspect.getsource(function))
    lines = text.splitlines()
    definition = ast.parse(text).body[0]
    docstring = definition.body[0] if ast.get_docstring(definition) is not None else None
    kept = range(definition.lineno, len(lines) + 1)  # from the line of def on
    if docstring is not None:
        kept = [line for line in kept if not docstring.lineno <= line <= docstring.end_lineno]
    return Source("\n".join(lines[line - 1] for line in kept))
