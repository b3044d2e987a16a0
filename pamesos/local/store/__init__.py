"""What the embedded Marathon keeps: the tree of groups, its versions, and how they reach a disk."""
