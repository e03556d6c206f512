"""LibreOffice on a user's computer: the extension, putting it in place, and what can keep it from working."""
