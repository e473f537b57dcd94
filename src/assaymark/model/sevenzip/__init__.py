"""7z archives (7zFormat.txt of the LZMA SDK), read by our own code over the decoders of the standard library."""
