"""The loss doctor: its checks of arrays, models and logs, its findings, and the rows of the clinic."""
