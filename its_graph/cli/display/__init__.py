"""What commands print: live view, tables, reports."""
