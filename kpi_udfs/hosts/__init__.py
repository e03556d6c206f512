"""One module per application that offers the functions; each imports only its own."""
