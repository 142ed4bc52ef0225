"""The command line for Zhipu's CogView image models."""

__version__ = "0.3.0"
