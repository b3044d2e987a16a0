"""What an app or a group may say: parsing, validation, normal form, updates. Pure, no IO.

The rules are those of a running Marathon 1.11 (facts/marathon.md, recordings); its answers are
kept to the letter, its mistakes included, because clients are tested against them here.
"""
