"""Planning cases in Excel workbooks: the same case as in YAML, one sheet for each noun."""
