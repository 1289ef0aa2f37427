/* Keeps the library a library while tests/support has no source yet. */
