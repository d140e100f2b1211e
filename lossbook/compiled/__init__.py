"""The losses as machine code: the very lines a reader sees, noted step by step, written as loops, and compiled.

An optional package, ``lossbook[fast]``, which :class:`lossbook.fast` opens. Read it in this order: ``steps``
(the steps of a loss), ``loops`` (the text of its loops), ``elementary`` (exp, log and their kin), ``machine``
(the text becomes machine code, which is kept), ``road`` (from arrays to a number).
"""
