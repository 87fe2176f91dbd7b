"""Pure rules: functions of the tree that choose paths, choose the answer, and stop the search."""
