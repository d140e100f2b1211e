"""Measurements: how exact the losses are, and whether the tests would notice if they were wrong."""
