"""padbench: compare methods for pose-agnostic anomaly detection, completely and honestly."""

__version__ = "0.1.0"
