"""Commands that start the tiers: POSIX sh, complete in ``cmd``, readable in the Marathon UI.

No secret is in them: passwords come by environment variables and go into files of mode 0600.
"""
