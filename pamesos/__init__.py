"""Run and guard ProActive clusters on Apache Mesos through Marathon."""

__version__ = "0.1.0"
