"""Workbook files (.xlsx, .xlsm) as they are: parts, cells and bytes, read with limits and changed without loss."""
