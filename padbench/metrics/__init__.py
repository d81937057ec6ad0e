"""Metrics of stored predictions: fractions in [0, 1] and degrees; what is not defined is absent."""
