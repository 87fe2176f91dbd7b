"""Terminal output of commands: live view, tables, reports."""
