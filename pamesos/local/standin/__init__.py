"""A stand-in for the ProActive server and node, for machines without a ProActive distribution.

It takes the real command lines, serves the recorded part of the real REST API, keeps its jobs in
the cluster's database and runs tasks as subprocesses. It is not ProActive, and says so on its
output and in the version that its REST API reports. Nodes import nothing but the standard
library, because there are many of them.
"""

from __future__ import annotations

#: In the place of ``14.2.0-SNAPSHOT`` of the recordings.
VERSION = "14.2.0-stand-in"
BANNER = "This is the pamesos STAND-IN for the ProActive {role}; it is not ProActive."
