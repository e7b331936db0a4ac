"""FAAAAACES: who appears in my videos, when, and where else?"""

__version__ = "0.1.0"
