"""Replays the transcripts of the real Marathon on the embedded one and compares each answer.

``python -m tests.local.conformance [RECORDING…]`` prints the table; a server of its own is started
for each recording, or ``--url`` names one.
"""
