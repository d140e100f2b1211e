"""The tools that explain, compare, draw and check losses. Nothing here is loaded by ``import lossbook``."""
