"""The summary of a loss: its formulas from the catalogue, and its facts, on the cheat sheet of the book."""


def _without_type(parameter):
    return str(parameter.replace(annotation=parameter.empty)).replace(" = ", "=")


def summary(spec):
    """Write all about one loss as Markdown, with formulas between dollar signs.

    Parameters
    ----------
    spec : lossbook.registry.LossSpec
        The loss, as the catalogue knows it.

    Returns
    -------
    str
        A block quote: name, formula, slope, facts. The name links to the chapter, as seen
        from a page in a folder beside the chapters'.

    Examples
    --------
    >>> from lossbook.registry import CATALOGUE
    >>> print(summary(CATALOGUE["dice"]).splitlines()[0])
    > **[Dice](../losses/dice.ipynb)** · `dice(y_true, y_pred, axis=None)`
    """
    facts = spec.facts
    signature = ", ".join(["y_true, y_pred", *(_without_type(p) for p in spec.parameters.values())])
    lines = [
        f"**[{spec.cls.__name__}](../losses/{spec.name}.ipynb)** · `{spec.name}({signature})`",
        _display(spec.formula),
        _display(spec.gradient_formula),
        f"**Range** {_number(facts.low)} to {_number(facts.high)}. "
        f"**Best constant** {facts.minimiser}. "
        f"**Labels** {facts.labels}. "
        f"**Last layer** {facts.output}.",
        f"**Trap** {facts.trap}",
    ]
    return "\n>\n".join(f"> {line}" for line in lines)


def _display(formula):
    """Set a formula on a line of its own, and each of its parts on one, where it has several."""
    parts = [part.strip(" ,").removesuffix(r"\quad") for part in formula.split(r"\qquad")]
    if len(parts) == 1:
        return f"$${formula}$$"
    return r"$$\begin{gathered}" + r" \\ ".join(parts) + r"\end{gathered}$$"


def _number(text):
    return text.replace("inf", "∞").replace("-", "−")
