"""The watcher: observe, decide, act. One thread for each cluster, so that none stalls another."""
