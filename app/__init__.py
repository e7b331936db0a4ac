"""FAAAAACES: who appears in my videos, when, and where else?"""

import os

__version__ = "0.1.0"

# ONNX Runtime reports its use to its maker unless this is set before it is loaded. Nothing leaves this machine.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"
