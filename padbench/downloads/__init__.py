"""Fetch data sets and weights: tables of sources, transfer, archives, and the last step, which is a rename."""
