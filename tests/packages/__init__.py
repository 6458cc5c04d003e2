"""The wheels that are built of this source, as whoever installs them finds them."""
