"""Runs the checkout's program with a provider that writes files in place of calling a cluster.

The recorder of previews copies it over the program of its project, whose own is then
``facility.py``. Nothing else of the program is changed.
"""

import os
import runpy
from functools import partial
from pathlib import Path

import pulumi_kubernetes as k8s

# The facility's own call of Provider(...) does not know of this.
k8s.Provider = partial(k8s.Provider, render_yaml_to_directory=os.environ["RENDER_TO"])  # type: ignore[misc]
runpy.run_path(str(Path(__file__).parent / "facility.py"), run_name="__main__")
