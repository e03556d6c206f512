"""Tables of any size: columns found by header, brought into one form, counted in one frame.

``headers`` finds columns. ``cell_columns`` reads them from spreadsheet cells, ``native_columns`` from
data frames and files. ``frames`` puts them together: on Polars where it is installed, else on pandas,
and on DuckDB for files, so that a KPI on narwhals has one definition however big the data is.
"""
