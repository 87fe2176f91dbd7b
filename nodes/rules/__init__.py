"""Pure rules: functions of the tree that select, choose, stop."""
