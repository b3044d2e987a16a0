"""The node: a process with W workers that runs tasks as subprocesses. Standard library only."""
